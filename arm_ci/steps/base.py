"""What every step of ours shares: running the recipe's commands on the worker, and ending with a sentence.

No environment is logged, output is bounded, and every command runs with the recipe's environment (LC_ALL=C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from buildbot.process import logobserver
from buildbot.process.buildstep import BuildStep, BuildStepCancelled, BuildStepFailed, ShellMixin
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS, WARNINGS
from buildbot.steps.worker import CompositeStepMixin
from twisted.internet.error import ConnectionLost

from arm_ci.plan import Choices, Command, Places, Recipe
from arm_ci.plan.archives import Archive
from arm_ci.plan.environment import is_foreign

# A log that grows without end is a fault of the build (a loop in a makefile): stop it, keep the master alive.
MOST_LINES = 2_000_000
LONGEST_SENTENCE = 300
# ninja's edges are process groups of their own: killed at once, it would leave them behind; told to end, it ends them.
# The agent needs some seconds more, to write down how it went: on a machine that swaps everything takes long.
_GRACE_SECONDS = 40
_SHIP_SECONDS = 300
# An archive counts as sent when it has its name, which it gets last; those of earlier versions go.
_SETTLE = """\
mv -f "$1.part" "$1" || exit
for old in "$2"-????????????????.pyz "$2"-????????????????; do
    case $old in "$1" | "${1%.pyz}") ;; *) rm -rf "$old" ;; esac
done
"""

LineTaker = Callable[[str], None]


class LineObserver(logobserver.LogLineObserver):
    """Hands every line of output, standard error included, to a function."""

    def __init__(self, take: LineTaker) -> None:
        super().__init__()
        self._take = take

    def outLineReceived(self, line: str) -> None:
        self._take(line)

    def errLineReceived(self, line: str) -> None:
        self._take(line)


class RecipeStep(CompositeStepMixin, ShellMixin, BuildStep):
    """A step that runs one stage of a recipe."""

    haltOnFailure = True
    flunkOnFailure = True

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command", "env", "logEnviron"])
        super().__init__(**kwargs)
        self.recipe = recipe
        self.logEnviron = False
        self.max_lines = MOST_LINES
        self.command = None
        self.sentence = ""
        self._take: LineTaker | None = None

    # -- what the build says ----------------------------------------------------------------------------------

    @property
    def places(self) -> Places:
        """The build's directories; `builddir` is what the worker calls the builder's own directory."""
        return Places.below(self.getProperty("builddir"))

    @property
    def where(self) -> str:
        """The worker as sentences name it."""
        return f"worker `{self.getWorkerName()}`"

    @property
    def choices(self) -> Choices:
        """Jobs, targets and upstream version of this build."""
        targets = self.getProperty("targets") or ""
        return Choices(
            jobs=int(self.getProperty("jobs") or self.recipe.default_jobs()),
            targets=tuple(str(targets).split()),
            upstream_version=self.getProperty("upstream_version") or "",
        )

    @property
    def toolchain_text(self) -> str:
        """Compiler and linker with their versions, as check-worker found them on this build's worker."""
        versions = (str(self.getProperty(name) or "") for name in ("compiler_version", "linker_version"))
        return self.recipe.toolchain_text(*versions)

    # -- running ----------------------------------------------------------------------------------------------

    async def execute(self, command: Command, take: LineTaker | None = None, **overrides: Any) -> Any:
        """Runs a command and returns the finished remote command; `take` gets every line of its output."""
        first = self._take is None and take is not None
        self._take = take
        remote = await self.makeRemoteShellCommand(
            command=list(command.argv),
            env=self.environment(),
            workdir=str(command.directory),
            timeout=command.timeout_seconds,
            sigtermTime=_GRACE_SECONDS,
            **overrides,
        )
        if first:
            # One observer for the step's one log, however many commands write to it.
            self.addLogObserver("stdio", LineObserver(lambda line: self._take(line) if self._take else None))
        try:
            await self.runCommand(remote)
        except ConnectionLost:
            self.say("the worker was lost")
            raise
        if self.stopped:
            # Whatever the command returned when it was stopped, it says nothing about the build.
            self.say("interrupted")
            raise BuildStepCancelled
        return remote

    def environment(self) -> dict[str, str | None]:
        """The recipe's variables; what would change a build and stands in the worker's environment is removed."""
        # Buildbot's worker removes a variable whose value is None.
        foreign = {name: None for name in getattr(self.worker, "worker_environ", None) or {} if is_foreign(name)}
        return {**foreign, **self.recipe.environment}

    async def write(self, directory: str, name: str, text: str | bytes) -> None:
        """Writes a file on the worker, or fails the step."""
        await self.downloadFileContentToWorker(name, text, abandonOnFailure=True, workdir=directory)

    async def ship(self, archive: Archive) -> None:
        """Sees to it that the worker has an archive; sends it only when it has changed."""
        support = self.places.support
        if not await self.pathExists(str(support / archive.name)):
            await self.write(str(support), f"{archive.name}.part", archive.data)
            settle = ("sh", "-c", _SETTLE, "sh", archive.name, archive.package)
            remote = await self.execute(Command(settle, support, _SHIP_SECONDS))
            if remote.didFail():
                self.say(f"{archive.name} cannot be written on {self.where}: {how_it_ended(remote)}")
                raise BuildStepFailed

    # -- ending -----------------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """The sentence that stands beside this step."""
        self.sentence = sentence[:LONGEST_SENTENCE]

    def fail(self, sentence: str) -> int:
        """Ends the step as failed, with the sentence for the step and the whole build."""
        self.say(sentence)
        return int(FAILURE)

    def getResultSummary(self) -> Mapping[str, str]:
        sentence = self.build.properties.cleanupTextFromSecrets(self.sentence or self.name)
        if self.results in (SUCCESS, SKIPPED, WARNINGS):
            return {"step": sentence}
        # Buildbot puts `failed` or `exception` before it.
        return {"step": sentence, "build": f"{self.name}: {sentence}" if self.sentence else self.name}


def fell_silent(remote: Any) -> bool:
    """Whether a remote command was stopped because it was silent for too long."""
    return getattr(remote, "remote_failure_reason", None) in ("timeout", "timeout_without_output")


def how_it_ended(remote: Any) -> str:
    """`exit status 1`, `signal 9`, or `no output for 3600 seconds`, for a finished remote shell command."""
    if fell_silent(remote):
        return f"silent for {remote.args.get('timeout')} seconds, stopped"
    if remote.rc is not None and remote.rc > 128:
        return f"exit status {remote.rc}, signal {remote.rc - 128}"
    if remote.rc == -1:
        return "killed by a signal"
    return f"exit status {remote.rc}"
