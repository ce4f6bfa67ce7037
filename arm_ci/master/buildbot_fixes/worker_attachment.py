"""A worker that is attached only when its last connection has been taken leave of, or sent away so that it tries again.

What: Buildbot's worker that connects.
Why: its `attached` takes a new attachment that comes while the old one is being detached for the old one, and detaches
it; it hides what went wrong, and a worker that is half attached never builds and cannot connect again ("already
connected"). And after a start of the master a paused worker has forgotten why it is paused.
Buildbot's issues: 4678 and 3601; none found for the pause.
Can go: when a connection that breaks in the log-in leaves a worker that can connect again; tests/integration/
test_handshake.py shows it.
"""

from __future__ import annotations

from typing import Any

from buildbot.util import Notifier
from buildbot.worker import Worker
from buildbot.worker.base import AbstractWorker
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

from arm_ci.master.buildbot_fixes.fix import Fix
from arm_ci.master.deferred import as_deferred

FIX = Fix(
    name="worker_attachment",
    why="a worker that connects again is attached after it was detached, and sent away when that fails",
    issue="https://github.com/buildbot/buildbot/issues/4678 and 3601",
    goes_when="a worker whose connection breaks while it is attached can connect again",
    replaces=("buildbot.worker.base:Worker.attached",),
    relies_on=("buildbot.worker.base:AbstractWorker.attached", "buildbot.worker.base:AbstractWorker.detached"),
    extends=("buildbot.worker.base:Worker.detached", "buildbot.worker.base:AbstractWorker._getWorkerInfo"),
    reads=("buildbot.worker.base:AbstractWorker._pause_reason",),
    ours={"buildbot.worker.base:Worker": "arm_ci.master.buildbot_fixes.worker_attachment:AttachedOnce"},
)


class AttachedOnce(Worker):
    """Buildbot's worker, whose connection may end at any moment. Needs `worker_connection`, which tells every end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._attaching = DeferredLock()
        self._leaving: Notifier[None] | None = None

    async def came(self) -> None:
        """Called when the worker has been attached."""

    def went(self) -> None:
        """Called when its connection has ended."""

    async def left(self) -> None:
        """Called when the worker has been detached after that."""

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
                await self.came()
        except Exception as error:  # noqa: BLE001  (whatever it was, the worker shall try again)
            log.msg(f"worker {self.name} could not be attached: {error!r}")
            conn.loseConnection()
        finally:
            self._attaching.release()

    def detached(self) -> Deferred[None]:
        self._leaving = Notifier()
        done: Deferred[None] = super().detached()
        done.addCallback(lambda _: Deferred.fromCoroutine(self.left()))
        done.addErrback(log.err, f"detaching worker {self.name}")
        done.addBoth(self._tell_left)
        self.went()
        return done

    def _tell_left(self, _: Any) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.notify(None)

    @as_deferred
    async def _getWorkerInfo(self) -> None:
        await super()._getWorkerInfo()
        # Buildbot remembers that it is paused and forgets why.
        worker = await self.master.data.get(("workers", self.workerid))
        self._pause_reason = worker["pause_reason"]
