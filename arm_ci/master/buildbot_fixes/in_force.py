"""Puts the fixes in force that are no class of ours, and writes into the master's log what holds at each start."""

from __future__ import annotations

import buildbot
from buildbot.util.service import BuildbotService
from twisted.python import log

from arm_ci.master.buildbot_fixes import fixes, rest_answers, worker_connection


class BuildbotFixes(BuildbotService):
    """A service of the master. `silence_seconds` is how long a worker's connection may be silent."""

    name = "arm_ci_buildbot_fixes"

    async def reconfigService(self, silence_seconds: float) -> None:  # type: ignore[override,unused-ignore]
        worker_connection.put_in_force(self.master, silence_seconds)

    async def startService(self) -> None:
        rest_answers.put_in_force()
        for fix in fixes():
            log.msg(f"Buildbot {buildbot.version} is changed here: {fix.name}: {fix.why}")
        await super().startService()
