"""What one recogniser is, and the names of programs that several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from arm_ci.diagnosis.reading.findings import Finding


class Recogniser(NamedTuple):
    """One message of one tool."""

    needs: tuple[str, ...]
    """One of these lower-case texts stands in each such line: looked for before the pattern, as that is fast."""
    pattern: re.Pattern[str]
    meaning: Callable[[re.Match[str]], Finding | None]
    """From the match to the finding; None when it is not one after all."""


DRIVER = r"(?:[^\s:]*/)?(?:[\w.]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|gfortran|icc|icpc|nvcc)(?:-[\d.]+)?(?:\.exe)?"
"""A compiler driver as it names itself in a message."""
LINKER = r"(?:[^\s:]*/)?(?:[\w.]+-)*(?:ld|ld\.bfd|ld\.gold|ld\.lld|ld64\.lld|lld|mold|ld\.mold|gold|wasm-ld)(?:\.exe)?"

_TRIPLET = re.compile(r"^(?:[\w.]+-)+(?=(?:ld(?:\.\w+)?|as|ar|ranlib|strip)$)")


def program_name(path: str) -> str:
    """A program as labels name it: without directory, `.exe` and (for binutils) the triplet; mold by one name."""
    name = path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe").removesuffix(".real")
    # A login shell calls itself `-bash`.
    name = _TRIPLET.sub("", name.removeprefix("-"))
    return {"ld.mold": "mold", "gold": "ld.gold", "lld": "ld.lld"}.get(name, name)
