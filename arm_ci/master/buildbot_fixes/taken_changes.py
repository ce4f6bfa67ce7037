"""A scheduler that says whether it listens, and when it has written down what it heard.

What: how a scheduler takes changes.
Why: Buildbot's schedulers miss changes that come before they listen, and forget those that came but were not written
into the database when the master died. Our poller waits for both.
Buildbot's issue: no issue found.
Can go: when a change that was added is taken by every scheduler, sooner or later, whatever dies.
"""

from __future__ import annotations

from typing import Any

from buildbot.util.deferwaiter import DeferWaiter

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix
from arm_ci.master.deferred import as_deferred

_SCHEDULER = "buildbot.schedulers.base:ReconfigurableBaseScheduler"

FIX = Fix(
    name="taken_changes",
    why="a scheduler says whether it listens for changes and has written down what it heard, so that none is lost",
    issue=NO_ISSUE,
    goes_when="no change is lost that comes while a master starts or dies",
    relies_on=(f"{_SCHEDULER}._changeCallback",),
    extends=(f"{_SCHEDULER}.activate", f"{_SCHEDULER}.deactivate"),
    reads=(f"{_SCHEDULER}._change_consumption_lock", f"{_SCHEDULER}.enabled"),
)


class TakesChanges:
    """For a scheduler: says whether it listens, and when it has written down what it heard."""

    name: str
    enabled: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taking = DeferWaiter()
        self._listens = False

    @property
    def ready(self) -> bool:
        """Whether it listens, or never will because a person switched it off."""
        return self._listens or not self.enabled

    @as_deferred
    async def activate(self) -> None:
        await super().activate()  # type: ignore[misc]
        self._listens = True

    @as_deferred
    async def deactivate(self) -> None:
        self._listens = False
        await super().deactivate()  # type: ignore[misc]

    def _changeCallback(self, *args: Any) -> Any:
        return self._taking.add(super()._changeCallback(*args))  # type: ignore[misc]

    async def taken(self) -> None:
        """Returns when every change that was announced so far is in this scheduler's part of the database."""
        await self._taking.wait()
        # Buildbot takes a change under this lock and does not wait for it.
        await self._change_consumption_lock.run(lambda: None)  # type: ignore[attr-defined]
