"""The best schedule that can be found for a build graph: lists by priority, then changes of the best that help.

No edge starts that does not fit beside those that run; one that exceeds the budget alone runs alone, slowed. A schedule
follows from an order of priorities: whenever one ends, whatever fits starts, by priority. From the best of some known
orders, priorities are changed at random; what is not slower is kept, and at first also what is a little slower.
"""

from __future__ import annotations

import bisect
import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from arm_ci.fit.graph import Edge, rest_seconds, slowdown, users_of

SEED = 1
_WARM = 0.003
"""At first so much slower than the current one is still accepted, as a part."""


class Search:
    """The schedules of one graph within one budget."""

    def __init__(self, edges: Sequence[Edge], budget_bytes: int, cores: int) -> None:
        self._edges = [replace(edge, seconds=edge.seconds * slowdown(edge.need_bytes, budget_bytes)) for edge in edges]
        self._place = {edge.number: place for place, edge in enumerate(self._edges)}
        self._users = [[self._place[user] for user in users] for users in users_of(edges).values()]
        self._needs = [min(edge.need_bytes, budget_bytes) for edge in edges]
        self._seconds = [edge.seconds for edge in self._edges]
        self._budget = budget_bytes
        self._cores = cores

    def seconds(self, priorities: Sequence[float], limit: float = float("inf")) -> float:
        """How long the build takes when the least priority goes first; at least `limit` when it takes longer."""
        left = [len(edge.needs) for edge in self._edges]
        ready = sorted((priorities[place], place) for place, count in enumerate(left) if not count)
        running: list[tuple[float, int]] = []
        held, now = 0, 0.0
        while ready or running:
            index = 0
            while index < len(ready) and len(running) < self._cores:
                place = ready[index][1]
                if held + self._needs[place] <= self._budget:
                    heapq.heappush(running, (now + self._seconds[place], place))
                    held += self._needs[place]
                    del ready[index]
                else:
                    index += 1
            now, place = heapq.heappop(running)
            if now > limit:
                return now
            held -= self._needs[place]
            for user in self._users[place]:
                left[user] -= 1
                if not left[user]:
                    bisect.insort(ready, (priorities[user], user))
        return now

    def best(self, rounds: int) -> float:
        """Seconds of the best schedule that so many changes found."""
        chance = random.Random(SEED)
        count = len(self._edges)
        current, priorities = min((self.seconds(order), order) for order in self._known_orders())
        best = current
        for round_number in range(rounds):
            changed = list(priorities)
            for _ in range(chance.choice((1, 1, 2, 4, 10))):
                changed[chance.randrange(count)] += chance.gauss(0.0, chance.choice((5.0, 30.0, 150.0)))
            accepted = current * (1.0 + _WARM * (1.0 - round_number / rounds) * chance.random())
            found = self.seconds(changed, accepted)
            if found <= accepted:
                current, priorities = found, changed
                best = min(best, found)
        return best

    def _known_orders(self) -> list[list[float]]:
        rest: Mapping[int, float] = rest_seconds(self._edges)
        ranks: tuple[Callable[[Edge], float], ...] = (
            lambda edge: -rest[edge.number],
            lambda edge: -edge.need_bytes,
            lambda edge: -edge.seconds,
            lambda edge: -edge.need_bytes * edge.seconds,
            lambda edge: float(edge.number),
        )
        found = []
        for rank in ranks:
            order = sorted(self._edges, key=rank)
            priorities = [0.0] * len(order)
            for position, edge in enumerate(order):
                priorities[self._place[edge.number]] = float(position)
            found.append(priorities)
        return found
