"""The best schedule that can be found for a build graph, by any means: it sees the whole graph, and may wait.

No edge starts that does not fit beside those that run; one that exceeds the budget alone runs alone, slowed. A schedule
follows from an order of the edges: each is put where it can start first without moving those before it. Then all are
pushed to the end in turn and back to the beginning, as long as that shortens the build (double justification, Valls,
Ballestin and Quintanilla 2005). From the best of some known orders, starts are changed at random; what is not slower is
kept, and at first also what is a little slower.
"""

from __future__ import annotations

import bisect
import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from arm_ci.fit.graph import Edge, rest_seconds, slowdown, users_of

SEED = 1
_CHANGED = 0.02
"""So many of the starts are changed in a round."""
_STEPS_SECONDS = (5.0, 30.0, 150.0)
_WARM = 0.002
"""At first so much slower than the current one is still accepted, as a part."""
_PROMISING = 1.01
"""What is slower than the current one by more is not pushed to and fro."""
_NOTHING_SECONDS = 1e-6


class _Usage:
    """How much of cores and memory is taken, from each of some moments to the next."""

    def __init__(self, cores: int, budget_bytes: int) -> None:
        self._cores = cores
        self._budget = budget_bytes
        self._times = [0.0]
        self._bytes = [0]
        self._busy = [0]

    def put(self, earliest: float, seconds: float, need_bytes: int) -> float:
        """Puts an edge where it can start first; when that is."""
        start, index = earliest, bisect.bisect_right(self._times, earliest) - 1
        while (blocked := self._blocked(index, start + seconds, need_bytes)) is not None:
            index = blocked + 1
            start = self._times[index]
        first, last = self._moment(start), self._moment(start + seconds)
        for place in range(first, last):
            self._bytes[place] += need_bytes
            self._busy[place] += 1
        return start

    def _blocked(self, index: int, end: float, need_bytes: int) -> int | None:
        """The first span from `index` on where there is no room before `end`."""
        while index < len(self._times) and self._times[index] < end - _NOTHING_SECONDS:
            if self._bytes[index] + need_bytes > self._budget or self._busy[index] >= self._cores:
                return index
            index += 1
        return None

    def _moment(self, time: float) -> int:
        index = bisect.bisect_left(self._times, time)
        if index == len(self._times) or self._times[index] != time:
            self._times.insert(index, time)
            self._bytes.insert(index, self._bytes[index - 1])
            self._busy.insert(index, self._busy[index - 1])
        return index


class Search:
    """The schedules of one graph within one budget."""

    def __init__(self, edges: Sequence[Edge], budget_bytes: int, cores: int) -> None:
        self._edges = [replace(edge, seconds=edge.seconds * slowdown(edge.need_bytes, budget_bytes)) for edge in edges]
        place = {edge.number: index for index, edge in enumerate(edges)}
        users = users_of(edges)
        self._users = [[place[user] for user in users[edge.number]] for edge in edges]
        self._needs = [[place[number] for number in edge.needs] for edge in edges]
        self._bytes = [min(edge.need_bytes, budget_bytes) for edge in edges]
        self._seconds = [edge.seconds for edge in self._edges]
        self._cores = cores
        self._budget = budget_bytes

    def best(self, rounds: int) -> float:
        """Seconds of the best schedule that so many changes found."""
        chance = random.Random(SEED)
        starts = min((self._justified(self._schedule(order)) for order in self._known_orders()), key=self._length)
        current = best = self._length(starts)
        for number in range(rounds):
            changed = [
                start + chance.gauss(0.0, chance.choice(_STEPS_SECONDS)) if chance.random() < _CHANGED else start
                for start in starts
            ]
            found = self._schedule(changed)
            if self._length(found) < _PROMISING * current:
                found = self._justified(found)
            length = self._length(found)
            if length <= current * (1.0 + _WARM * chance.random() * (1.0 - number / rounds)):
                starts, current = found, length
            best = min(best, length)
        return best

    def _length(self, starts: Sequence[float]) -> float:
        return max(start + seconds for start, seconds in zip(starts, self._seconds, strict=True))

    def _schedule(self, priorities: Sequence[float], is_backward: bool = False) -> list[float]:
        """The start of each edge, the least priority first; backward: from the end, in which users come first."""
        before, behind = (self._users, self._needs) if is_backward else (self._needs, self._users)
        left = [len(each) for each in before]
        ready = [(priorities[index], index) for index, count in enumerate(left) if not count]
        heapq.heapify(ready)
        usage = _Usage(self._cores, self._budget)
        starts = [0.0] * len(left)
        while ready:
            _, index = heapq.heappop(ready)
            earliest = max((starts[each] + self._seconds[each] for each in before[index]), default=0.0)
            starts[index] = usage.put(earliest, self._seconds[index], self._bytes[index])
            for each in behind[index]:
                left[each] -= 1
                if not left[each]:
                    heapq.heappush(ready, (priorities[each], each))
        return starts

    def _justified(self, starts: list[float]) -> list[float]:
        while True:
            late_first = [-start - seconds for start, seconds in zip(starts, self._seconds, strict=True)]
            backward = self._schedule(late_first, is_backward=True)
            early_first = [-start - seconds for start, seconds in zip(backward, self._seconds, strict=True)]
            found = self._schedule(early_first)
            if self._length(found) > self._length(starts) - _NOTHING_SECONDS:
                return starts
            starts = found

    def _known_orders(self) -> list[list[float]]:
        rest = rest_seconds(self._edges)
        ranks: tuple[Callable[[Edge], float], ...] = (
            lambda edge: -rest[edge.number],
            lambda edge: -edge.need_bytes,
            lambda edge: -edge.seconds,
            lambda edge: -edge.need_bytes * edge.seconds,
            lambda edge: float(edge.number),
        )
        return [[rank(edge) for edge in self._edges] for rank in ranks]
