"""Which waiting requests of a variant a newer commit makes pointless, and how they end.

A person's request, forced, tried or built again, neither supersedes another nor is superseded. Builds that run are
left alone. Buildbot ends a superseded request as `skipped`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.process.results import SKIPPED

from arm_ci.master.deferred import as_deferred

_AUTOMATIC = frozenset({"commit", "nightly"})
_MOST_REMEMBERED = 1000


@dataclass(frozen=True)
class Asked:
    """What a build set asks for, as far as it matters here."""

    automatic: bool
    """Nobody in person asked for it, and it has no patch."""
    branch: str | None
    revision: str | None
    """None: whatever is newest when the build starts."""
    change: int
    """Number of its newest change, which grows with each commit of a branch; 0 without one."""


def supersedes(new: Asked, waiting: Asked) -> bool:
    """Whether a request just made replaces one of the same variant that waits since before."""
    if not (new.automatic and waiting.automatic) or new.branch != waiting.branch:
        return False
    if new.revision is None:
        return True
    if not new.change:
        return new.revision == waiting.revision
    return new.change >= waiting.change


def pointless(waiting: Mapping[int, Sequence[tuple[int, Asked]]]) -> list[int]:
    """The numbers of those requests that a later one of their builder supersedes."""
    return sorted(
        number
        for requests in waiting.values()
        for number, asked in requests
        if any(later > number and supersedes(new, asked) for later, new in requests)
    )


class Superseding:
    """For a scheduler: ends the waiting requests of its builders that a newer one makes pointless.

    It looks when it has made a build set, when a request whose build was lost waits again, and at the start. Buildbot's
    own way, `collapseRequests` of a builder, asks the database several times for each builder before it announces any
    of the new requests; with two hundred variants that took ten seconds. Here the new ones are known already, and
    all that are pointless end together.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked: dict[int, Asked] = {}
        self._lost: Any = None

    @as_deferred
    async def activate(self) -> None:
        await super().activate()  # type: ignore[misc]
        master: Any = self.master  # type: ignore[attr-defined]
        if self._lost is None:
            self._lost = await master.mq.startConsuming(self._waits_again, ("buildrequests", None, "unclaimed"))
        await self.supersede(await self._builders())

    @as_deferred
    async def deactivate(self) -> None:
        if self._lost is not None:
            self._lost.stopConsuming()
            self._lost = None
        await super().deactivate()  # type: ignore[misc]

    @as_deferred
    async def addBuildsetForSourceStamps(self, *args: Any, **kwargs: Any) -> tuple[int, dict[int, int]]:
        added: tuple[int, dict[int, int]] = await super().addBuildsetForSourceStamps(*args, **kwargs)  # type: ignore[misc]
        await self.supersede(added[1])
        return added

    @as_deferred
    async def _waits_again(self, _: Any, request: Mapping[str, Any]) -> None:
        if request["builderid"] in await self._builders():
            await self.supersede([request["builderid"]])

    async def _builders(self) -> set[int]:
        master: Any = self.master  # type: ignore[attr-defined]
        names = set(self.builderNames)  # type: ignore[attr-defined]
        return {each["builderid"] for each in await master.data.get(("builders",)) if each["name"] in names}

    async def supersede(self, builders: Collection[int]) -> list[int]:
        """Ends what waits for some builders and is pointless; returns the requests that it ended."""
        updates: Any = self.master.data.updates  # type: ignore[attr-defined]
        numbers = pointless(await self._waiting(builders))
        if not numbers:
            return []
        claim = updates.claimBuildRequests
        # When a worker takes one of them at this moment none is claimed; then those that are left, one by one.
        groups = [numbers] if await claim(numbers) else [[each] for each in numbers if await claim([each])]
        for group in groups:
            await updates.completeBuildRequests(group, SKIPPED)
        return [each for group in groups for each in group]

    async def _waiting(self, builders: Collection[int]) -> dict[int, list[tuple[int, Asked]]]:
        """For each of these builders the requests that wait, and what they ask for."""
        master: Any = self.master  # type: ignore[attr-defined]
        filters = [Filter("claimed", "eq", [False]), Filter("complete", "eq", [False])]
        waiting: dict[int, list[tuple[int, Asked]]] = {}
        for each in await master.data.get(("buildrequests",), filters=filters):
            if each["builderid"] in builders:
                asked = await self._what(master, each["buildsetid"])
                waiting.setdefault(each["builderid"], []).append((each["buildrequestid"], asked))
        return waiting

    async def _what(self, master: Any, build_set: int) -> Asked:
        if build_set not in self._asked:
            if len(self._asked) >= _MOST_REMEMBERED:
                self._asked.clear()
            self._asked[build_set] = await _read(master, build_set)
        return self._asked[build_set]


async def _read(master: Any, build_set: int) -> Asked:
    described = await master.data.get(("buildsets", build_set))
    properties = await master.data.get(("buildsets", build_set, "properties"))
    (source,) = described["sourcestamps"]
    changes = await master.data.get(("sourcestamps", source["ssid"], "changes"))
    trigger, _ = properties.get("trigger", ("", ""))
    return Asked(
        automatic=trigger in _AUTOMATIC and not source["patch"] and described["rebuilt_buildid"] is None,
        branch=source["branch"],
        revision=source["revision"],
        change=max((change["changeid"] for change in changes), default=0),
    )
