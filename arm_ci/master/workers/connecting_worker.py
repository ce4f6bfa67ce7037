"""A worker that connects: when it was seen last, and when it is paused because it comes and goes too often."""

from __future__ import annotations

from typing import Any

from twisted.python import log

from arm_ci.master.buildbot_fixes.master_parts import is_stopping
from arm_ci.master.buildbot_fixes.worker_attachment import AttachedOnce
from arm_ci.master.buildbot_fixes.worker_row import add_to_worker_info
from arm_ci.master.workers.quarantine import Flapping

LAST_SEEN = "last_seen"
"""In a worker's information of the REST API: when it came or went last, in seconds since 1970."""


class ConnectingWorker(AttachedOnce):
    """Buildbot's worker, judged by how its connections and builds end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flapping = Flapping()

    async def came(self) -> None:
        await self._note_seen()

    def went(self) -> None:
        if self._counts:
            self._flapping.disconnected(self.master.reactor.seconds())
            self._judge()

    async def left(self) -> None:
        if self._counts:
            await self._note_seen()

    @property
    def _counts(self) -> bool:
        """Whether it says something of the worker that its connection ended: not when the master stops."""
        return bool(self.running) and not is_stopping(self.master)

    async def _note_seen(self) -> None:
        """Keeps when the worker was here last, beside what Buildbot keeps of it."""
        try:
            await add_to_worker_info(self.master, self.workerid, {LAST_SEEN: int(self.master.reactor.seconds())})
        except Exception as error:  # noqa: BLE001  (no reason to send the worker away)
            log.msg(f"when worker {self.name} was seen is not kept: {error!r}")

    def build_ended(self, request_id: int, lost: bool, connection: str) -> None:
        """Told by every build that ran here, how it ended, and the word of the connection that it had."""
        if lost:
            self._flapping.build_lost(request_id, connection)
            self._judge()
        else:
            self._flapping.build_ended()

    def unpause(self) -> None:
        self._flapping.forget()
        super().unpause()

    def _judge(self) -> None:
        reason = self._flapping.reason()
        if reason and not self.isPaused():
            log.msg(f"worker {self.name} is paused: {reason}")
            self.pause(reason)
