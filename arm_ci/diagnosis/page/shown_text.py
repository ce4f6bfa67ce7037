"""Text of others made fit to be shown: what a log, a path or a report holds is read by people, and obeyed by nothing.

This cleans and shortens. Escaping for HTML and XML is the templates' (arm_ci/diagnosis/page/rendering.py).
"""

from __future__ import annotations

import re

LONGEST_TEXT = 2000
LONGEST_PATH = 300
LONGEST_NAME = 40

# Not allowed in XML 1.0, or changing how the text around it is shown (marks for the direction of writing).
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_CODE = re.compile("`([^`]+)`")


def harmless(text: str) -> str:
    """The text without what a terminal or a browser would obey."""
    return _UNSHOWN.sub("\ufffd", _ESCAPES.sub("", text))


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text, cut to so many letters; longer ones lose their end."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shortened_path(path: str, longest: int) -> str:
    """A path for a narrow place: longer ones lose their beginning, as the file's name says most."""
    return path if len(path) <= longest else "…" + path[-(longest - 1) :]


def code_apart(sentence: str) -> list[str]:
    """A sentence of ours cut where code begins and ends, which stands in backquotes: each second piece is code."""
    return _CODE.split(shortened(sentence))
