"""Admission: which of the waiting edges may start now. Pure: it sees numbers and returns a choice.

Edges that wait are taken by what is left of the build behind them, the longest first. One that does not fit yet is
not starved: only what will have ended when its turn comes, or fits beside it, passes it. Where nothing runs, the first
starts whatever it needs: there is always progress.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence


class Waiting(NamedTuple):
    """An edge that asks to start."""

    key: int
    order: int
    """Of asking: the first has the least."""
    need_bytes: int
    """Expected peak of anonymous memory and swap."""
    seconds: Optional[float] = None
    """How long it is expected to run; None: nobody knows."""
    rest_seconds: Optional[float] = None
    """How long what must come after its start takes at least, itself included; None: nobody knows."""
    alone: bool = False
    """It may run only when nothing else does: memory has killed it before."""


class Running(NamedTuple):
    """An edge that runs."""

    key: int
    need_bytes: int
    """Expected peak, or what it holds already when that is more."""
    ends_seconds: Optional[float] = None
    """When it is expected to end, by the clock that `choose` is given; None: nobody knows."""
    alone: bool = False


class Room(NamedTuple):
    """What edges may have."""

    cores: int
    budget_bytes: int
    """RAM for edges, and what may be paged beyond it."""
    is_shut: bool = False
    """The machine pages too much: nothing new starts while something runs."""

    def free_bytes(self, running: Sequence[Running]) -> int:
        """What those that run leave of the budget."""
        return self.budget_bytes - sum(each.need_bytes for each in running)


def choose(waiting: Sequence[Waiting], running: Sequence[Running], room: Room, now: float) -> Optional[int]:
    """The key of the edge that is to start now; None: none may. To be asked again after every start and every end."""
    if not waiting:
        return None
    order = ranked(waiting)
    first = order[0]
    if not running:
        return first.key
    if not is_open(running, room) or first.alone:
        return None  # who is to run alone waits until the others have ended
    free = room.free_bytes(running)
    if first.need_bytes <= free:
        return first.key
    return _behind(first, order[1:], running, room, free, now)


def is_open(running: Sequence[Running], room: Room) -> bool:
    """Whether anything may start beside those that run."""
    return not room.is_shut and len(running) < room.cores and not any(each.alone for each in running)


def ranked(waiting: Sequence[Waiting]) -> List[Waiting]:
    """Who waits, in the order in which they are to start."""
    return sorted(waiting, key=_rank)


def _rank(edge: Waiting) -> "tuple[bool, float, int]":
    """Sorts what memory has killed first, then by what is left of the build, then by asking.

    Simulated (benchmarks/admission_simulation.py: 463 edges, 4 cores, 8 offered), seconds with 825 MB, 1.5, 3 and 8 GB:
    what is left of the build 4,817, 1,533, 726, 608; longest first 4,813, 1,535, 735, 618; largest need first 4,799,
    1,525, 725, 610; first asked first 4,834, 1,547, 727, 612. Only where memory is plentiful does the rank decide.
    """
    rest = edge.rest_seconds if edge.rest_seconds is not None else edge.seconds or 0.0
    return (not edge.alone, -rest, edge.order)


def _behind(
    first: Waiting, others: Sequence[Waiting], running: Sequence[Running], room: Room, free_bytes: int, now: float
) -> Optional[int]:
    """One of the others that does not keep the first waiting any longer."""
    turn, spare_bytes = _turn(first, running, room, free_bytes)
    for each in others:
        if each.alone or each.need_bytes > free_bytes:
            continue
        ends_before = turn is not None and each.seconds is not None and now + each.seconds <= turn
        if ends_before or each.need_bytes <= spare_bytes:
            return each.key
    return None


def _turn(first: Waiting, running: Sequence[Running], room: Room, free_bytes: int) -> "tuple[Optional[float], int]":
    """When enough will have ended for the first, and what it then leaves free; None: that cannot be told."""
    known: List[Running] = [each for each in running if each.ends_seconds is not None]
    if len(known) < len(running):
        return None, 0
    need = min(first.need_bytes, room.budget_bytes)  # one that exceeds the budget gets all of it
    for each in sorted(known, key=lambda edge: edge.ends_seconds or 0.0):
        free_bytes += each.need_bytes
        if free_bytes >= need:
            return each.ends_seconds, free_bytes - need
    return None, 0
