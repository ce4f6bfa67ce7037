"""Which running edges are suspended, for which of two reasons, and for how long.

Those that started in part are suspended until more is free (partial_start.py), and those that the machine cannot take
until it pages less (paging.py).
"""

from __future__ import annotations

from typing import AbstractSet, Dict, FrozenSet, Mapping, Sequence, Set

from ..edges.suspender import Suspender
from .partial_start import EdgeMemory, assured, to_suspend


class Suspensions:
    """Edges are known by their keys, and suspended by the process ids of their launchers."""

    def __init__(self) -> None:
        self._suspender = Suspender()
        self._partial: Set[int] = set()
        self._short: FrozenSet[int] = frozenset()
        self._since: Dict[int, float] = {}
        self._seconds: Dict[int, float] = {}
        self.partial_starts = 0
        self.of_partial_starts = 0
        """How often those that started in part were suspended until more was free."""

    @property
    def started_partially(self) -> FrozenSet[int]:
        """Those that started before all was free that they need, and for which it is not yet."""
        return frozenset(self._partial)

    @property
    def short(self) -> FrozenSet[int]:
        """Those that are to stand still until more is free."""
        return self._short

    @property
    def suspended(self) -> AbstractSet[int]:
        """Those that are suspended."""
        return self._since.keys()

    def add_partial_start(self, key: int) -> None:
        """An edge has started before all was free that it needs."""
        self._partial.add(key)
        self.partial_starts += 1

    def judge(self, edges: Sequence[EdgeMemory], budget_bytes: int) -> None:
        """Decides who is short of memory; `settle` does what follows. The oldest edge first."""
        self._partial -= assured(edges, budget_bytes)
        short = to_suspend(edges, budget_bytes, self._short)
        self.of_partial_starts += len(short - self._short)
        self._short = short

    def settle(self, launchers: Mapping[int, int], throttled: AbstractSet[int], seconds: float) -> None:
        """Suspends and resumes, so that of these launchers those are suspended that are short or throttled."""
        wanted = self._short | throttled
        for key in wanted & launchers.keys():
            self.suspend(key, launchers[key], seconds)
        for key in self._since.keys() - wanted:
            self._resume(key, launchers[key], seconds)

    def suspend(self, key: int, launcher: int, seconds: float) -> bool:
        """Suspends an edge; False where that could not be done."""
        if key not in self._since and self._suspender.suspend(launcher):
            self._since[key] = seconds
        return key in self._since

    def leave(self, key: int, launcher: int, seconds: float) -> float:
        """An edge runs no more; how long it was suspended in all."""
        if key in self._since:
            self._resume(key, launcher, seconds)
        self._partial.discard(key)
        self._short -= {key}
        return self._seconds.pop(key, 0.0)

    def close(self) -> None:
        """Resumes everything, for good."""
        self._short = frozenset()
        self._suspender.close()

    def _resume(self, key: int, launcher: int, seconds: float) -> None:
        self._suspender.resume(launcher)
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds - self._since.pop(key)
