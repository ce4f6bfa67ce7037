"""Holds: which running edges are stopped for a while, for which of two reasons, and for how long.

Those that started in part stop until more is free (sharing.py), and those that the machine cannot take stop until it
pages less (paging.py).
"""

from __future__ import annotations

from typing import AbstractSet, Dict, FrozenSet, Mapping, Sequence, Set

from ..edges.stop_signals import Stopper
from .partial_start import Share, assured, stopped


class Holds:
    """Edges are known by their keys, and stopped by the process ids of their launchers."""

    def __init__(self) -> None:
        self._stopper = Stopper()
        self._in_part: Set[int] = set()
        self._short: FrozenSet[int] = frozenset()
        self._since: Dict[int, float] = {}
        self._seconds: Dict[int, float] = {}
        self.part_starts = 0
        self.part_holds = 0

    @property
    def in_part(self) -> FrozenSet[int]:
        """Those that started before all was free that they need, and for which it is not yet."""
        return frozenset(self._in_part)

    @property
    def short(self) -> FrozenSet[int]:
        """Those that are to stand still until more is free."""
        return self._short

    @property
    def stopped(self) -> AbstractSet[int]:
        """Those that are stopped."""
        return self._since.keys()

    def started_in_part(self, key: int) -> None:
        """An edge has started so."""
        self._in_part.add(key)
        self.part_starts += 1

    def judge(self, shares: Sequence[Share], budget_bytes: int) -> None:
        """Decides who is short of memory; `settle` does what follows. The oldest share first."""
        self._in_part -= assured(shares, budget_bytes)
        short = stopped(shares, budget_bytes, self._short)
        self.part_holds += len(short - self._short)
        self._short = short

    def settle(self, launchers: Mapping[int, int], throttled: AbstractSet[int], seconds: float) -> None:
        """Stops and continues, so that of these launchers those are stopped that are short or throttled."""
        wanted = self._short | throttled
        for key in wanted & launchers.keys():
            self.stop(key, launchers[key], seconds)
        for key in self._since.keys() - wanted:
            self._go_on(key, launchers[key], seconds)

    def stop(self, key: int, launcher: int, seconds: float) -> bool:
        """Stops an edge; False where that could not be done."""
        if key not in self._since and self._stopper.stop(launcher):
            self._since[key] = seconds
        return key in self._since

    def leave(self, key: int, launcher: int, seconds: float) -> float:
        """An edge runs no more; how long it was stopped in all."""
        if key in self._since:
            self._go_on(key, launcher, seconds)
        self._in_part.discard(key)
        self._short -= {key}
        return self._seconds.pop(key, 0.0)

    def close(self) -> None:
        """Lets everything go on, for good."""
        self._short = frozenset()
        self._stopper.close()

    def _go_on(self, key: int, launcher: int, seconds: float) -> None:
        self._stopper.go_on(launcher)
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds - self._since.pop(key)
