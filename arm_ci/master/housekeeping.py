"""Removes logs, build data and artefacts that are older than the configuration says, once a day.

Buildbot's janitor does the first two as a builder with a worker of its own; this needs neither, and knows artefacts.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from buildbot.util.service import BuildbotService
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.config.model import Site
from arm_ci.master.buildbot_fixes import old_rows

_DAY_SECONDS = 24 * 3600


class Housekeeping(BuildbotService):
    """A service of the master. `artefacts` is the directory in which each build has its own: BUILDER/NUMBER."""

    name = "arm_ci_housekeeping"

    def __init__(self, site: Site, artefacts: str) -> None:
        super().__init__(site, artefacts)
        self.reconfigService(site, artefacts)
        self._daily: LoopingCall | None = None

    def reconfigService(self, site: Site, artefacts: str) -> None:
        self.site = site
        self.artefacts = Path(artefacts)

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
        """Removes what is too old; an error is logged and tomorrow is another day."""
        now = time.time()
        try:
            before = now - self.site.keep_logs
            chunks, data = await old_rows.delete_older(self.master, before)
            builds = await deferToThread(remove_old_artefacts, self.artefacts, now - self.site.keep_artefacts)
        except Exception as error:  # noqa: BLE001  (a service that dies silently would keep everything for ever)
            log.err(error, "removing what is old")
            return
        log.msg(f"removed {chunks} chunks of logs, {data} build data and the artefacts of {builds} builds")


def remove_old_artefacts(artefacts: Path, before: float) -> int:
    """Removes the artefacts of builds that brought their last one before a time (seconds since 1970); how many."""
    removed = 0
    for build in artefacts.glob("*/*"):
        if build.is_dir() and _newest(build) < before:
            shutil.rmtree(build)
            removed += 1
    return removed


def _newest(directory: Path) -> float:
    return max(path.stat().st_mtime for path in (directory, *directory.rglob("*")))
