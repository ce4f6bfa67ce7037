"""What the log scanner brings back: the lines that count, what each means, and which edge it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arm_ci.agent.report import OomRecord

Means = Literal[
    # A process ended by a signal or did not start.
    "killed",
    "kernel-kill",
    "terminated",
    "crashed",
    "file-limit",
    "not-loaded",
    # Somebody else says that memory ran out, or that time did.
    "oom-status",
    "not-oom",
    "silent",
    "timed-out",
    "worker-lost",
    # A request was refused.
    "refused",
    "fork-refused",
    "too-large",
    "disk-full",
    # A tool's own errors.
    "missing",
    "compile",
    "driver",
    "assembler",
    "link",
    "linker-failed",
    "configure",
    "patch",
    "test",
    "network",
    # The build tool's words about an edge, or about all of them.
    "target-failed",
    "edge-failed",
    "stopped",
]


@dataclass(frozen=True)
class Finding:
    """One line that counts."""

    means: Means
    line: int = 0
    """Number in the log, from 1."""
    text: str = ""
    """The line as a person reads it, shortened."""
    program: str = ""
    """Which program speaks or died, as the line says it."""
    output: str = ""
    """What it was making or lacked, when the line names it."""
    source: str = ""
    """The source file that the line is about."""
    bytes: int | None = None
    """What a refused request asked for."""
    signal: int | None = None
    status: int | None = None
    command: str = ""
    """The command line of its edge, when the line or the build tool's block gives it."""
    nearby_command: str = ""
    """A command line shortly before it: in a parallel build it may be another edge's."""
    level: int = 0
    """For make: its depth, make[2] is 2."""
    last_line: int = 0
    """For `edge-failed`: the last line of what that edge printed; 0 for the others."""


@dataclass(frozen=True)
class Failure:
    """An edge that the build tool calls failed, with what was found about it."""

    output: str
    build_tools_line: Finding | None
    """The build tool's own line; None for what no build tool spoke about."""
    findings: tuple[Finding, ...] = ()
    command: str = ""

    @property
    def line(self) -> int:
        """The first line about it."""
        lines = [each.line for each in self.findings]
        return min(lines) if lines else self.build_tools_line.line if self.build_tools_line else 0


@dataclass(frozen=True)
class LogFindings:
    """Everything that a log says about how a build failed."""

    findings: tuple[Finding, ...] = ()
    """In the order of the lines. Of very many alike the first and the last are kept."""
    left_out: int = 0
    """How many more there were."""
    lines: int = 0
    bytes: int = 0
    bits32: str = ""
    """What shows that the tools were 32-bit programs: `arm-linux-gnueabihf`; empty: nothing does."""
    rebuilt: frozenset[str] = frozenset()
    """Outputs that failed and that the log shows as built later."""
    succeeded: str = ""
    """The line near the end that says the build is done; empty when none does."""
    succeeded_line: int = 0
    last: str = ""
    """The last line with words, shortened, and its number: when nothing else tells, people look there."""
    last_line: int = 0
    kernel: tuple[OomRecord, ...] = ()
    """Kills by the kernel that the log itself quotes."""
