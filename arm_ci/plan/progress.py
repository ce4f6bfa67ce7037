"""What a build tool's output says while it runs: how far it is. What the agent says in between reads
arm_ci.agent.output_lines; why it stopped is arm_ci.diagnosis's business."""

from __future__ import annotations

import re
from dataclasses import dataclass

# ninja's default NINJA_STATUS, `[%f/%t] `; CMake's makefiles print `[ 42%] Building ...`.
_NINJA = re.compile(r"^\[(\d+)/(\d+)\] ")
_CMAKE = re.compile(r"^\[ *(\d+)%\] ")


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
