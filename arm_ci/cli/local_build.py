"""One build on this machine: the same commands in the same order as the master's steps.

The source tree is the caller's own. Nothing is installed, and nothing is written outside the source tree and the
build's directory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from arm_ci.agent.fallback.fallbacks_file import text_of_fallbacks
from arm_ci.agent.machine.probe import probe
from arm_ci.cli import place
from arm_ci.cli.options import DONE, FAILED
from arm_ci.cli.patch_option import GivenPatch
from arm_ci.cli.watched_build import report_of, run_watched
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.distcc_helpers import where_compiled
from arm_ci.diagnosis.judging.failed_patch import forced_patch_failed, patch_set_failed, patching_failed
from arm_ci.diagnosis.verdict import EXHAUSTED, Verdict
from arm_ci.history.learned_peaks import known_peaks, learn_peaks, write_peaks
from arm_ci.patches import diffs, engine, forced, transaction
from arm_ci.patches.series import SeriesError
from arm_ci.plan import Choices, Command, Facts, Places, Recipe, TestRun, missing, probe_request
from arm_ci.plan.agent_command import fallback_path, peaks_path
from arm_ci.plan.environment import is_foreign
from arm_ci.plan.patching import bundle_of, context_of, state_table
from arm_ci.plan.requirements import THIS_MACHINE, missing_packages, notes, wanted_packages
from arm_ci.plan.test_results import judge


class LocalBuild:
    """A build of a variant; prints what it does."""

    def __init__(
        self, recipe: Recipe, places: Places, choices: Choices, keep: bool, patch: GivenPatch | None = None
    ) -> None:
        self.recipe = recipe
        self.places = places
        self.choices = choices
        self.keep = keep
        self.patch = patch
        self.facts = Facts.from_json(probe(probe_request(recipe, places)))
        self.environment = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        self.environment.update(recipe.environment)

    def run(self) -> int:
        """Every stage until one fails; the exit status."""
        started = time.monotonic()
        forced_patch = (self.forced_patch,) if self.patch else ()
        patching = (*forced_patch, self.patch_set)
        for stage in (self.check_worker, *patching, self.prerequisites, self.configure, self.build, self.tests):
            title = stage.__name__.replace("_", " ").replace("worker", THIS_MACHINE)
            print(f"=== {title}", flush=True)
            problem = stage()
            if problem:
                print(f"=== {self.recipe.variant.name}: {problem}", file=sys.stderr)
                return FAILED
        self.artefacts()
        print(f"=== {self.recipe.variant.name}: done in {time.monotonic() - started:.0f} s")
        return DONE

    # Each stage returns what is wrong, or nothing.

    def check_worker(self) -> str:
        lacks = missing(self.recipe, self.places, self.facts, THIS_MACHINE)
        remarks = [*notes(self.recipe, self.facts, THIS_MACHINE), *self._left_out()]
        for line in (*lacks, *(f"note: {line}" for line in remarks)):
            print(line)
        return lacks[0] if lacks else ""

    def forced_patch(self) -> str:
        assert self.patch
        try:
            applied = forced.apply(self.patch.text, self.patch.strip, str(self.places.source))
        except forced.ForcedPatchError as error:
            if error.already:
                # The tree is the caller's own: an earlier build has put it there.
                print(error)
                return ""
            print("".join(f"{problem}\n" for problem in error.problems), end="")
            return _told(forced_patch_failed(str(error), error.problems))
        except transaction.SourceError as error:
            return _told(patching_failed(str(error)))
        print("".join(f"{file}\n" for file in applied), end="")
        print(forced.sentence(applied))
        return ""

    def patch_set(self) -> str:
        compiler_version = self.facts.program_version(self.recipe.toolchain(self.places).cxx_compiler)
        context = context_of(self.recipe, compiler_version, self.facts.os)
        source = str(self.places.source)
        try:
            series = engine.load_bundle(bundle_of(self.recipe.config, self.recipe.project))
            states = engine.apply(series, source, context)
            version = engine.read_version(source, series.version)
        except (SeriesError, diffs.BundleError, transaction.SourceError) as error:
            return _told(patching_failed(str(error)))
        self.choices = Choices(self.choices.jobs, self.choices.targets, version or "")
        print(state_table([{"name": each.name, "state": each.state, "reason": each.reason} for each in states]), end="")
        conflict = next((each for each in states if each.state == engine.CONFLICTS), None)
        return _told(patch_set_failed(conflict.name, conflict.reason)) if conflict is not None else ""

    def prerequisites(self) -> str:
        wanted = wanted_packages(self.recipe, self.facts.os)
        if wanted and self.facts.packages is None:
            print(f"cannot be checked without dpkg: {' '.join(wanted)}")
        absent = missing_packages(self.recipe, self.facts)
        if not absent:
            return ""
        return f"packages are missing: {self.facts.install_hint(*absent)} (`arm-ci build` installs nothing itself)"

    def configure(self) -> str:
        place.make(self.places, self.keep)
        for file in self.recipe.files(self.places):
            Path(file.path).parent.mkdir(exist_ok=True)
            Path(file.path).write_text(file.text, encoding="utf-8")
        commands = (*self.recipe.prepare(self.places), *self.recipe.configure(self.places))
        return self._run_all(commands, "configure")

    def build(self) -> str:
        commands = self.recipe.build(self.places, self.choices)
        if commands[-1].has_fallback:
            text = text_of_fallbacks(self.recipe.fallbacks(self.places))
            Path(fallback_path(self.places, "build")).write_text(text, encoding="utf-8")
        problem = (
            self._run_learning(commands, "build") if self.recipe.project.admission else self._run_all(commands, "build")
        )
        if self.recipe.helpers and (report := report_of(self.places, "build", self.environment)):
            print(where_compiled(report))
        return problem

    def tests(self) -> str:
        runs = self.recipe.tests(self.places, self.choices)
        if not runs:
            target = self.recipe.config.compilers[self.recipe.variant.compiler].target
            print(f"built for board `{target}`: tests do not run here" if target else "no built target has tests")
        problems = [self._run_test(run) for run in runs]
        return "; ".join(problem for problem in problems if problem)

    def artefacts(self) -> None:
        """Names what was made, with sizes; it stays in the build tree."""
        for pattern in self.recipe.artefacts():
            for path in sorted(Path(self.places.build).glob(pattern)):
                print(f"artefact {path} {size(path.stat().st_size)}")

    # -- details ----------------------------------------------------------------------------------------------

    def _left_out(self) -> list[str]:
        """Says which of the caller's variables do not reach the build; the language's go without saying."""
        names = [name for name in sorted(os.environ) if is_foreign(name) and name not in self.recipe.environment]
        told = [name for name in names if not name.startswith(("LANG", "LC_"))]
        return [f"the build does not see {', '.join(told)} of your environment"] if told else []

    def _run_learning(self, commands: Sequence[Command], stage: str) -> str:
        """Runs a stage with what earlier builds here have shown of its edges, and adds what this one shows."""
        tools = self.recipe.toolchain(self.places)
        versions = (self.facts.program_version(name) for name in (tools.cxx_compiler, tools.linker_program))
        toolchain = self.recipe.toolchain_text(*versions)
        file = Path(peaks_path(self.places, stage))
        found = known_peaks(file, toolchain)
        if found.remark:
            print(f"note: learned peaks: {found.remark}")
        write_peaks(file, found.peaks)
        try:
            return self._run_all(commands, stage)
        finally:
            # Also what was interrupted has shown something.
            report = report_of(self.places, stage, self.environment)
            if report and (shown := learn_peaks(file, toolchain, report)):
                print(f"learned the peaks of {count(shown, 'edge')}")

    def _run_all(self, commands: Sequence[Command], stage: str) -> str:
        verdict, _ = run_watched(commands, self.places, stage, self.environment)
        return "" if verdict.kind == "ok" else _told(verdict)

    def _run_test(self, run: TestRun) -> str:
        parser = run.parser()
        verdict, ended = run_watched([run.command], self.places, "tests", self.environment, parser.feed)
        sentence, failed = judge(parser.finish(), ended.text)
        if ended.text and verdict.kind in EXHAUSTED:
            sentence = f"{sentence}; {verdict.sentence}"
        print(f"{run.test.name}: {sentence}")
        return f"{run.test.name}: {sentence}" if failed else ""


def _told(verdict: Verdict) -> str:
    """Prints what to change, and gives the verdict's sentence, with which the build ends."""
    for advice in verdict.advice:
        print(f"advice: {advice.text} ({advice.because})")
    return verdict.sentence
