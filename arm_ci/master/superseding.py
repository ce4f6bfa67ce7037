"""Which waiting requests of a variant a newer commit makes pointless: Buildbot's `collapseRequests`.

A person's request, forced, tried or built again, neither supersedes another nor is superseded. Builds that run are
left alone. Buildbot ends a superseded request as `skipped`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


class Superseding:
    """`collapseRequests` of every builder. One object serves all, because one build set is asked for by many."""

    def __init__(self) -> None:
        self._asked: dict[int, Asked] = {}

    @as_deferred
    async def __call__(self, master: Any, builder: Any, new: Mapping[str, Any], waiting: Mapping[str, Any]) -> bool:
        if new["buildrequestid"] < waiting["buildrequestid"]:
            return False
        newer = await self._what(master, new["buildsetid"])
        return newer.automatic and supersedes(newer, await self._what(master, waiting["buildsetid"]))

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
