"""Simulates a build on cores and a memory budget: which edges run when, and how long that takes.

The model. An edge holds its peak from its start to its end, and takes its seconds on one core. The build tool offers
at most so many edges at once, those that run included, of those whose inputs are there, in its own order; a chooser
says which of the offered start. When the running edges hold more than the budget together, all of them are slower by
1 + 10 x (held / budget - 1): so much swapping cost where it was measured (FACTS 2). Without swap such an edge is lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from arm_ci.agent.admission import Room, Running, Waiting, choose

SLOWDOWN = 10.0
"""Of all that runs, for each budget that is held beyond the budget."""
_NOTHING_SECONDS = 1e-9


@dataclass(frozen=True)
class Edge:
    """An edge of the graph."""

    number: int
    """Its place in the build tool's order."""
    need_bytes: int
    seconds: float
    needs: tuple[int, ...] = ()
    """Numbers of the edges that must have ended before."""
    name: str = ""


@dataclass
class Course:
    """How a simulated build went."""

    seconds: float = 0.0
    most_bytes: int = 0
    """Most that was held at once."""
    most_together_bytes: int = 0
    """The same while more than one edge ran."""
    starts: dict[int, float] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)


Chooser = Callable[[Sequence[Edge], Sequence[Edge], float], "int | None"]
"""Of the offered edges that wait and those that run, at a time: the number of the one that starts now, or none."""


def slowdown(held_bytes: int, budget_bytes: int) -> float:
    """By which factor everything is slower when so much is held."""
    return 1.0 + SLOWDOWN * max(0.0, held_bytes / budget_bytes - 1.0)


class _Build:
    """A build at one moment."""

    def __init__(self, edges: Sequence[Edge], budget_bytes: int) -> None:
        self.course = Course()
        self.now = 0.0
        self.waiting: list[Edge] = []
        self.running: dict[int, float] = {}
        """Number -> seconds of work that are left."""
        self._budget_bytes = budget_bytes
        self._edges = {edge.number: edge for edge in edges}
        self._users = users_of(edges)
        self._waits_for = {edge.number: len(edge.needs) for edge in edges}
        self._ready = [edge.number for edge in edges if not edge.needs]
        heapq.heapify(self._ready)

    @property
    def is_over(self) -> bool:
        return not (self._ready or self.waiting or self.running)

    def start(self, offered: int, chooser: Chooser) -> None:
        """Starts what the chooser says."""
        while True:
            while self._ready and len(self.waiting) + len(self.running) < offered:
                self.waiting.append(self._edges[heapq.heappop(self._ready)])
            if not self.waiting:
                return
            number = chooser(self.waiting, [self._edges[each] for each in self.running], self.now)
            if number is None:
                return
            self.waiting.remove(self._edges[number])
            self.running[number] = self._edges[number].seconds
            self.course.starts[number] = self.now

    def go_on(self) -> None:
        """To the next end of an edge."""
        if not self.running:
            raise ValueError("nothing runs, and edges wait")
        held = sum(self._edges[number].need_bytes for number in self.running)
        self.course.most_bytes = max(self.course.most_bytes, held)
        if len(self.running) > 1:
            self.course.most_together_bytes = max(self.course.most_together_bytes, held)
        step = min(self.running.values())
        self.now += step * slowdown(held, self._budget_bytes)
        for number in list(self.running):
            self.running[number] -= step
            if self.running[number] <= _NOTHING_SECONDS:
                self._end(number)

    def _end(self, number: int) -> None:
        del self.running[number]
        self.course.ends[number] = self.now
        for user in self._users.get(number, ()):
            self._waits_for[user] -= 1
            if not self._waits_for[user]:
                heapq.heappush(self._ready, user)


def simulate(edges: Sequence[Edge], budget_bytes: int, offered: int, chooser: Chooser) -> Course:
    """Runs a graph to its end. Raises ValueError for one that has a circle, and for a chooser that starts nothing."""
    build = _Build(edges, budget_bytes)
    while not build.is_over:
        build.start(offered, chooser)
        build.go_on()
    if len(build.course.ends) < len(edges):
        raise ValueError("the graph has a circle")
    build.course.seconds = build.now
    return build.course


# -- choosers -----------------------------------------------------------------------------------------------------


def plain(jobs: int) -> Chooser:
    """As many as are asked for, whatever they need: `ninja -jN`."""

    def next_one(waiting: Sequence[Edge], running: Sequence[Edge], _now: float) -> int | None:
        return waiting[0].number if len(running) < jobs else None

    return next_one


