"""Test results read from the output of ctest and of gtest programs, line by line.

Both formats are their tools' own plain output (CTest 3.x; GoogleTest 1.7 and later).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]

# `12/34 Test  #12: name ....................   Passed    0.01 sec`; instead of Passed also `***Failed`,
# `***Timeout`, `***Skipped`, `***Not Run (Disabled)`, `Subprocess killed***Exception:`, `Child aborted***Exception:`.
_CTEST = re.compile(
    r"^ *\d+/\d+ Test +#\d+: (?P<name>.+?) \.*\s*(?P<outcome>Passed|[A-Za-z ]*\*\*\*.*?)(?: +(?P<seconds>[\d.]+) sec)?$"
)
_CTEST_SKIPPED = re.compile(r"\*\*\*(?:Skipped|Not Run \(Disabled\))")
# Searched, not matched: a test's own output may stand before the bracket when it ends without a newline.
_GTEST = re.compile(
    r"\[ +(?P<outcome>OK|FAILED|SKIPPED) +\] (?P<name>[^\s,]+)(?:, where .*)? \((?P<milliseconds>\d+) ms\)$"
)
_GTEST_RUN = re.compile(r"\[ RUN +\] (?P<name>\S+)$")


@dataclass(frozen=True)
class TestResult:
    """One test's end."""

    __test__ = False

    name: str
    outcome: Outcome
    duration_seconds: float


@dataclass(frozen=True)
class TestSummary:
    """Results of one or more test programs."""

    __test__ = False

    results: tuple[TestResult, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(result.name for result in self.results if result.outcome == "failed")

    def sentence(self, most_names: int = 3) -> str:
        """`120 passed, 2 failed: A.b, C.d`; at most `most_names` names."""
        parts = [f"{self.count('passed')} passed"]
        if skipped := self.count("skipped"):
            parts.append(f"{skipped} skipped")
        failed = self.failed
        if not failed:
            return ", ".join(parts)
        names = ", ".join(failed[:most_names])
        more = f" and {len(failed) - most_names} more" if len(failed) > most_names else ""
        return f"{', '.join(parts)}, {len(failed)} failed: {names}{more}"


class TestParser(ABC):
    """Reads what a test program prints, line by line."""

    __test__ = False

    def __init__(self) -> None:
        self.results: list[TestResult] = []

    @abstractmethod
    def feed(self, line: str) -> None:
        """Takes the next line of output."""

    def finish(self) -> tuple[TestResult, ...]:
        """Every result of a test that ended."""
        return tuple(self.results)


class CtestParser(TestParser):
    """Reads what `ctest` prints; a test that never ended is not in its output."""

    def feed(self, line: str) -> None:
        match = _CTEST.match(line.rstrip())
        if match is None:
            return
        outcome: Outcome = "passed" if match["outcome"] == "Passed" else "failed"
        if _CTEST_SKIPPED.match(match["outcome"]):
            outcome = "skipped"
        self.results.append(TestResult(match["name"], outcome, float(match["seconds"] or 0)))


class GtestParser(TestParser):
    """Reads what a gtest program prints. A test that was running when the program died counts as failed."""

    def __init__(self) -> None:
        super().__init__()
        self._running = ""

    def feed(self, line: str) -> None:
        line = line.rstrip()
        if match := _GTEST_RUN.search(line):
            self._running = match["name"]
        elif match := _GTEST.search(line):
            outcomes: dict[str, Outcome] = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}
            self.results.append(
                TestResult(match["name"], outcomes[match["outcome"]], int(match["milliseconds"]) / 1000)
            )
            self._running = ""

    def finish(self) -> tuple[TestResult, ...]:
        """Every result, the one that was running when the output ended included."""
        if self._running:
            self.results.append(TestResult(self._running, "failed", 0.0))
            self._running = ""
        return tuple(self.results)


def judge(results: tuple[TestResult, ...], ended: str) -> tuple[str, bool]:
    """The sentence for one test program, and whether it failed; `ended` is empty when the program ended well."""
    summary = TestSummary(results)
    if not results:
        return f"no test ran, {ended or 'exit status 0'}", True
    if ended and not summary.failed:
        return f"{summary.sentence()}, then {ended}", True
    return summary.sentence(), bool(summary.failed)
