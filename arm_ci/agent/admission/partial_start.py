"""Sharing: an edge starts before all that it will need is free, and is stopped before it takes more than there is.

What a compiler holds grows until near its end. So beside an edge that will need most of the budget another does most of
its work, if it can be stopped in time: what the older ones will still need stays free for them, and when they have
ended it goes on. That is the banker's algorithm with SIGSTOP in the place of a refusal. Pure.
"""

from __future__ import annotations

from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Set

from .policy import Room, Running, Waiting, ranked

# An edge starts when so much of what it will need is free. By a model in which what is held grows evenly, 100 compiles
# of Mesos with 299 to 739 MB in 921 MB; less lets it hold memory for long that others could have had whole.
_LEAST_PART = 0.4
# What it may still take until it is looked at again and has stopped: more than it took between the last two looks.
_LEAST_HEADROOM_BYTES = 32 << 20
_HEADROOM_PART = 1.5


class Share(NamedTuple):
    """A running edge, as far as it matters here."""

    key: int
    need_bytes: int
    """Expected peak, or what it holds already when that is more."""
    held_bytes: int
    """Anonymous memory and swap at the last look."""
    grew_bytes: int = 0
    """By how much that grew since the look before."""
    may_stop: bool = True

    @property
    def headroom_bytes(self) -> int:
        """How much it may grow before anything can be done."""
        return max(_LEAST_HEADROOM_BYTES, int(self.grew_bytes * _HEADROOM_PART))


def assured(shares: Sequence[Share], budget_bytes: int) -> FrozenSet[int]:
    """Keys of those for which all is free that they will need, whatever the others hold by now; the oldest is first
    and always one of them."""
    found: Set[int] = set()
    promised = 0
    for share in shares:
        others = sum(each.held_bytes for each in shares if each.key not in found and each.key != share.key)
        if not found or promised + share.need_bytes + others <= budget_bytes:
            found.add(share.key)
            promised += share.need_bytes
    return frozenset(found)


def stopped(shares: Sequence[Share], budget_bytes: int, now_stopped: FrozenSet[int]) -> FrozenSet[int]:
    """Keys of those that are to be stopped, the oldest share first: the newest of them that have no more room."""
    safe = assured(shares, budget_bytes)
    rest = [each for each in shares if each.key not in safe]
    free = budget_bytes - sum(each.need_bytes for each in shares if each.key in safe)
    free -= sum(each.held_bytes for each in rest)
    found: List[int] = []
    for share in rest:
        # Who was stopped goes on only when that lasts for a while.
        wanted = share.headroom_bytes * (3 if share.key in now_stopped else 1)
        if not share.may_stop or wanted <= free:
            free -= wanted
        else:
            found.append(share.key)
    return frozenset(found)


def choose_in_part(
    waiting: Sequence[Waiting], running: Sequence[Running], room: Room, in_part: FrozenSet[int]
) -> Optional[int]:
    """The key of the edge that is to start though not all is free that it will need; None: none may.

    To be asked when `choose` lets none start. `in_part`: keys of those that have started so and are not assured yet;
    one at a time is enough. One that is not the first starts only where the first can then start in part as well, once
    those that run now have ended: so nobody is passed for ever.
    """
    if room.is_shut or in_part or not running or len(running) >= room.cores or any(each.alone for each in running):
        return None
    free = room.budget_bytes - sum(each.need_bytes for each in running)
    order = ranked(waiting)
    if not order or order[0].alone:
        return None
    first = order[0]
    for each in order:
        if each.need_bytes > room.budget_bytes or free < _LEAST_PART * each.need_bytes:
            continue
        if each is first or room.budget_bytes - each.need_bytes >= _LEAST_PART * first.need_bytes:
            return each.key
    return None
