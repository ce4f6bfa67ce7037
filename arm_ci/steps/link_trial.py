"""After a link that memory ended: repeats it on the worker with every linker and memory option, and shows what fits.

Runs where the project says `link_trial: true`, and changes nothing about how the build ended. What fits is kept for the
next builds where the project says `fallback_from_trials: true`.
"""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS
from twisted.internet.threads import deferToThread

from arm_ci.agent.link_trial.trial_result import TrialResult
from arm_ci.agent.report import ReportError
from arm_ci.diagnosis.advice.link_trial_advice import trial_advice, trial_table
from arm_ci.diagnosis.verdict import MEMORY_KINDS
from arm_ci.history.learned_fallbacks import fallback_file, fallback_of, learn_fallback
from arm_ci.plan import Recipe
from arm_ci.plan.agent_command import trial, trial_path
from arm_ci.steps.base import RecipeStep, how_it_ended
from arm_ci.steps.build import Build
from arm_ci.steps.verdict_step import FAILED_LINK_NUMBER_PROPERTY, FAILED_LINK_PROPERTY, VERDICT_PROPERTY

TABLE = "link-trial"
"""Name of the log with the table, and of the build data with the agent's result."""


class LinkTrial(RecipeStep):
    """Repeats the link that failed; hidden where there is nothing to try."""

    name = "link-trial"
    alwaysRun = True
    haltOnFailure = False
    flunkOnFailure = False
    warnOnFailure = False

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs.setdefault("doStepIf", lambda step: step.is_wanted())
        kwargs.setdefault("hideStepIf", lambda results, step: results == SKIPPED)
        super().__init__(recipe, **kwargs)

    def is_wanted(self) -> bool:
        """Whether the project wants it, and memory ended a link."""
        asked = self.recipe.project.link_trial
        return bool(
            asked and self.getProperty(FAILED_LINK_PROPERTY) and self.getProperty(VERDICT_PROPERTY) in MEMORY_KINDS
        )

    async def run(self) -> int:
        output = str(self.getProperty(FAILED_LINK_PROPERTY))
        number = int(self.getProperty(FAILED_LINK_NUMBER_PROPERTY))
        remote = await self.execute(trial(self.places, Build.name, number))
        text = await self.getFileContentFromWorker(str(trial_path(self.places)))
        try:
            result = TrialResult.from_json(json.loads(text or ""))
        except (ValueError, ReportError):
            self.say(f"{output} could not be tried: {how_it_ended(remote)}, see the log")
            return int(WARNINGS)
        await self.addCompleteLog(TABLE, await deferToThread(trial_table, result))
        await self.setBuildData(TABLE, json.dumps(result.to_json()).encode(), "arm_ci")
        advice = await deferToThread(trial_advice, result)
        said = advice[0].text if advice else f"nothing fits {output}, see {TABLE}"
        self.say(said + await self._learned(result))
        return int(SUCCESS)

    async def _learned(self, result: TrialResult) -> str:
        """Keeps what fitted for the next builds, where the project wants it; what there is to say of that."""
        fallback = fallback_of(result, str(self.places.build))
        if not self.recipe.project.fallback_from_trials or fallback is None:
            return ""
        built = next(step for step in self.build.executedSteps if isinstance(step, Build))
        file = fallback_file(built.peaks_file)
        try:
            await deferToThread(learn_fallback, file, fallback)
        except OSError as error:
            return f" That cannot be kept: {error.filename or file}: {error.strerror}."
        words = (*(fallback.linker or (fallback.linker_program,)), *fallback.add)
        return f" The next builds link it with {' '.join(words)}."
