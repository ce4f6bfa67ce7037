"""Who decides in a simulated build which edge starts: plain jobs, static pools, or the agent's own admission."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arm_ci.agent.admission.policy import Room, Running, Waiting, choose
from arm_ci.fit.graph import Edge
from arm_ci.fit.simulation import Chooser, View


def plain(jobs: int) -> Chooser:
    """As many as are asked for, whatever they need: `ninja -jN`."""

    def next_one(view: View) -> int | None:
        return view.waiting[0].number if len(view.running) < jobs else None

    return next_one


def pools(jobs: int, depths: Mapping[str, int]) -> Chooser:
    """Static pools, as CMake's JOB_POOLS: at most so many edges of each kind at once, and so many jobs in all."""

    def next_one(view: View) -> int | None:
        if len(view.running) >= jobs:
            return None
        used: dict[str, int] = {}
        for edge in view.running:
            used[edge.kind] = used.get(edge.kind, 0) + 1
        for edge in view.waiting:
            if used.get(edge.kind, 0) < depths.get(edge.kind, jobs):
                return edge.number
        return None

    return next_one


@dataclass(frozen=True)
class Guess:
    """What admission believes of an edge."""

    need_bytes: int
    seconds: float | None = None
    rest_seconds: float | None = None


Believed = Callable[[Edge], Guess]


class Admission:
    """The agent's own admission, with what it believes of each edge."""

    def __init__(self, cores: int, budget_bytes: int, believed: Believed) -> None:
        self._room = Room(cores, budget_bytes)
        self._believed = believed
        self._started: dict[int, tuple[float, Guess]] = {}

    def __call__(self, view: View) -> int | None:
        """The number of the edge that starts now, or none."""
        guesses = {edge.number: self._guess(edge, view) for edge in view.waiting}
        waiting = [self._waiting(edge, guesses[edge.number], view) for edge in view.waiting]
        running = [self._running(edge, view) for edge in view.running]
        chosen = choose(waiting, running, self._room, view.now)
        if chosen is not None:
            self._started[chosen] = (view.now, guesses[chosen])
        return chosen

    def _guess(self, edge: Edge, view: View) -> Guess:
        guess = self._believed(edge)
        if edge.number not in view.again:
            return guess
        return Guess(max(guess.need_bytes, edge.need_bytes), guess.seconds, guess.rest_seconds)

    @staticmethod
    def _waiting(edge: Edge, guess: Guess, view: View) -> Waiting:
        alone = edge.number in view.again
        return Waiting(edge.number, edge.number, guess.need_bytes, guess.seconds, guess.rest_seconds, alone)

    def _running(self, edge: Edge, view: View) -> Running:
        began, guess = self._started[edge.number]
        ends = None if guess.seconds is None else max(view.now, began + guess.seconds)
        # The agent sees what an edge holds.
        return Running(edge.number, max(guess.need_bytes, edge.need_bytes), ends, edge.number in view.again)
