"""A worker that connects: attached once its last connection has been taken leave of, quarantined when it flaps.

Needs arm_ci.master.buildbot_fixes.connection, which tells every end of a connection.
"""

from __future__ import annotations

from typing import Any

from buildbot.util import Notifier
from buildbot.worker import Worker
from buildbot.worker.base import AbstractWorker
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

from arm_ci.master.deferred import as_deferred
from arm_ci.master.workers.quarantine import Flapping

LAST_SEEN = "last_seen"
"""In a worker's information of the REST API: when it came or went last, in seconds since 1970."""


class ConnectingWorker(Worker):
    """Buildbot's worker, whose connection may end at any moment."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flapping = Flapping()
        self._attaching = DeferredLock()
        self._leaving: Notifier[None] | None = None

    @as_deferred
    async def attached(self, conn: Any) -> None:
        """Attaches the worker, or cuts the connection so that it tries again: half attached it would never build."""
        await self._attaching.acquire()
        try:
            if self._leaving is not None:
                # Buildbot would take the new attachment for the old one, and detach it.
                await self._leaving.wait()
            if not conn.gone:
                # Not super(): that hides what went wrong.
                await AbstractWorker.attached(self, conn)
                await self._note_seen()
        except Exception as error:  # noqa: BLE001  (whatever it was, the worker shall try again)
            log.msg(f"worker {self.name} could not be attached: {error!r}")
            conn.loseConnection()
        finally:
            self._attaching.release()

    def detached(self) -> Deferred[None]:
        self._leaving = Notifier()
        done: Deferred[None] = super().detached()
        if self.running and not self.botmaster.shuttingDown:
            done.addCallback(lambda _: Deferred.fromCoroutine(self._note_seen()))
        done.addErrback(log.err, f"detaching worker {self.name}")
        done.addBoth(self._left)
        if self.running and not self.botmaster.shuttingDown:
            self._flapping.disconnected(self.master.reactor.seconds())
            self._judge()
        return done

    async def _note_seen(self) -> None:
        """Keeps when the worker was here last, beside what Buildbot keeps of it."""
        table = self.master.db.model.workers

        def write(connection: Any) -> None:
            connection.execute(table.update().where(table.c.id == self.workerid).values(info=kept))

        try:
            worker = await self.master.data.get(("workers", self.workerid))
            kept = {**worker["workerinfo"], LAST_SEEN: int(self.master.reactor.seconds())}
            await self.master.db.pool.do_with_transaction(write)
        except Exception as error:  # noqa: BLE001  (no reason to send the worker away)
            log.msg(f"when worker {self.name} was seen is not kept: {error!r}")

    def _left(self, _: Any) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.notify(None)

    @as_deferred
    async def _getWorkerInfo(self) -> None:
        await super()._getWorkerInfo()
        # Buildbot remembers that it is paused and forgets why.
        worker = await self.master.data.get(("workers", self.workerid))
        self._pause_reason = worker["pause_reason"]

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
