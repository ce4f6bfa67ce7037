"""Where ninja's (or CMake's) next line of progress begins: it ends what a failed edge printed."""

from __future__ import annotations

import re

# `[12/340] `, `[ 42%] `, `[3633/4806][ 75%][4310.819s] `.
_PROGRESS = re.compile(rb"\[ *\d{1,9}(?:/\d{1,9}|%)\]")
_NINJA = re.compile(rb"ninja: ")
# Time stamps, colours and what else a CI service puts before a line.
_BEFORE = re.compile(rb"[\d\s:.,TZ+\-#>|\[\]()\x1b;mK]{0,60}|\[[^\]\n]{1,40}\] +")


def next_status(text: bytes, begin: int, end: int) -> int:
    """Where the first such line within these bounds begins; -1 when there is none."""
    places = [place for place in (_first(_PROGRESS, text, begin, end), _first(_NINJA, text, begin, end)) if place >= 0]
    return min(places, default=-1)


def _first(pattern: re.Pattern[bytes], text: bytes, begin: int, end: int) -> int:
    for match in pattern.finditer(text, begin, end):
        low = max(0, match.start() - 64)
        start = max(text.rfind(b"\n", low, match.start()), text.rfind(b"\r", low, match.start())) + 1
        if (start > low or low == 0) and _BEFORE.fullmatch(text, start, match.start()):
            return max(start, begin)
    return -1
