"""Partial start: an edge starts before all is free that it will need, and is suspended before there is too little.

What a compiler holds grows until near its end. So beside an edge that will need most of the budget another does most of
its work, if it can be suspended in time: what the older ones will still need stays free for them, and when they have
ended it is resumed. That is the banker's algorithm with SIGSTOP in the place of a refusal. Pure.
"""

from __future__ import annotations

from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Set

from .policy import Room, Running, Waiting, is_open, ranked

# An edge starts when so much of what it will need is free. By a model in which what is held grows evenly, 100 compiles
# of Mesos with 299 to 739 MB in 921 MB; less lets it hold memory for long that others could have had whole.
_LEAST_PART = 0.4
# What it may still take until it is looked at again and is suspended: more than it took between the last two looks.
_LEAST_HEADROOM_BYTES = 32 << 20
_HEADROOM_PART = 1.5


class EdgeMemory(NamedTuple):
    """A running edge, as far as it matters here."""

    key: int
    need_bytes: int
    """Expected peak, or what it holds already when that is more."""
    held_bytes: int
    """Anonymous memory and swap at the last look."""
    grew_bytes: int = 0
    """By how much that grew since the look before."""
    may_suspend: bool = True

    @property
    def headroom_bytes(self) -> int:
        """How much it may grow before anything can be done."""
        return max(_LEAST_HEADROOM_BYTES, int(self.grew_bytes * _HEADROOM_PART))


def assured(edges: Sequence[EdgeMemory], budget_bytes: int) -> FrozenSet[int]:
    """Keys of those for which all is free that they will need, whatever the others hold by now; the oldest is first
    and always one of them."""
    found: Set[int] = set()
    promised = 0
    for edge in edges:
        others = sum(each.held_bytes for each in edges if each.key not in found and each.key != edge.key)
        if not found or promised + edge.need_bytes + others <= budget_bytes:
            found.add(edge.key)
            promised += edge.need_bytes
    return frozenset(found)


def to_suspend(edges: Sequence[EdgeMemory], budget_bytes: int, now_suspended: FrozenSet[int]) -> FrozenSet[int]:
    """Keys of those that are to be suspended: the newest that have no more room. `edges`: the oldest first."""
    safe = assured(edges, budget_bytes)
    rest = [each for each in edges if each.key not in safe]
    free = budget_bytes - sum(each.need_bytes for each in edges if each.key in safe)
    free -= sum(each.held_bytes for each in rest)
    found: List[int] = []
    for edge in rest:
        # Who was suspended is resumed only when that lasts for a while.
        wanted = edge.headroom_bytes * (3 if edge.key in now_suspended else 1)
        if not edge.may_suspend or wanted <= free:
            free -= wanted
        else:
            found.append(edge.key)
    return frozenset(found)


def choose_partial_start(
    waiting: Sequence[Waiting], running: Sequence[Running], room: Room, started_partially: FrozenSet[int]
) -> Optional[int]:
    """The key of the edge that is to start though not all is free that it will need; None: none may.

    To be asked when `choose` lets none start. `started_partially`: keys of those that have started so and are not
    assured yet; one at a time is enough. One that is not the first starts only where the first can then start in part
    as well, once those that run now have ended: so nobody is passed for ever.
    """
    if started_partially or not running or not is_open(running, room):
        return None
    order = ranked(waiting)
    if not order or order[0].alone:
        return None
    first = order[0]
    free = room.free_bytes(running)
    for each in order:
        leaves_enough = each is first or room.budget_bytes - each.need_bytes >= _LEAST_PART * first.need_bytes
        if leaves_enough and each.need_bytes <= room.budget_bytes and free >= _LEAST_PART * each.need_bytes:
            return each.key
    return None