def pools(jobs: int, depths: Mapping[str, int], pool_of: Callable[[Edge], str]) -> Chooser:
    """Static pools, as CMake's JOB_POOLS: at most so many of each pool at once."""

    def next_one(waiting: Sequence[Edge], running: Sequence[Edge], _now: float) -> int | None:
        if len(running) >= jobs:
            return None
        used: dict[str, int] = {}
        for edge in running:
            used[pool_of(edge)] = used.get(pool_of(edge), 0) + 1
        for edge in waiting:
            if used.get(pool_of(edge), 0) < depths.get(pool_of(edge), jobs):
                return edge.number
        return None

    return next_one


@dataclass(frozen=True)
class Guess:
    """What admission believes of an edge."""

    need_bytes: int
    seconds: float | None = None
    rest_seconds: float | None = None


def admitted(
    budget_bytes: int,
    cores: int,
    guess: Callable[[Edge], Guess],
    ended: Callable[[Edge], None] = lambda edge: None,
) -> Chooser:
    """The agent's own admission, with what it believes of each edge; `ended` hears of each that has ended."""
    room = Room(cores, budget_bytes)
    started: dict[int, tuple[Edge, float]] = {}

    def next_one(waiting: Sequence[Edge], running: Sequence[Edge], now: float) -> int | None:
        still = {edge.number for edge in running}
        for number in [number for number in started if number not in still]:
            ended(started.pop(number)[0])
        chosen = choose(
            [Waiting(edge.number, edge.number, *_words(guess(edge))) for edge in waiting],
            [_running(edge, guess(edge), started[edge.number][1]) for edge in running],
            room,
            now,
        )
        if chosen is not None:
            started[chosen] = next(edge for edge in waiting if edge.number == chosen), now
        return chosen

    return next_one


def _words(guess: Guess) -> tuple[int, float | None, float | None]:
    return guess.need_bytes, guess.seconds, guess.rest_seconds


def _running(edge: Edge, guess: Guess, began: float) -> Running:
    ends = None if guess.seconds is None else began + guess.seconds
    return Running(edge.number, max(guess.need_bytes, edge.need_bytes), ends)


def rest_seconds(edges: Sequence[Edge]) -> dict[int, float]:
    """For each edge the longest way from its start to the end of the build, itself included."""
    users = users_of(edges)
    found: dict[int, float] = {}
    for edge in reversed(in_order(edges)):
        found[edge.number] = edge.seconds + max((found[user] for user in users.get(edge.number, ())), default=0.0)
    return found


def users_of(edges: Sequence[Edge]) -> dict[int, list[int]]:
    """For each edge the numbers of those that need it."""
    users: dict[int, list[int]] = {}
    for edge in edges:
        for number in edge.needs:
            users.setdefault(number, []).append(edge.number)
    return users


def in_order(edges: Sequence[Edge]) -> list[Edge]:
    """The edges so that each comes behind all that it needs. Raises ValueError for a circle."""
    by_number = {edge.number: edge for edge in edges}
    left = {edge.number: len(edge.needs) for edge in edges}
    users = users_of(edges)
    ready = [edge.number for edge in edges if not edge.needs]
    found = []
    while ready:
        number = ready.pop()
        found.append(by_number[number])
        for user in users.get(number, ()):
            left[user] -= 1
            if not left[user]:
                ready.append(user)
    if len(found) < len(edges):
        raise ValueError("the graph has a circle")
    return found


def lower_bound(edges: Sequence[Edge], budget_bytes: int, cores: int) -> float:
    """Seconds that no schedule can beat: the longest way, the work on all cores, the memory times the time.

    An edge that needs the whole budget runs alone, slowed by what it needs beyond: its time is nobody else's.
    """
    alone = [edge for edge in edges if edge.need_bytes >= budget_bytes]
    others = [edge for edge in edges if edge.need_bytes < budget_bytes]
    alone_seconds = sum(edge.seconds * slowdown(edge.need_bytes, budget_bytes) for edge in alone)
    work = sum(edge.seconds for edge in others) / cores
    area = sum(edge.seconds * edge.need_bytes for edge in others) / budget_bytes
    slowed = [
        Edge(edge.number, 0, edge.seconds * slowdown(edge.need_bytes, budget_bytes), edge.needs) for edge in edges
    ]
    longest = max(rest_seconds(slowed).values(), default=0.0)
    return max(longest, alone_seconds + work, alone_seconds + area)
