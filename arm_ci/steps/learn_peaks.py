"""After the build: what its edges took is kept on the master, so that the next build of the variant knows it.

A build that failed or was cancelled has shown something too. It changes nothing about how the build ended.
"""

from __future__ import annotations

from typing import Any

from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS
from twisted.internet.threads import deferToThread

from arm_ci.diagnosis.figures import count
from arm_ci.history.learned_peaks import learn_peaks
from arm_ci.plan import Recipe
from arm_ci.steps.agent_step import WatchedStep
from arm_ci.steps.build import Build


class LearnPeaks(WatchedStep):
    """Adds the report of the build to the variant's learned peaks; hidden where nothing was built."""

    name = "learn-peaks"
    alwaysRun = True
    haltOnFailure = False
    flunkOnFailure = False
    warnOnFailure = False

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs.setdefault("doStepIf", lambda step: step.built_by() is not None)
        kwargs.setdefault("hideStepIf", lambda results, step: results == SKIPPED)
        super().__init__(recipe, **kwargs)

    def built_by(self) -> Build | None:
        """The step that built, if it began and the agent let its edges in."""
        began = (step for step in self.build.executedSteps if isinstance(step, Build))
        return next(began, None) if self.recipe.project.admission else None

    async def run(self) -> int:
        built = self.built_by()
        assert built
        # A step that was interrupted could not ask for it any more.
        report = built.last_report or await self.report(Build.name)
        if report is None:
            self.say("learned nothing: the build has no report")
            return int(SKIPPED)
        try:
            shown = await deferToThread(learn_peaks, built.peaks_file, self.toolchain_text, report)
        except OSError as error:
            self.say(f"{error.filename or built.peaks_file}: {error.strerror}")
            return int(WARNINGS)
        self.say(f"learned the peaks of {count(shown, 'edge')}")
        return int(SUCCESS if shown else SKIPPED)
