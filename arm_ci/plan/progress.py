"""What a build tool's output says while it runs: how far it is, and the line that says why it stopped.

Fed line by line, with bounded memory. Judging the cause (memory or not) is arm_ci.diagnosis's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# ninja's default NINJA_STATUS, `[%f/%t] `; CMake's makefiles print `[ 42%] Building ...`.
_NINJA = re.compile(r"^\[(\d+)/(\d+)\] ")
_CMAKE = re.compile(r"^\[ *(\d+)%\] ")
_LONGEST_LINE = 4000

# The lines that tools themselves give as the reason, the most telling first.
_REASONS: tuple[re.Pattern[str], ...] = (
    re.compile(r"^ninja: error: "),
    # CMake's test of the compiler quotes the compiler's own error, which says more.
    re.compile(r"^CMake Error(?! at .*/CMakeTest)"),
    re.compile(r"^configure: error: "),
    # The compiler driver only passes on that the linker failed.
    re.compile(r"^(?!collect2: error).*(?:\b(?:fatal error|error|ERROR): |: undefined reference to |: cannot find -l)"),
    re.compile(r"^collect2: (?:fatal )?error: "),
    re.compile(r"^(?:make|gmake)(?:\[\d+\])?: \*\*\* "),
    re.compile(r"^CMake Error"),
    re.compile(r"^FAILED: "),
    re.compile(r"^ninja: "),
)


@dataclass(frozen=True)
class Progress:
    """How far a build is: `done` of `total` (edges for ninja, percent for CMake's makefiles)."""

    done: int
    total: int
    unit: str

    def __str__(self) -> str:
        return f"{self.done}%" if self.unit == "%" else f"{self.done}/{self.total}"

    @classmethod
    def of_line(cls, line: str) -> Progress | None:
        """The progress that a line tells, if it does."""
        if match := _NINJA.match(line):
            return cls(int(match[1]), int(match[2]), "edges")
        if match := _CMAKE.match(line):
            return cls(int(match[1]), 100, "%")
        return None

    def follows(self, earlier: Progress | None) -> bool:
        """Whether this is news after `earlier`; a third-party sub-build counts its own edges and is not."""
        if earlier is None or self.unit != earlier.unit:
            return True
        return self != earlier and (self.done >= earlier.done or self.total > earlier.total)


class Headline:
    """Finds the one line that says best why a command failed: the first of the most telling kind."""

    def __init__(self) -> None:
        self._rank = len(_REASONS)
        self._line = ""
        self._want_detail = False

    def feed(self, line: str) -> None:
        """Takes the next line of output."""
        line = line[:_LONGEST_LINE].strip()
        if self._want_detail and line:
            # CMake writes the place on one line and what is wrong on the next.
            self._line = f"{self._line} {line}"
            self._want_detail = False
            return
        for rank, pattern in enumerate(_REASONS[: self._rank]):
            if pattern.search(line):
                self._rank, self._line = rank, line
                self._want_detail = line.startswith("CMake Error") and line.endswith(":")
                return

    @property
    def text(self) -> str:
        """The line, or nothing when no line looked like a reason."""
        return self._line
