"""A worker's connection that ends: noticed when the worker is silent, cut at once, told exactly once.

Buildbot 4.3 falls short of each. Its keepalive waits for an answer for ever; `loseConnection` waits for a peer that
takes nothing any more; and a connection that is lost during the log-in is never told, so that the worker counts as
connected until the master is started again.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from buildbot.util.service import BuildbotService
from buildbot.worker.protocols import pb
from twisted.internet.task import LoopingCall
from twisted.python import log

from arm_ci.master.builds.worker_loss import CLOSED

LOOKS = 5
"""How often a silent worker is looked at before it counts as lost. Looks are counted, not seconds: when the master's
own machine slept, or its clock jumped, nobody is lost."""


class Connection(pb.Connection):
    """Buildbot's connection with our end."""

    def __init__(self, silence_seconds: float, master: Any, worker: Any, mind: Any) -> None:
        super().__init__(master, worker, mind)
        self.how_lost = CLOSED
        self.gone = False
        self._silence_seconds = silence_seconds
        self._heard = True
        self._asked = False
        self._in_vain = 0
        self._last_message = worker.lastMessageReceived
        self._watch = LoopingCall(self._look)
        self._watch.clock = master.reactor
        if mind.broker.disconnected:
            raise ConnectionError(f"worker {worker.workername} hung up before it was logged in")
        # Twisted tells us only when the log-in is complete.
        mind.broker.notifyOnDisconnect(lambda: self.detached(mind))
        self._watch.start(silence_seconds / LOOKS, now=False).addErrback(log.err, "watching a worker")

    def detached(self, mind: Any) -> None:
        if self.gone:
            return
        self.gone = True
        super().detached(mind)

    def loseConnection(self) -> None:
        self.stopKeepaliveTimer()
        if not self.gone:
            self.mind.broker.transport.abortConnection()

    def startKeepaliveTimer(self) -> None:
        """Buildbot's own has no use: the watch runs from the first moment."""

    def stopKeepaliveTimer(self) -> None:
        if self._watch.running:
            self._watch.stop()

    def _look(self) -> None:
        if self.worker.lastMessageReceived != self._last_message:
            self._last_message = self.worker.lastMessageReceived
            self._heard = True
        self._in_vain = 0 if self._heard else self._in_vain + 1
        self._heard = False
        if self._in_vain >= LOOKS:
            self.how_lost = f"silent for {self._silence_seconds:.0f} s"
            log.msg(f"worker {self.worker.workername} was {self.how_lost}: its connection is cut")
            self.loseConnection()
        elif not self._asked:
            self._asked = True
            self.remotePrint(message="keepalive").addCallbacks(self._answered, lambda _: None)

    def _answered(self, _: Any) -> None:
        self._heard = True
        self._asked = False


class Connections(BuildbotService):
    """A service of the master: workers' connections are ours, and how long they may be silent (in seconds)."""

    name = "arm_ci_connections"

    def reconfigService(self, silence_seconds: float) -> None:  # type: ignore[override,unused-ignore]
        self.master.workers.pb.ConnectionClass = partial(Connection, silence_seconds)
