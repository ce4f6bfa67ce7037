"""A build that ends, whatever happens: also when its worker goes just as it begins, or its request is cancelled then.

What: Buildbot's class for a build.
Why: an exception while a build begins leaves it running for ever; a request that is cancelled in that moment keeps the
worker busy for ever; a worker that is lost means RETRY for ever, and a build has no place where its end is decided.
Buildbot's issues: 5354, 2864, 4452 and 4155 (retried for ever), 5745 (busy for ever).
Can go: when a build has a hook before its result is written down, and these ends are covered.
"""

from __future__ import annotations

from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.process.build import Build
from buildbot.process.results import CANCELLED, RETRY
from twisted.python import log

from arm_ci.master.buildbot_fixes.fix import Fix
from arm_ci.master.deferred import as_deferred

_BUILD = "buildbot.process.build:Build"

FIX = Fix(
    name="build_end",
    why="a build ends also when its worker goes or its request is cancelled while it begins, and is judged before that",
    issue="https://github.com/buildbot/buildbot/issues/5354, 2864, 4452, 4155 and 5745",
    goes_when="a build has a hook before its result is written down, and never runs for ever",
    relies_on=(f"{_BUILD}.startBuild", f"{_BUILD}.buildFinished", "buildbot.process.botmaster:BotMaster.cleanShutdown"),
    extends=(f"{_BUILD}.buildPreparationFailure", f"{_BUILD}.setupWorkerForBuilder", f"{_BUILD}.lostRemote"),
    reads=(
        f"{_BUILD}._preparation_step",
        f"{_BUILD}.buildid",
        f"{_BUILD}.conn",
        f"{_BUILD}.currentStep",
        f"{_BUILD}.env",
        f"{_BUILD}.finished",
        f"{_BUILD}.stopped",
        f"{_BUILD}.stopped_reason",
        f"{_BUILD}.subs",
    ),
    ours={_BUILD: "arm_ci.master.buildbot_fixes.build_end:EndingBuild"},
)

_MASTER_STOPS = "Master Shutdown"
# What Buildbot says of a build that is stopped while its latent worker starts.
_STOPPED_WITH_ITS_WORKER = ["worker", "cancelled"]


class EndingBuild(Build):
    """Buildbot's build with hooks: each is called once at most, in this order, and may be left out."""

    its_worker: Any = None

    async def worker_did_not_come(self, error: Any) -> bool:
        """A worker that was to be started was not; whether this is dealt with, or Buildbot is to show it."""
        return False

    def worker_came(self) -> None:
        """The worker is there, and the steps' commands are yet to be made."""

    def worker_went(self) -> None:
        """The worker's connection is lost."""

    async def judged(self, text: list[str], results: int) -> tuple[list[str], int]:
        """What the build says and how it ends."""
        return text, results

    def ended(self) -> None:
        """It is decided how the build ends."""

    # -- what hooks need --------------------------------------------------------------------------------------

    @property
    def preparation_step(self) -> Any:
        """The step in which the worker is waited for; None before there is one."""
        return self._preparation_step

    @property
    def stopped_by_the_master(self) -> bool:
        """Whether the build was stopped because the master stops."""
        return bool(self.stopped_reason == _MASTER_STOPS)

    @property
    def stopped_by_a_person(self) -> bool:
        """Whether the build was stopped for another reason."""
        return self.stopped_reason is not None and not self.stopped_by_the_master

    @staticmethod
    def says_how_it_was_stopped(text: list[str]) -> bool:
        """Whether the text is that of a build that ran, and not of one whose worker was yet to be started."""
        return bool(text) and text != _STOPPED_WITH_ITS_WORKER

    def give_to_every_command(self, name: str, value: str) -> None:
        """Puts a variable into the environment of every command of the build."""
        self.env[name] = value
        for step in self.steps:
            if isinstance(environment := getattr(step, "env", None), dict):
                # Buildbot's source steps take no notice of the build's environment.
                step.env = {**environment, name: value}

    # -- Buildbot's methods -----------------------------------------------------------------------------------

    @as_deferred
    async def startBuild(self, workerforbuilder: Any) -> None:
        self.its_worker = workerforbuilder.worker
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

    async def _end_steps(self) -> None:
        """What never ran must not look as if it were running."""
        steps = await self.master.data.get(("builds", self.buildid, "steps"), filters=[Filter("results", "eq", [None])])
        for step in steps:
            await self.master.data.updates.finishStep(step["stepid"], RETRY, False)

    @as_deferred
    async def buildPreparationFailure(self, why: Any, state_string: str) -> None:
        if self.stopped or not await self.worker_did_not_come(getattr(why, "value", why)):
            await super().buildPreparationFailure(why, state_string)

    def setupWorkerForBuilder(self, workerforbuilder: Any) -> None:
        super().setupWorkerForBuilder(workerforbuilder)
        self.worker_came()

    def lostRemote(self, conn: Any = None) -> None:
        self.worker_went()
        super().lostRemote(conn)

    @as_deferred
    async def buildFinished(self, text: list[str], results: int) -> None:
        try:
            text, results = await self.judged(text, results)
        except Exception as error:  # noqa: BLE001  (a build that does not end keeps its request for ever)
            log.err(error, "judging how a build ended")
        # Buildbot takes the worse of the two.
        self.results = results
        self.ended()
        await super().buildFinished(text, results)
