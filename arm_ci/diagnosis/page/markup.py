"""Text of others made safe for pages and pictures: what a log, a path or a report holds is shown, and never acts."""

from __future__ import annotations

import html
import re

# Not allowed in XML 1.0, or changing how the text around it is shown (marks for the direction of writing).
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")


def harmless(text: str) -> str:
    """The text without what a terminal or a browser would obey."""
    return _UNSHOWN.sub("\ufffd", _ESCAPES.sub("", text))


def escaped(text: str, longest: int = 0) -> str:
    """The text for HTML or XML, within an element or a quoted attribute; longer ones lose their end."""
    if longest and len(text) > longest:
        text = text[: longest - 1] + "…"
    return html.escape(harmless(text))


def escaped_path(path: str, longest: int) -> str:
    """A path for a narrow place: longer ones lose their beginning, as the file's name says most."""
    if len(path) > longest:
        path = "…" + path[-(longest - 1) :]
    return escaped(path)
