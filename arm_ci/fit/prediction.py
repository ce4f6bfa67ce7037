"""Predicts a build from what earlier builds of the variant have shown: what fits, how long it takes, what memory does.

Known are compiles, archives and links, and of the last two what they are made of; a compile starts any time. Other
commands are not learned, and not counted. An edge that does not fit as the build asks for it counts as built
differently where a fallback of it was learned that fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from arm_ci.agent.admission.budget import reserve_bytes
from arm_ci.agent.admission.expectation import HISTORY_MARGIN
from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.fit.choosers import Admission, Guess, plain
from arm_ci.fit.graph import ALONE_SLOWDOWN, Edge, rest_seconds
from arm_ci.fit.simulation import Course, Machine, Simulation

_PLENTY = Machine(1 << 60)
_ALL_JOBS = 8
"""With more cores only some numbers of jobs are predicted."""

Fits = Literal["yes", "with second tries", "no"]


@dataclass(frozen=True)
class Board:
    """What a build may have."""

    memory_bytes: int
    """RAM that is free for the build: what the system leaves, or the limit of a cgroup."""
    cores: int
    swap_bytes: int = 0

    @property
    def budget_bytes(self) -> int:
        """RAM for edges, as the agent reckons."""
        return self.memory_bytes - reserve_bytes(self.memory_bytes)

    @property
    def machine(self) -> Machine:
        """For a simulation. What edges take beyond the budget costs file pages, and counts as paged too."""
        swap_bytes = self.memory_bytes - self.budget_bytes + self.swap_bytes
        return Machine(self.budget_bytes, swap_bytes, ALONE_SLOWDOWN)

    def fits(self, edge: Learned) -> bool:
        """Whether an edge fits alone, and no build has shown otherwise."""
        seen = edge.does_not_fit_bytes
        if seen is not None and seen >= self.budget_bytes + self.swap_bytes:
            return False
        return edge.need_bytes <= self.memory_bytes + self.swap_bytes


@dataclass(frozen=True)
class Built:
    """An edge as it is built on a board."""

    learned: Learned
    fits: bool
    asked: Learned
    """As the build asks for it; the same unless a fallback makes it fit."""

    @property
    def is_relieved(self) -> bool:
        """Whether it is built differently."""
        return bool(self.learned.fallback)


@dataclass(frozen=True)
class Way:
    """One way to build: so many edges at once, or with admission."""

    name: str
    """`-j2`, `admission`."""
    seconds: float | None
    """None: memory kills edges, so the build fails."""
    paging_seconds: float
    """How much of it because more was held than RAM."""
    killed: int
    """Edges that memory kills, if each were there nevertheless; with admission those that do not fit alone."""

    def to_json(self) -> dict[str, object]:
        """As an object."""
        return {
            "way": self.name,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "paging_seconds": round(self.paging_seconds, 1),
            "killed": self.killed,
        }


@dataclass(frozen=True)
class Prediction:
    """What is to be expected of a variant on a board."""

    board: Board
    toolchain: str
    """That of the builds from which was learned."""
    edges: tuple[Built, ...]
    ways: tuple[Way, ...]
    """Each -j, then admission."""

    @property
    def too_large(self) -> tuple[Built, ...]:
        """Edges that do not fit alone, the largest first."""
        return _by_size(each for each in self.edges if not each.fits)

    @property
    def guessed(self) -> tuple[Built, ...]:
        """Edges that fit if their peak was guessed well: memory killed them before they reached it."""
        return _by_size(each for each in self.edges if each.fits and each.learned.killed)

    @property
    def relieved(self) -> tuple[Built, ...]:
        """Edges that are built differently."""
        return _by_size(each for each in self.edges if each.fits and each.is_relieved)

    @property
    def paged(self) -> tuple[Built, ...]:
        """Edges that fit alone and exceed the budget: they run alone, and some of them is in swap."""
        return _by_size(each for each in self.edges if each.fits and each.learned.need_bytes > self.board.budget_bytes)

    @property
    def fits(self) -> Fits:
        """Whether the build fits with admission."""
        if self.too_large:
            return "no"
        return "with second tries" if self.guessed else "yes"

    @property
    def largest(self) -> Learned:
        """The edge that needs the most as it is built."""
        return max((each.learned for each in self.edges), key=lambda edge: edge.need_bytes)

    @property
    def admission(self) -> Way:
        """The last of the ways."""
        return self.ways[-1]


def predict(peaks: Peaks, board: Board, offered: int) -> Prediction:
    """Needs at least one learned edge. `offered`: how many edges the build tool starts where the agent lets them in."""
    built = tuple(_built(each, board) for each in _by_output(peaks.edges))
    as_built = _graph([each.learned for each in built])
    as_asked = _graph([each.asked for each in built])
    ways = [_plain(as_asked, board, jobs) for jobs in _jobs(board.cores)]
    return Prediction(board, peaks.toolchain, built, (*ways, _admission(as_built, board, offered)))


def _by_size(edges: Iterable[Built]) -> tuple[Built, ...]:
    return tuple(sorted(edges, key=lambda each: -each.learned.need_bytes))


def _by_output(edges: Sequence[Learned]) -> list[list[Learned]]:
    found: dict[str, list[Learned]] = {}
    for edge in edges:
        found.setdefault(edge.output, []).append(edge)
    return list(found.values())


def _built(ways: Sequence[Learned], board: Board) -> Built:
    """Of all ways in which an output was made."""
    # Options of the project may have changed: what was learned last is what is asked for now.
    asked = next((each for each in reversed(ways) if not each.fallback), ways[-1])
    for each in (asked, *(each for each in ways if each.fallback)):
        if board.fits(each):
            return Built(each, True, asked)
    return Built(asked, False, asked)


def _graph(edges: Sequence[Learned]) -> list[Edge]:
    number_of = {edge.output: number for number, edge in enumerate(edges)}
    found = []
    for number, edge in enumerate(edges):
        needs = {number_of[name] for name in edge.inputs if name in number_of} - {number}
        found.append(Edge(number, edge.need_bytes, edge.seconds, tuple(sorted(needs)), edge.output, edge.kind))
    return found


def _jobs(cores: int) -> list[int]:
    if cores <= _ALL_JOBS:
        return list(range(1, cores + 1))
    return sorted({1 << power for power in range(cores.bit_length())} | {cores})


def _plain(edges: Sequence[Edge], board: Board, jobs: int) -> Way:
    course = Simulation(edges, board.machine, jobs, plain(jobs)).run()
    free = Simulation(edges, _PLENTY, jobs, plain(jobs)).run()
    return _way(f"-j{jobs}", course, free)


def _admission(edges: Sequence[Edge], board: Board, offered: int) -> Way:
    rest = rest_seconds(edges)

    def believed(edge: Edge) -> Guess:
        return Guess(int(edge.need_bytes * HISTORY_MARGIN), edge.seconds, rest[edge.number])

    def run(machine: Machine) -> Course:
        chooser = Admission(board.cores, board.budget_bytes, believed)
        return Simulation(edges, machine, offered, chooser).run(runs_again=True)

    return _way("admission", run(board.machine), run(_PLENTY))


def _way(name: str, course: Course, unpaged: Course) -> Way:
    killed = len(course.killed) + len(course.does_not_fit)
    if killed:
        return Way(name, None, 0.0, killed)
    return Way(name, course.seconds, max(0.0, course.seconds - unpaged.seconds), 0)
