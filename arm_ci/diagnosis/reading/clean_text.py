"""Lines of a build log as a person reads them: without colours, time stamps and what a CI service puts before
them."""

from __future__ import annotations

import re

LONGEST_QUOTE = 300
"""Characters of a line that a verdict quotes."""

_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-B]|[=>78M])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
# What CI services, loggers and quoting put before a tool's own line.
_PREFIX = re.compile(
    r"(?:\s*(?:"
    r"\[\d+\]\(https?://[^)\s]*\)"  # a line number of a web page
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s\]]*\]?(?=\s|\[|$)"
    r"|\[?\d\d?:\d\d:\d\d(?:[.,]\d+)?\]?(?=\s|$)"
    r"|\d+:\d\d\.\d+(?=\s)"  # mach
    r"|Step \#\d+:(?=\s)"
    r"|default:(?=\s)"  # vagrant
    r"|= note:(?=\s)"  # rustc
    r"|\#\d+ \d+\.\d+(?=\s)"  # docker's buildkit
    r"|\d+\.\d+ (?=\[)"
    r"|\[(?:ERROR|WARN|WARNING|INFO|DEBUG|ALL|EXTRA|CFG|FILE|exec|build)\s*\](?=\s)"
    r"|(?:\#\#|::)\[?(?:error|warning|debug|command)(?:\s[^:\]]*)?(?:\]|::)"
    r"|[>│┃](?=\s)"
    r"|\|(?=\s)"
    r"|[\w.-]+_\d+\s+\|(?=\s)"  # docker-compose
    r"|(?:stderr|stdout|remote):(?=\s)"
    r"|(?:\*\*|`)(?=\S)"  # Markdown
    r"))+\s*"
)
# The source that a compiler quotes below its message: `   12 |  return x;`.
_QUOTED_SOURCE = re.compile(r"\s+\d*\s*\|(?:\s|$)|\s*\d+ \|(?:\s|$)")


def readable(data: bytes) -> str:
    """One line, decoded; colours, control characters and bytes that are no UTF-8 are left out."""
    text = data.decode("utf-8", "replace")
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return _CONTROL.sub("", text).rstrip()


def tools_own(text: str) -> str:
    """The line without what a CI service, a logger or a quotation put before it; the tool's own indent goes as
    well."""
    prefix = _PREFIX.match(text)
    return text[prefix.end() :].rstrip() if prefix else text.strip()


def is_quoted_source(text: str) -> bool:
    """Whether a compiler quotes source with this line."""
    return _QUOTED_SOURCE.match(text) is not None


def shortened(text: str, most: int = LONGEST_QUOTE) -> str:
    """The text, its middle left out when it is longer than `most` characters."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f"{text[:head]} ... {text[len(text) - (most - head - 5) :]}"
