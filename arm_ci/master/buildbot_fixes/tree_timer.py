"""A scheduler of several branches that builds each of them.

What: what happens when no commit came for some seconds (`treeStableTimer`), and the table `scheduler_changes`.
Why: when the timer of one branch fires, Buildbot forgets the older changes of the other branches, too.
Buildbot's issue: no issue found.
Can go: when a timer that fires forgets the changes of its own branch only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from buildbot.plugins import schedulers

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix
from arm_ci.master.deferred import as_deferred

_SCHEDULER = "buildbot.schedulers.basic:BaseBasicScheduler"
_ANY_BRANCH = "buildbot.schedulers.basic:AnyBranchScheduler"

FIX = Fix(
    name="tree_timer",
    why="the timer of one branch does not make its scheduler forget the commits of other branches",
    issue=NO_ISSUE,
    goes_when="a timer that fires forgets the changes of its own branch only",
    replaces=(f"{_SCHEDULER}.stableTimerFired",),
    relies_on=(f"{_ANY_BRANCH}.getChangeClassificationsForTimer",),
    calls=(f"{_SCHEDULER}.addBuildsetForChanges", "buildbot.db.pool:DBThreadPool.do_with_transaction"),
    reads=(
        f"{_SCHEDULER}._stable_timers",
        f"{_SCHEDULER}._stable_timers_lock",
        "buildbot.db.model:Model.scheduler_changes",
    ),
    ours={
        "buildbot.schedulers.basic:AnyBranchScheduler": "arm_ci.master.buildbot_fixes.tree_timer:EachBranchScheduler"
    },
)


class EachBranchScheduler(schedulers.AnyBranchScheduler):
    """Buildbot's scheduler with a timer of its own for each branch."""

    def stableTimerFired(self, timer_name: tuple[str, ...]) -> Any:
        """As Buildbot's, which however forgets what waits on other branches, too."""
        return self._stable_timers_lock.run(self._fire, timer_name)

    @as_deferred
    async def _fire(self, timer_name: tuple[str, ...]) -> None:
        if not self._stable_timers.pop(timer_name, None):
            return
        changes = sorted(await self.getChangeClassificationsForTimer(self.serviceid, timer_name))
        if changes:
            await self.addBuildsetForChanges(reason=self.reason, changeids=changes, priority=self.priority)
            await self._forget(changes)

    async def _forget(self, changes: Iterable[int]) -> None:
        table = self.master.db.model.scheduler_changes

        def delete(connection: Any) -> None:
            ours = (table.c.schedulerid == self.serviceid) & table.c.changeid.in_(changes)
            connection.execute(table.delete().where(ours)).close()

        await self.master.db.pool.do_with_transaction(delete)
