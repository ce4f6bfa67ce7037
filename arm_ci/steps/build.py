"""Configure and build: the long steps, under the agent, with live progress; the verdict says why they failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.agent.fallback.fallbacks_file import FallbackError, text_of_fallbacks
from arm_ci.agent.output_lines import edge_that_runs_again, waiting_edges
from arm_ci.diagnosis.figures import count
from arm_ci.diagnosis.judging.distcc_helpers import where_compiled
from arm_ci.diagnosis.judging.fallback_edges import edges_with_fallback
from arm_ci.diagnosis.judging.second_tries import ran_again
from arm_ci.history.learned_fallbacks import fallback_file, known_fallbacks
from arm_ci.history.learned_peaks import known_peaks
from arm_ci.plan import Progress, Recipe
from arm_ci.plan.agent_command import fallback_path, peaks_path
from arm_ci.steps.agent_step import WatchedStep

# The agent says once a minute how many wait, and nothing when none does.
_WAITING_SECONDS = 90.0


class ProgressStep(WatchedStep):
    """Shows how far its command is."""

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(recipe, **kwargs)
        self.position: Progress | None = None
        self._again: set[str] = set()
        self._waiting = 0
        self._waited_at = 0.0

    def take(self, line: str) -> None:
        """Takes a line of output."""
        position = Progress.of_line(line)
        if position is not None and position.follows(self.position):
            self.position = position
            self.setProgress("edges", position.done)
            self.updateSummary()
        elif output := edge_that_runs_again(line):
            self._again.add(output)
            self.updateSummary()
        elif (number := waiting_edges(line)) is not None:
            self._waiting, self._waited_at = number, self._seconds()
            self.updateSummary()

    def _seconds(self) -> float:
        return float(self.master.reactor.seconds())

    def getCurrentSummary(self) -> Mapping[str, str]:
        parts = [f"{self.name} {self.position}" if self.position else self.name]
        if self._again:
            parts.append(f"{len(self._again)} ran again")
        if self._waiting and self._seconds() - self._waited_at < _WAITING_SECONDS:
            parts.append(f"{self._waiting} wait for memory")
        return {"step": ", ".join(parts)}


class Configure(ProgressStep):
    """Makes an empty build tree and configures it."""

    name = "configure"

    async def run(self) -> int:
        places = self.places
        await self.runRmdir(str(places.build))
        await self.runMkdir(str(places.build))
        for file in self.recipe.files(places):
            await self.write(str(file.path.parent), file.path.name, file.text)
        commands = (*self.recipe.prepare(places), *self.recipe.configure(places))
        verdict = await self.run_watched(commands, self.name, self.take)
        return self.end_with(verdict, f"configured for {self.recipe.variant.generator}")


class Build(ProgressStep):
    """Builds the targets; where the agent lets edges in, it is told what earlier builds have shown."""

    name = "build"
    progressMetrics = ("edges",)

    def __init__(self, recipe: Recipe, directory: str, **kwargs: Any) -> None:
        """`directory` is on the master, with the learned peaks of each variant: VARIANT.json."""
        super().__init__(recipe, **kwargs)
        self.peaks_file = Path(directory) / f"{recipe.variant.name}.json"

    async def run(self) -> int:
        choices = self.choices
        admits = self.recipe.project.admission
        if admits:
            await self._hand_over()
        commands = self.recipe.build(self.places, choices)
        if commands[-1].has_fallback:
            await self._hand_over_fallbacks()
        verdict = await self.run_watched(commands, self.name, self.take)
        how = f", {count(choices.jobs, 'edge')} at once at most" if admits else f" with -j{choices.jobs}"
        done = f", {count(self.position.total, 'edge')}" if self.position and self.position.unit == "edges" else ""
        if again := ran_again(self.last_report):
            done += f", {again} ran again"
        if changed := edges_with_fallback(self.last_report):
            done += f", {len(changed)} built differently"
        if self.recipe.helpers and self.last_report is not None:
            done += f", {where_compiled(self.last_report)}"
        return self.end_with(verdict, f"built {' '.join(self.recipe.targets(choices))}{how}{done}")

    async def _hand_over(self) -> None:
        """Brings to the worker what is known of the variant's edges."""
        found = await deferToThread(known_peaks, self.peaks_file, self.toolchain_text)
        if found.remark:
            log.msg(f"learned peaks: {found.remark}")
        place = peaks_path(self.places, self.name)
        await self.write(str(place.parent), place.name, found.peaks.to_text())

    async def _hand_over_fallbacks(self) -> None:
        """Brings to the worker how edges may be built differently: as configured, then as link trials found."""
        fallbacks = self.recipe.fallbacks(self.places)
        if self.recipe.project.fallback_from_trials:
            file = fallback_file(self.peaks_file)
            try:
                fallbacks += await deferToThread(known_fallbacks, file)
            except (OSError, FallbackError) as error:
                log.msg(f"fallbacks of link trials: {file}: {error}")
        place = fallback_path(self.places, self.name)
        await self.write(str(place.parent), place.name, text_of_fallbacks(fallbacks))
