"""Runs the project's tests and hands each result to Buildbot; failed names stand in the summary."""

from __future__ import annotations

from buildbot.process.results import SKIPPED, SUCCESS

from arm_ci.diagnosis.verdict import EXHAUSTED
from arm_ci.plan import TestResult, TestRun, TestSummary
from arm_ci.plan.test_results import judge
from arm_ci.steps.agent_step import WatchedStep
from arm_ci.steps.base import how_it_ended

# Buildbot's test results carry one number each: 1 when the test passed, 0 when not.
_UNIT = "boolean"
_CATEGORY = "pass_fail"
_NANOSECONDS = 1_000_000_000


class Tests(WatchedStep):
    """Runs every test program of the variant, one after the other."""

    __test__ = False

    name = "tests"
    haltOnFailure = False

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
        parser = run.parser()
        verdict, report, remote = await self.run_one(run.command, self.name, parser.feed)
        results = parser.finish()
        result_set = await self.addTestResultSet(run.test.name, _CATEGORY, _UNIT)
        for result in results:
            if result.outcome != "skipped":
                self.addTestResult(
                    result_set,
                    str(int(result.outcome == "passed")),
                    test_name=result.name,
                    duration_ns=int(result.duration_seconds * _NANOSECONDS),
                )
        sentence, failed = judge(results, how_it_ended(remote) if remote.didFail() else "")
        if remote.didFail() and verdict.kind in EXHAUSTED:
            await self.publish(verdict, report)
            sentence = f"{sentence}; {verdict.sentence}"
        return sentence, results, failed
