"""A variant's build that ends truthfully whatever dies: its worker (built again, twice at most) or the master.

In one place, because Buildbot's own steps and the time between steps must end like ours.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.process.build import Build
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY
from twisted.internet.defer import Deferred
from twisted.python import log

from arm_ci.agent.machine.leftovers import MARK
from arm_ci.master.builds.guest_log import keep_console, keep_failure, say_how
from arm_ci.master.builds.lost_builds import add_step, tries_of
from arm_ci.master.builds.worker_loss import CLOSED, MASTER_STOPPED, PROPERTY, Loss, again, verdict
from arm_ci.master.deferred import as_deferred

# What Buildbot's botmaster gives as the reason when it stops builds because the master stops.
_MASTER_STOPS = "Master Shutdown"
# What Buildbot says of a build that is stopped while its latent worker starts.
_STOPPED_WITH_ITS_WORKER = ["worker", "cancelled"]


class VariantBuild(Build):
    """Buildbot's build; its `mark` is in the environment of every command, so that leftovers are known."""

    mark = ""

    def __init__(self, requests: Any, builder: Any) -> None:
        super().__init__(requests, builder)
        self._loss: Loss | None = None
        self._worker: Any = None
        # Why the guest did not come up: a reason that a person must see to, or empty: another try may do.
        self._no_guest: str | None = None
        self._started = 0.0
        # Until it is known: one of this build's own.
        self._connection = secrets.token_hex(8)

    # -- running ----------------------------------------------------------------------------------------------

    @as_deferred
    async def startBuild(self, workerforbuilder: Any) -> None:
        self._worker = workerforbuilder.worker
        self._started = self.master.reactor.seconds()
        try:
            await super().startBuild(workerforbuilder)
        except Exception as error:
            # Buildbot does not expect that the worker goes just now; its build would stay for ever.
            if self.finished or self.buildid is None:
                raise
            log.msg(f"{self} did not begin: {error!r}")
            if self.subs is None:
                self.conn = None
            await self._end_steps()
            await self.buildFinished(["worker", "lost"], RETRY)
            return
        if self._preparation_step is None and not self.finished:
            # Its request was cancelled in this moment. Buildbot would keep the worker busy with it for ever.
            await self.buildFinished([], CANCELLED)

    @as_deferred
    async def buildPreparationFailure(self, why: Any, state_string: str) -> None:
        error = getattr(why, "value", why)
        if self.stopped or not hasattr(self._worker, "how_it_ended"):
            await super().buildPreparationFailure(why, state_string)
            return
        # Buildbot would keep the guest's worker from the next builds, as if they had the same machine.
        if hasattr(error, "transient"):
            cause, console, transient = str(error), error.console, error.transient
        else:
            # It went as it came.
            cause, transient = await self._worker.how_it_ended() or CLOSED, True
            console = await self._worker.console()
        self._no_guest = "" if transient else cause
        if transient:
            self._note_loss(cause)
        await keep_failure(self.master, self._preparation_step, cause, console)

    def setupWorkerForBuilder(self, workerforbuilder: Any) -> None:
        super().setupWorkerForBuilder(workerforbuilder)
        connection: Any = self.conn
        if not hasattr(connection, "word"):
            connection.word = secrets.token_hex(8)
        self._connection = connection.word
        self.mark = f"{self.getProperty('builddir')}:{connection.word}:{secrets.token_hex(8)}"
        self.env[MARK] = self.mark
        for step in self.steps:
            if isinstance(environment := getattr(step, "env", None), dict):
                # Buildbot's source steps take no notice of the build's environment.
                step.env = {**environment, MARK: self.mark}
        if hasattr(self._worker, "how_it_came"):
            said = say_how(self.master, self._preparation_step, self._worker.how_it_came())
            Deferred.fromCoroutine(said).addErrback(log.err, "saying how the guest came up")

    async def _end_steps(self) -> None:
        """What never ran must not look as if it were running."""
        steps = await self.master.data.get(("builds", self.buildid, "steps"), filters=[Filter("results", "eq", [None])])
        for step in steps:
            await self.master.data.updates.finishStep(step["stepid"], RETRY, False)

    async def was_lost_before(self) -> bool:
        """Whether this build is another try of one that was lost with its worker."""
        return bool(await tries_of(self.master, self.requests[0].id))

    # -- losing the worker ------------------------------------------------------------------------------------

    def lostRemote(self, conn: Any = None) -> None:
        self._note_loss(getattr(self.conn, "how_lost", CLOSED))
        super().lostRemote(conn)

    def _note_loss(self, how: str) -> None:
        if self._loss is None:
            step = self.currentStep
            position = getattr(step, "position", None)
            doing = f"{step.name} {position}" if position else step.name if step else ""
            self._loss = Loss(str(self.workername), how, doing, self.master.reactor.seconds() - self._started)

    # -- ending -----------------------------------------------------------------------------------------------

    @as_deferred
    async def buildFinished(self, text: list[str], results: int) -> None:
        try:
            if hasattr(self._worker, "how_it_ended"):
                await self._ask_guest()
            text, results = await self._judged(text, results)
        except Exception as error:  # noqa: BLE001  (a build that does not end keeps its request for ever)
            log.err(error, "judging how a build ended")
        # Buildbot takes the worse of the two.
        self.results = results
        if self._worker is not None and hasattr(self._worker, "build_ended"):
            self._worker.build_ended(self.requests[0].id, self._loss is not None, self._connection)
        await super().buildFinished(text, results)

    async def _ask_guest(self) -> None:
        """What only the guest's keeper knows, asked before the guest is thrown away."""
        if self._no_guest is None and self._preparation_step is not None:
            await keep_console(self._preparation_step, await self._worker.console())
        cause = await self._worker.how_it_ended() if self._loss is not None and self._no_guest is None else ""
        if cause and self._loss is not None:
            self._loss = replace(self._loss, how=cause)

    async def _judged(self, text: list[str], results: int) -> tuple[list[str], int]:
        """What the build says and how it ends."""
        if self.stopped_reason == _MASTER_STOPS:
            return [MASTER_STOPPED], RETRY
        if self.stopped_reason is not None:
            # A person does not want it any more, even if its worker is gone as well.
            told = results == CANCELLED and text and text != _STOPPED_WITH_ITS_WORKER
            return text if told else ["cancelled", f"({self.stopped_reason})"], CANCELLED
        if self._no_guest:
            return [f"no guest: {self._no_guest}"], EXCEPTION
        if results != RETRY and self._loss is None:
            return text, results
        if self._loss is None:
            # Before its first step.
            self._note_loss(CLOSED)
        self.setProperty(PROPERTY, str(self._loss), "Build")
        await self.master.data.updates.setBuildProperties(self.buildid, self)
        tries = await tries_of(self.master, self.requests[0].id)
        losses = [how for _, how in tries]
        sentence = verdict(losses)
        if sentence is None:
            return [again(losses)], RETRY
        await add_step(self.master, self.buildid, sentence, tries)
        # Not EXCEPTION: Buildbot would look for the worker, which is gone, and never end the build.
        return [sentence], FAILURE
