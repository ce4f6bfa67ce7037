"""Ends what seems to run when a master starts that was killed.

What: what Buildbot does itself when it finds that a master is gone.
Why: it does so only for a master that has not been seen for some minutes, so not for one that is started again at once;
its workers then count as connected, its builds as running, and its requests stay claimed.
Buildbot's issue: no issue found.
Can go: when a master that starts takes back what it had itself.
"""

from __future__ import annotations

from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.process.results import RETRY

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="master_start",
    why="a master that was killed takes back at its start what seems to run and what it had claimed",
    issue=NO_ISSUE,
    goes_when="a master that starts takes back its own builds and requests",
    relies_on=("buildbot.data.masters:Master._masterDeactivatedHousekeeping",),
    calls=(
        "buildbot.data.workers:Worker._masterDeactivated",
        "buildbot.data.schedulers:Scheduler._masterDeactivated",
        "buildbot.data.changesources:ChangeSource._masterDeactivated",
        "buildbot.data.steps:Step.finishStep",
        "buildbot.data.logs:Log.finishLog",
        "buildbot.data.builds:Build.finishBuild",
        "buildbot.db.buildrequests:BuildRequestsConnectorComponent.getBuildRequests",
        "buildbot.db.buildrequests:BuildRequestsConnectorComponent.unclaimBuildRequests",
    ),
    reads=("buildbot.data.connector:DataConnector.rtypes",),
)


async def release(master: Any) -> None:
    """Ends what seems to run and gives back what is claimed: this master has only just started."""
    for kind in (master.data.rtypes.worker, master.data.rtypes.scheduler, master.data.rtypes.changesource):
        await kind._masterDeactivated(masterid=master.masterid)
    running = [Filter("masterid", "eq", [master.masterid]), Filter("complete", "eq", [False])]
    for build in await master.data.get(("builds",), filters=running):
        unended = [Filter("results", "eq", [None])]
        for step in await master.data.get(("builds", build["buildid"], "steps"), filters=unended):
            open_logs = [Filter("complete", "eq", [False])]
            for one in await master.data.get(("steps", step["stepid"], "logs"), filters=open_logs):
                await master.data.updates.finishLog(logid=one["logid"])
            await master.data.updates.finishStep(stepid=step["stepid"], results=RETRY, hidden=False)
        await master.data.updates.finishBuild(buildid=build["buildid"], results=RETRY)
    claimed = await master.db.buildrequests.getBuildRequests(complete=False, claimed=master.masterid)
    await master.db.buildrequests.unclaimBuildRequests(brids=[each.buildrequestid for each in claimed])
