"""A build graph with what each edge needs, and what no schedule of it can beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

SLOWDOWN = 10.0
"""Of all that runs, for each budget that is held beyond the budget: measured with Mesos sources in 925 MB (docs)."""
ALONE_SLOWDOWN = 2.6
"""The same of an edge that runs alone: 13 compiles and links of Mesos 1.1.0 (gcc 12 -g, ld.bfd; 1.0 to 2.5 GB each)
together, in 925 MB with swap on a fast disk, against their processor seconds where memory is plentiful; 1.2 to 4.6 for
each that needs more than 1.2 GB, less for the others."""


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
    kind: str = ""
    """As in a report: `compile`, `archive`, `link`."""


def slowdown(held_bytes: int, budget_bytes: int, slope: float = SLOWDOWN) -> float:
    """By which factor everything is slower when so much is held and the rest is in swap."""
    return 1.0 + slope * max(0.0, held_bytes / budget_bytes - 1.0)


def users_of(edges: Sequence[Edge]) -> Mapping[int, list[int]]:
    """For each edge the numbers of those that need it."""
    users: dict[int, list[int]] = {edge.number: [] for edge in edges}
    for edge in edges:
        for number in edge.needs:
            users[number].append(edge.number)
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
        for user in users[number]:
            left[user] -= 1
            if not left[user]:
                ready.append(user)
    if len(found) < len(edges):
        raise ValueError("the graph has a circle")
    return found


def rest_seconds(edges: Sequence[Edge]) -> dict[int, float]:
    """For each edge the longest way from its start to the end of the build, itself included."""
    users = users_of(edges)
    found: dict[int, float] = {}
    for edge in reversed(in_order(edges)):
        found[edge.number] = edge.seconds + max((found[user] for user in users[edge.number]), default=0.0)
    return found


def lower_bound(edges: Sequence[Edge], budget_bytes: int, cores: int) -> float:
    """Seconds that no schedule within the budget beats: the longest way, the work on all cores, memory times time.

    An edge that needs the whole budget runs alone, slowed by what it needs beyond, by SLOWDOWN: its time is
    nobody else's.
    """
    slowed = [replace(edge, seconds=edge.seconds * slowdown(edge.need_bytes, budget_bytes)) for edge in edges]
    alone_seconds = sum(edge.seconds for edge in slowed if edge.need_bytes >= budget_bytes)
    others = [edge for edge in slowed if edge.need_bytes < budget_bytes]
    work = sum(edge.seconds for edge in others) / cores
    area = sum(edge.seconds * edge.need_bytes for edge in others) / budget_bytes
    longest = max(rest_seconds(slowed).values(), default=0.0)
    return max(longest, alone_seconds + max(work, area))
