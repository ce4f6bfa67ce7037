"""What one recogniser is, and the names of programs that several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.findings import Finding


class Recogniser(NamedTuple):
    """One message of one tool."""

    needs: tuple[str, ...]
    """One of these lower-case texts stands in each such line: looked for before the pattern, as that is fast."""
    pattern: re.Pattern[str]
    meaning: Callable[[re.Match[str]], Finding | None]
    """From the match to the finding; None when it is not one after all."""


_DRIVERS = tools.alternatives((*tools.DRIVERS, *tools.OTHER_COMPILERS))
DRIVER = rf"(?:[^\s:]*/)?{tools.TARGET}(?:{_DRIVERS})(?:-[\d.]+)?(?:\.exe)?"
"""A compiler driver as it names itself in a message."""
_LINKERS = tools.alternatives((*tools.LINKER_NAMES, *tools.LINKERS_OF_OTHER_SYSTEMS))
LINKER = rf"(?:[^\s:]*/)?{tools.TARGET}(?:{_LINKERS})(?:\.exe)?"
"""A linker as it names itself in a message."""

_TRIPLET = re.compile(rf"^(?:[\w.]+-)+(?=(?:ld(?:\.\w+)?|{tools.alternatives(tools.BINUTILS)})$)")


def program_name(path: str) -> str:
    """A program as labels name it: without directory, `.exe` and (for binutils) the triplet; a linker by one name."""
    name = path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe").removesuffix(".real")
    # A login shell calls itself `-bash`.
    name = _TRIPLET.sub("", name.removeprefix("-"))
    return tools.PROGRAM_NAMES.get(name, name)
