"""Whether a machine did little but swap in the last minutes of a build, as far as samples show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arm_ci.agent.report import Report, Samples

_LAST_SECONDS = 600.0
_LEAST_SECONDS = 20.0
_SWAPPED_PER_SECOND = 2 << 20
"""Bytes in and out together: a board's card or disk does little else at that rate."""
_IN_SWAP = 8 << 20
"""So much of the build's own in swap is more than what a kernel puts there in advance."""
_STALLED = 0.3
"""Part of the time in which every task waited for memory."""
_LITTLE_FREE = 0.15


@dataclass(frozen=True)
class LastMinutes:
    """What the samples say of the end of a build; None: they do not show it."""

    seconds: float
    """How long that was."""
    swapped_per_second: float | None
    """Bytes, in and out together."""
    stalled: float | None
    """The part of the time in which every task waited for memory."""
    free: float | None
    """The part of RAM that was free, the median."""
    in_cgroup: bool
    """Whether it was a cgroup with a limit that swapped: the machine itself may have memory to spare."""

    @property
    def swaps(self) -> bool:
        """Whether the disk did little but swap, for want of memory."""
        little_free = self.in_cgroup or self.free is None or self.free <= _LITTLE_FREE
        return self.swapped_per_second is not None and self.swapped_per_second >= _SWAPPED_PER_SECOND and little_free

    @property
    def stalls(self) -> bool:
        """Whether the tasks did little but wait for memory."""
        return self.stalled is not None and self.stalled >= _STALLED


def last_minutes(report: Report) -> LastMinutes | None:
    """The end of a build; None where there are too few samples of it."""
    times = [(row, time) for row, time in enumerate(report.samples.column("seconds")) if time is not None]
    if len(times) < 2:
        return None
    last, end = times[-1]
    first, begin = next((each for each in times if each[1] >= end - _LAST_SECONDS), times[0])
    seconds = end - begin
    if seconds < _LEAST_SECONDS:
        return None
    free = _free(report, first, last)
    return LastMinutes(
        seconds,
        _rate(report.samples, ("swapped_in_bytes", "swapped_out_bytes"), first, last),
        _rate(report.samples, ("pressure_full_seconds",), first, last),
        free,
        _swaps_in_cgroup(report) and (free is None or free > _LITTLE_FREE),
    )


def _rate(samples: Samples, names: Sequence[str], first: int, last: int) -> float | None:
    """By how much these counters grew a second, together, between two rows; None: none of them was seen."""
    ends = [(column[first], column[last]) for column in map(samples.column, names) if column]
    grown = [max(0.0, end - begin) for begin, end in ends if begin is not None and end is not None]
    times = samples.column("seconds")
    return sum(grown) / ((times[last] or 0.0) - (times[first] or 0.0)) if grown else None


def _free(report: Report, first: int, last: int) -> float | None:
    column = report.samples.column("memory_available_bytes")[first : last + 1]
    available = sorted(each for each in column if each is not None)
    if not available or not report.limits.memory_bytes:
        return None
    return min(1.0, available[len(available) // 2] / report.limits.memory_bytes)


def _swaps_in_cgroup(report: Report) -> bool:
    """Whether the build had a limit and was in swap, as its cgroup or, where that is not its own, an edge shows."""
    swapped = [*report.samples.column("cgroup_swap_bytes"), *(edge.peak_swap_bytes for edge in report.edges)]
    return report.limits.cgroup_limit_bytes is not None and max(each or 0 for each in [*swapped, 0]) >= _IN_SWAP
