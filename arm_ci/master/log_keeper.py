"""Removes logs and build data that are older than the configuration says, once a day.

Buildbot's janitor does the same as a builder with a worker of its own; this needs neither.
"""

from __future__ import annotations

import time

from buildbot.util.service import BuildbotService
from twisted.internet.task import LoopingCall
from twisted.python import log

_DAY_SECONDS = 24 * 3600


class LogKeeper(BuildbotService):
    """A service of the master; `keep_seconds` is how long logs are kept."""

    name = "arm_ci_log_keeper"

    def __init__(self, keep_seconds: int) -> None:
        super().__init__(keep_seconds)
        self.keep_seconds = keep_seconds
        self._daily: LoopingCall | None = None

    def reconfigService(self, keep_seconds: int) -> None:
        self.keep_seconds = keep_seconds

    async def startService(self) -> None:
        await super().startService()
        self._daily = LoopingCall(self.remove_old)
        self._daily.clock = self.master.reactor
        # The first time is tomorrow's: a start should not begin with a long delete.
        self._daily.start(_DAY_SECONDS, now=False)

    async def stopService(self) -> None:
        if self._daily is not None and self._daily.running:
            self._daily.stop()
        await super().stopService()

    async def remove_old(self) -> None:
        """Removes what is too old; a database error is logged and tomorrow is another day."""
        before = time.time() - self.keep_seconds
        try:
            chunks = await self.master.db.logs.deleteOldLogChunks(before)
            data = await self.master.db.build_data.deleteOldBuildData(before)
        except Exception as error:  # noqa: BLE001  (a service that dies silently would keep logs for ever)
            log.err(error, "removing old logs")
            return
        log.msg(f"removed {chunks} chunks of logs and {data} build data older than {self.keep_seconds} s")
