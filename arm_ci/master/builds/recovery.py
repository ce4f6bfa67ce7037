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

from arm_ci.master.buildbot_fixes import master_start
from arm_ci.master.buildbot_fixes.master_parts import is_building
from arm_ci.master.builds.lost_builds import STEP, add_step, lost_builds_of, publish
from arm_ci.master.builds.worker_loss import MASTER_DIED, MASTER_STOPPED, PROPERTY, again, is_last, sentence


class Recovery(BuildbotService):
    """A service of the master that acts once, at its start: services start before workers may connect."""

    name = "arm_ci_recovery"

    async def startService(self) -> None:
        await super().startService()
        if is_building(self.master):
            return  # added by a reconfiguration of a master that runs
        try:
            await self._take_up()
        except Exception as error:  # noqa: BLE001  (a master that does not start helps nobody)
            log.err(error, "taking up what the last master left")

    async def _take_up(self) -> None:
        await master_start.release(self.master)
        unended = [Filter("complete", "eq", [False])]
        for request in await self.master.data.get(("buildrequests",), filters=unended):
            builds = await self.master.data.get(("buildrequests", request["buildrequestid"], "builds"))
            if builds:
                await self._settle(request["buildrequestid"], max(builds, key=lambda build: int(build["buildid"])))
        for buildset in await self.master.data.get(("buildsets",), filters=unended):
            # Its last request may have ended without this being told.
            await self.master.data.updates.maybeBuildsetComplete(buildset["bsid"])

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
        lost = await lost_builds_of(self.master, request_id)
        losses = [how for _, how in lost]
        verdict = await publish(self.master, build_id, sentence(losses), lost)
        await updates.setBuildStateString(build_id, verdict.sentence if is_last(losses) else again(losses))
        if not is_last(losses):
            return
        steps = await self.master.data.get(("builds", build_id, "steps"))
        if not any(step["name"] == STEP for step in steps):
            await add_step(self.master, build_id, verdict, lost)
        await updates.finishBuild(buildid=build_id, results=FAILURE)
        log.msg(f"build request {request_id}: {verdict.sentence}")
        if await updates.claimBuildRequests([request_id]):
            await updates.completeBuildRequests([request_id], FAILURE)
