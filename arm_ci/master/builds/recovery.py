"""Brings order into what a killed master left in the database, before anything is built.

Buildbot does this too, but not when it was killed twice within minutes, and it builds again what had ended a moment
before the kill.
"""

from __future__ import annotations

from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.process.results import FAILURE, RETRY
from buildbot.util.service import BuildbotService
from twisted.python import log

from arm_ci.master.builds.lost_builds import STEP, add_step, tries_of
from arm_ci.master.builds.worker_loss import MASTER_DIED, MASTER_STOPPED, PROPERTY, again, verdict


class Recovery(BuildbotService):
    """A service of the master that acts once, at its start: services start before workers may connect."""

    name = "arm_ci_recovery"

    async def startService(self) -> None:
        await super().startService()
        if any(builder.building for builder in self.master.botmaster.builders.values()):
            return  # added by a reconfiguration of a master that runs
        try:
            await self._take_up()
        except Exception as error:  # noqa: BLE001  (a master that does not start helps nobody)
            log.err(error, "taking up what the last master left")

    async def _take_up(self) -> None:
        await self._release()
        requests = await self.master.db.buildrequests.getBuildRequests(complete=False)
        for request in requests:
            builds = await self.master.data.get(("buildrequests", request.buildrequestid, "builds"))
            if builds:
                await self._settle(request.buildrequestid, max(builds, key=lambda build: int(build["buildid"])))
        for buildset in await self.master.db.buildsets.getBuildsets(complete=False):
            # Its last request may have ended without this being told.
            await self.master.data.updates.maybeBuildsetComplete(buildset.bsid)

    async def _release(self) -> None:
        """Ends what seems to run and gives back what is claimed: this master has only just started."""
        master = self.master
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

    async def _settle(self, request_id: int, build: dict[str, Any]) -> None:
        """A request whose last build had ended is complete; one that was interrupted says so."""
        updates = self.master.data.updates
        if build["results"] != RETRY:
            log.msg(f"build request {request_id} had ended with build {build['buildid']}")
            if await updates.claimBuildRequests([request_id]):
                await updates.completeBuildRequests([request_id], build["results"])
            return
        number = build["buildid"]
        properties = await self.master.data.get(("builds", number, "properties"))
        if PROPERTY in properties:
            await self._settle_loss(request_id, number)
        elif build["state_string"] != MASTER_STOPPED:
            await updates.setBuildStateString(number, MASTER_DIED)

    async def _settle_loss(self, request_id: int, build_id: int) -> None:
        """The master may have died after it wrote down that a build was lost, and before what follows from that."""
        updates = self.master.data.updates
        tries = await tries_of(self.master, request_id)
        losses = [how for _, how in tries]
        sentence = verdict(losses)
        await updates.setBuildStateString(build_id, sentence or again(losses))
        if sentence is None:
            return
        steps = await self.master.data.get(("builds", build_id, "steps"))
        if not any(step["name"] == STEP for step in steps):
            await add_step(self.master, build_id, sentence, tries)
        await updates.finishBuild(buildid=build_id, results=FAILURE)
        log.msg(f"build request {request_id}: {sentence}")
        if await updates.claimBuildRequests([request_id]):
            await updates.completeBuildRequests([request_id], FAILURE)
