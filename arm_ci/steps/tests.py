"""Runs the project's tests and hands each result to Buildbot; failed names stand in the summary."""

from __future__ import annotations

from typing import Any

from buildbot.process.results import SKIPPED, SUCCESS

from arm_ci.plan import CtestParser, GtestParser, Recipe, TestResult, TestRun, TestSummary
from arm_ci.steps.base import RecipeStep, how_it_ended

# Buildbot's test results carry one number each: 1 when the test passed, 0 when not.
_UNIT = "boolean"
_CATEGORY = "pass_fail"
_NANOSECONDS = 1_000_000_000


class Tests(RecipeStep):
    """Runs every test program of the variant, one after the other."""

    __test__ = False

    name = "tests"
    haltOnFailure = False

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(recipe, **kwargs)
        self.sets: dict[str, int] = {}

    async def addTestResultSets(self) -> None:
        for test in self.recipe.build_system.tests:
            self.sets[test.name] = await self.addTestResultSet(test.name, _CATEGORY, _UNIT)

    async def run(self) -> int:
        runs = self.recipe.tests(self.places, self.choices)
        if not runs:
            target = self.recipe.config.compilers[self.recipe.variant.compiler].target
            self.say(f"built for board `{target}`: tests do not run here" if target else "no built target has tests")
            return int(SKIPPED)
        sentences: list[str] = []
        counted: list[TestResult] = []
        failed = False
        for run in runs:
            sentence, results, bad = await self._run_one(run)
            sentences.append(f"{run.test.name}: {sentence}")
            counted += results
            failed = failed or bad
        summary = TestSummary(tuple(counted))
        for outcome in ("passed", "failed", "skipped"):
            self.setProperty(f"tests_{outcome}", summary.count(outcome), self.name)
        text = "; ".join(sentences)
        if failed:
            return self.fail(text)
        self.say(text)
        return int(SUCCESS)

    async def _run_one(self, run: TestRun) -> tuple[str, tuple[TestResult, ...], bool]:
        parser = CtestParser() if run.test.kind == "ctest" else GtestParser()
        remote = await self.execute(run.command, parser.feed)
        results = parser.finish()
        for result in results:
            if result.outcome != "skipped":
                self.addTestResult(
                    self.sets[run.test.name],
                    str(int(result.outcome == "passed")),
                    test_name=result.name,
                    duration_ns=int(result.duration_seconds * _NANOSECONDS),
                )
        summary = TestSummary(results)
        if not results:
            return f"no test ran, {how_it_ended(remote)}", results, True
        if remote.didFail() and not summary.failed:
            return f"{summary.sentence()}, then {how_it_ended(remote)}", results, True
        return summary.sentence(), results, bool(summary.failed)
