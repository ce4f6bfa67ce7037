"""What counts as a lost build, and what is said about it: values and sentences only, no Buildbot.

A build is lost when its worker goes while it runs. The request is then built again, twice at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_BUILDS = 3
"""A request whose build was lost is built again until it has been lost so often."""

PROPERTY = "worker_lost"
"""The property of a lost build: how it was lost. Counted, it survives a restart of the master."""

CLOSED = "connection closed"
MASTER_STOPPED = "interrupted: the master stopped; built again when it runs"
MASTER_DIED = "interrupted: the master died; built again"


@dataclass(frozen=True)
class Loss:
    """How one build was lost. `doing` is the step and its progress; empty before the first step."""

    worker: str
    how: str
    doing: str
    seconds: float

    def __str__(self) -> str:
        where = f"in {self.doing}" if self.doing else "before the first step"
        return f"worker `{self.worker}` {where}: {self.how} after {duration(self.seconds)}"


def duration(seconds: float) -> str:
    """`95 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def is_last(losses: Sequence[str]) -> bool:
    """Whether these losses end a request: it is not built again."""
    return len(losses) >= MOST_BUILDS


def sentence(losses: Sequence[str]) -> str:
    """The verdict on the last of these lost builds, oldest first, in a sentence."""
    before = f"; {len(losses) - 1} builds were lost before, see tries" if is_last(losses) else ""
    return f"worker-lost: {losses[-1]}{before}"


def again(losses: Sequence[str]) -> str:
    """What stands beside a lost build that is followed by another."""
    return f"worker lost: {losses[-1]}; built again, {len(losses) + 1} of {MOST_BUILDS}"


def table(lost: Sequence[tuple[int, str]], found: Mapping[int, str]) -> str:
    """The log with every lost build: its number, how it was lost, and what was `found` on the worker afterwards."""
    lines = []
    for number, how in lost:
        lines.append(f"build {number}: {how}\n")
        if number in found:
            lines.append(f"  afterwards on the worker: {found[number]}\n")
    return "".join(lines)
