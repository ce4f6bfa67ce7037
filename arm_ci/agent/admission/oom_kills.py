"""Whether the OOM killer ended an edge: its counter, and the kernel's own words where they can be read."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

from ..report import OomRecord


def _none() -> Optional[int]:
    return None


def _no_records() -> Sequence[OomRecord]:
    return ()


class OomKills:
    """Kills since the command began, and those of them for which an edge has been found."""

    def __init__(
        self,
        count: Callable[[], Optional[int]] = _none,
        records: Callable[[], Sequence[OomRecord]] = _no_records,
    ) -> None:
        """`count`: kills so far, of the command's cgroup or of the machine; `records`: the kernel's, since it began."""
        self._count = count
        self._records = records
        self._first = count() or 0
        self._explained = 0

    def killed(self, pids: Sequence[int]) -> bool:
        """Whether an edge that just failed, with these processes, was one of the killed; each kill counts once.

        The kernel counts a kill before its victim is dead. Where its log cannot be read, or the victim was never
        seen, a kill for which no edge was found yet is taken for this one's: at worst a command that failed for a
        reason of its own runs twice.
        """
        count = self._count()
        if count is not None and count <= self._first:
            return False
        if any(record.pid in pids for record in self._records()):
            self._explained += 1
            return True
        if count is None or count - self._first <= self._explained:
            return False
        self._explained += 1
        return True
