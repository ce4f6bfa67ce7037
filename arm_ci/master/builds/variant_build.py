"""A variant's build that ends truthfully whatever dies: its worker (built again, twice at most) or the master.

In one place, because Buildbot's own steps and the time between steps must end like ours.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY
from twisted.internet.defer import Deferred
from twisted.python import log

from arm_ci.agent.machine.leftovers import MARK
from arm_ci.master.buildbot_fixes.build_end import EndingBuild
from arm_ci.master.builds.guest_log import keep_console, keep_failure, say_how
from arm_ci.master.builds.lost_builds import add_step, lost_builds_of, publish
from arm_ci.master.builds.worker_loss import CLOSED, MASTER_STOPPED, PROPERTY, Loss, again, is_last, sentence
from arm_ci.steps.verdict_step import VERDICT_PROPERTY


class VariantBuild(EndingBuild):
    """Buildbot's build; its `mark` is in the environment of every command, so that leftovers are known."""

    mark = ""

    def __init__(self, requests: Any, builder: Any) -> None:
        super().__init__(requests, builder)
        self._loss: Loss | None = None
        # Why the guest did not come up: a reason that a person must see to, or empty: the next time it may.
        self._no_guest: str | None = None
        self._began = self.master.reactor.seconds()
        # Until it is known: one of this build's own.
        self._connection = secrets.token_hex(8)

    @property
    def _in_a_guest(self) -> bool:
        return hasattr(self.its_worker, "how_it_ended")

    async def was_lost_before(self) -> bool:
        """Whether this build follows one of the same request that was lost with its worker."""
        return bool(await lost_builds_of(self.master, self.requests[0].id))

    # -- the worker comes and goes ----------------------------------------------------------------------------

    async def worker_did_not_come(self, error: Any) -> bool:
        if not self._in_a_guest:
            return False
        # Buildbot would keep the guest's worker from the next builds, as if they had the same machine.
        if hasattr(error, "transient"):
            cause, console, transient = str(error), error.console, error.transient
        else:
            # It went as it came.
            cause, transient = await self.its_worker.how_it_ended() or CLOSED, True
            console = await self.its_worker.console()
        self._no_guest = "" if transient else cause
        if transient:
            self._note_loss(cause)
        await keep_failure(self.master, self.preparation_step, cause, console)
        return True

    def worker_came(self) -> None:
        connection: Any = self.conn
        if not hasattr(connection, "word"):
            connection.word = secrets.token_hex(8)
        self._connection = connection.word
        self.mark = f"{self.getProperty('builddir')}:{connection.word}:{secrets.token_hex(8)}"
        self.give_to_every_command(MARK, self.mark)
        if hasattr(self.its_worker, "how_it_came"):
            said = say_how(self.master, self.preparation_step, self.its_worker.how_it_came())
            Deferred.fromCoroutine(said).addErrback(log.err, "saying how the guest came up")

    def worker_went(self) -> None:
        self._note_loss(getattr(self.conn, "how_lost", CLOSED))

    def _note_loss(self, how: str) -> None:
        if self._loss is None:
            step = self.currentStep
            position = getattr(step, "position", None)
            doing = f"{step.name} {position}" if position else step.name if step else ""
            self._loss = Loss(str(self.workername), how, doing, self.master.reactor.seconds() - self._began)

    # -- ending -----------------------------------------------------------------------------------------------

    async def judged(self, text: list[str], results: int) -> tuple[list[str], int]:
        if self._in_a_guest:
            await self._ask_guest()
        if self.stopped_by_the_master:
            return [MASTER_STOPPED], RETRY
        if self.stopped_by_a_person:
            # A person does not want it any more, even if its worker is gone as well.
            told = results == CANCELLED and self.says_how_it_was_stopped(text)
            return text if told else ["cancelled", f"({self.stopped_reason})"], CANCELLED
        if self._no_guest:
            return [f"no guest: {self._no_guest}"], EXCEPTION
        if results != RETRY and self._loss is None:
            return text, results
        return await self._judged_loss()

    async def _ask_guest(self) -> None:
        """What only the guest's keeper knows, asked before the guest is thrown away."""
        if self._no_guest is None and self.preparation_step is not None:
            await keep_console(self.preparation_step, await self.its_worker.console())
        cause = await self.its_worker.how_it_ended() if self._loss is not None and self._no_guest is None else ""
        if cause and self._loss is not None:
            self._loss = replace(self._loss, how=cause)

    async def _judged_loss(self) -> tuple[list[str], int]:
        if self._loss is None:
            # Before its first step.
            self._note_loss(CLOSED)
        self.setProperty(PROPERTY, str(self._loss), "Build")
        # Else that of a step that had ended would come back with the build's last properties.
        self.setProperty(VERDICT_PROPERTY, "worker-lost", "Build")
        await self.master.data.updates.setBuildProperties(self.buildid, self)
        lost = await lost_builds_of(self.master, self.requests[0].id)
        losses = [how for _, how in lost]
        verdict = await publish(self.master, self.buildid, sentence(losses), lost)
        if not is_last(losses):
            return [again(losses)], RETRY
        await add_step(self.master, self.buildid, verdict, lost)
        # Not EXCEPTION: Buildbot would look for the worker, which is gone, and never end the build.
        return [verdict.sentence], FAILURE

    def ended(self) -> None:
        if self.its_worker is not None and hasattr(self.its_worker, "build_ended"):
            self.its_worker.build_ended(self.requests[0].id, self._loss is not None, self._connection)
