"""Simulates a build on cores and a memory budget: which edges run when, how long that takes, and what memory kills.

The model. An edge holds its peak from its start to its end, and takes its seconds on one core. The build tool offers
at most so many edges at once, those that run included, of those whose inputs are there, in its own order; a chooser
says which of the offered start. When the running edges hold more than the RAM together, all of them are slower by
1 + 10 x (held / RAM - 1), as swapping was measured to cost; the machine may have another factor for an edge that runs
alone. When they hold more than RAM and swap, the kernel kills the largest at once, and its work is lost. Where killed
edges run again, it does so alone and from its beginning; otherwise the simulation goes on as if it had been made, so
that all that would be killed is counted.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from arm_ci.fit.graph import SLOWDOWN, Edge, slowdown, users_of


@dataclass(frozen=True)
class Machine:
    """What builds."""

    ram_bytes: int
    """For edges."""
    swap_bytes: int | None = None
    """None: as much as anything may want."""
    alone_slowdown: float = SLOWDOWN
    """What paging costs an edge that runs alone (graph.py)."""

    def holds(self, held_bytes: int) -> bool:
        """Whether so much has a place in RAM and swap."""
        return self.swap_bytes is None or held_bytes <= self.ram_bytes + self.swap_bytes


@dataclass(frozen=True)
class View:
    """What a chooser sees."""

    waiting: Sequence[Edge]
    """Those that the build tool offers, the first offered first."""
    running: Sequence[Edge]
    now: float
    again: frozenset[int] = frozenset()
    """Those that memory has killed before."""


Chooser = Callable[[View], "int | None"]
"""The number of the edge that starts now, or none."""


@dataclass
class Course:
    """How a simulated build went."""

    seconds: float = 0.0
    most_bytes: int = 0
    """Most that was held at once."""
    most_together_bytes: int = 0
    """The same while more than one edge ran."""
    over_together_seconds: float = 0.0
    """How long more than one edge ran and held more than the RAM."""
    starts: dict[int, float] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)
    """Edges that memory killed while others ran."""
    does_not_fit: list[int] = field(default_factory=list)
    """Edges that memory killed though they ran alone."""


@dataclass
class _Run:
    edge: Edge
    left: float
    """Seconds of work."""


class Simulation:
    """One build, from its first edge to its last."""

    def __init__(self, edges: Sequence[Edge], machine: Machine, offered: int, chooser: Chooser) -> None:
        """`offered`: how many edges the build tool starts at once, those that the chooser keeps waiting included."""
        self._edges = {edge.number: edge for edge in edges}
        self._machine = machine
        self._offered = offered
        self._chooser = chooser
        self._users = users_of(edges)
        self._waits_for = {edge.number: len(edge.needs) for edge in edges}
        self._ready = [edge.number for edge in edges if not edge.needs]
        heapq.heapify(self._ready)
        self._waiting: list[Edge] = []
        self._running: list[_Run] = []
        self._again: frozenset[int] = frozenset()
        self._now = 0.0
        self.course = Course()

    def run(self, runs_again: bool = False, ended: Callable[[Edge], None] | None = None) -> Course:
        """To its end. `ended` is told of each edge that was made. Raises ValueError for a graph with a circle."""
        while self._ready or self._waiting or self._running:
            while self._start_one():
                self._kill_what_has_no_place(runs_again)
            if self._running:
                self._until_one_ends(ended)
            elif self._ready or self._waiting:
                raise ValueError("nothing runs, and no edge that waits may start")
        if len(self.course.ends) < len(self._edges):
            raise ValueError("the graph has a circle")
        self.course.seconds = self._now
        return self.course

    @property
    def _held_bytes(self) -> int:
        return sum(run.edge.need_bytes for run in self._running)

    def _start_one(self) -> bool:
        while self._ready and len(self._waiting) + len(self._running) < self._offered:
            self._waiting.append(self._edges[heapq.heappop(self._ready)])
        if not self._waiting:
            return False
        number = self._chooser(View(self._waiting, [run.edge for run in self._running], self._now, self._again))
        if number is None:
            return False
        edge = self._edges[number]
        self._waiting.remove(edge)
        self._running.append(_Run(edge, edge.seconds))
        self.course.starts[number] = self._now
        return True

    def _kill_what_has_no_place(self, runs_again: bool) -> None:
        while not self._machine.holds(self._held_bytes):
            victim = max(self._running, key=lambda run: run.edge.need_bytes)
            was_alone = len(self._running) == 1
            self._running.remove(victim)
            number = victim.edge.number
            (self.course.does_not_fit if was_alone else self.course.killed).append(number)
            if runs_again and not was_alone:
                self._again |= {number}
                self._waiting.append(victim.edge)
            else:
                self._end(victim.edge)

    def _until_one_ends(self, ended: Callable[[Edge], None] | None) -> None:
        held = self._held_bytes
        step = min(run.left for run in self._running)
        slope = SLOWDOWN if len(self._running) > 1 else self._machine.alone_slowdown
        passed = step * slowdown(held, self._machine.ram_bytes, slope)
        self._now += passed
        self.course.most_bytes = max(self.course.most_bytes, held)
        if len(self._running) > 1:
            self.course.most_together_bytes = max(self.course.most_together_bytes, held)
            self.course.over_together_seconds += passed if held > self._machine.ram_bytes else 0.0
        for run in list(self._running):
            run.left -= step
            if run.left < 1e-9:
                self._running.remove(run)
                self._end(run.edge)
                if ended is not None:
                    ended(run.edge)

    def _end(self, edge: Edge) -> None:
        self.course.ends[edge.number] = self._now
        for user in self._users[edge.number]:
            self._waits_for[user] -= 1
            if not self._waits_for[user]:
                heapq.heappush(self._ready, user)
