"""A worker's connection that ends: noticed when the worker is silent, cut at once, told exactly once.

What: Buildbot's class for a connection of a worker.
Why: its keepalive waits for an answer for ever; `loseConnection` waits for a peer that takes nothing any more; and a
connection that is lost during the log-in is never told, so that the worker counts as connected until the master is
started again.
Buildbot's issues: 5832 and 3630 (the keepalive), 7463 (the log-in).
Can go: when a silent worker is cut off without this; tests/integration/test_handshake.py shows it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from buildbot.worker.protocols import pb
from twisted.internet.task import LoopingCall
from twisted.python import log

from arm_ci.master.buildbot_fixes.fix import Fix
from arm_ci.master.builds.worker_loss import CLOSED

FIX = Fix(
    name="worker_connection",
    why="a worker that is silent is cut off and told as lost, also during its log-in",
    issue="https://github.com/buildbot/buildbot/issues/5832, 3630 and 7463",
    goes_when="Buildbot's keepalive has a limit, its connections are aborted, and one lost in the log-in is told",
    replaces=(
        "buildbot.worker.protocols.pb:Connection.loseConnection",
        "buildbot.worker.protocols.pb:Connection.startKeepaliveTimer",
        "buildbot.worker.protocols.pb:Connection.stopKeepaliveTimer",
    ),
    relies_on=("buildbot.worker.base:AbstractWorker.messageReceivedFromWorker",),
    extends=("buildbot.worker.protocols.pb:Connection.detached",),
    calls=("buildbot.worker.protocols.pb:Connection.remotePrint", "twisted.spread.pb:Broker.notifyOnDisconnect"),
    reads=(
        "buildbot.worker.protocols.pb:Listener.ConnectionClass",
        "buildbot.worker.base:AbstractWorker.lastMessageReceived",
        "twisted.spread.pb:Broker.disconnected",
    ),
    ours={"buildbot.worker.protocols.pb:Connection": "arm_ci.master.buildbot_fixes.worker_connection:Connection"},
)

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


def put_in_force(master: Any, silence_seconds: float) -> None:
    """The connections that workers of a master make from now on are ours."""
    master.workers.pb.ConnectionClass = partial(Connection, silence_seconds)
