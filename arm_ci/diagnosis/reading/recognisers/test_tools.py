"""Tests that ran and failed: CTest, GoogleTest, automake, meson, pytest, lit, cargo, go and others."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser

_CTEST = re.compile(
    r"^\s*\d+ - (?P<name>\S.*?) \((?P<how>Failed|Timeout|SEGFAULT|Subprocess (?:aborted|killed)|Child (?:aborted"
    r"|killed)|ILLEGAL|NUMERICAL"
    r"|BUS_ERROR|OTHER_FAULT|Not Run|Exit code .*|Bus error|Segmentation fault|Killed)\)(?:\s+\S+)?$"
)
_CTEST_RUN = re.compile(r"^\s*\d+/\d+ Test +#\d+: (?P<name>\S+) \.*\s*\*\*\*(?:Failed|Exception|Timeout|Not Run)")
_CTEST_SUM = re.compile(
    r"^\d+% tests passed, [1-9]\d* tests? failed out of|^The following tests FAILED:|^Errors while running CTest"
)
_GTEST = re.compile(r"^\[  FAILED  \] (?P<name>[\w/.<>:-]+)")
_GTEST_SUM = re.compile(r"^\s*[1-9]\d* FAILED TESTS?$")
_AUTOMAKE = re.compile(r"^(?:FAIL|XPASS|ERROR): (?P<name>[\w./+-]+)(?: \d+.*)?$")
_LIT = re.compile(r"^FAIL: (?P<name>\S+ :: \S+) \(\d+ of \d+\)")
_AUTOMAKE_SUM = re.compile(r"^# (?:FAIL|ERROR): +[1-9]\d*$|^[1-9]\d* of \d+ tests? failed")
_MESON = re.compile(r"^\s*\d+/\d+ (?P<name>\S.*?)\s+(?:FAIL|ERROR|TIMEOUT)\s+\d+(?:\.\d+)? ?s")
_PYTEST = re.compile(r"^FAILED (?P<name>\S+\.py\S*)")
_PYTEST_SUM = re.compile(r"^=+ (?:.*, )?[1-9]\d* (?:failed|errors?)\b.* in [\d.:]+s?")
_SUMS = re.compile(
    r"^\d+ (?:runs|tests), \d+ assertions, (?:(?!0 failures, 0 errors)\d+ failures, \d+ errors)"
    r"|^\d+ examples?, [1-9]\d* failures?|^FAILED \((?:failures|errors)=\d+|^test result: FAILED|^Result: FAIL$"
    r"|^--- FAIL: (?P<name>\S+)"
    r"|^\*\*\* [1-9]\d* failures? (?:is|are) detected in the test module|^test cases: +\d+ \|.* [1-9]\d* failed"
    r"|^(?:Tests run|Total tests): \d+, +(?:Passed: \d+, +)?Fail(?:ures|ed): [1-9]|^Fail: +[1-9]\d*$"
    r"|^Unexpected failures: [1-9]|^Failed Tests \(\d+\):|^\s+Failed *: +[1-9]\d*$"
    r"|^There (?:was|were) [1-9]\d* (?:failures?|errors?):?$|^not ok \d+ - (?P<tap>.+)$|^Failed \d+/\d+ test programs"
)
_CHECK = re.compile(r"Bad exit status from \S+ \(%check\)|^dh_auto_test: error: ")


def _named(match: re.Match[str]) -> Finding:
    groups = match.groupdict()
    name = groups.get("name") or groups.get("tap") or ""
    killed = groups.get("how") in ("Subprocess killed", "Child killed", "Killed")
    return Finding("test", program=name.strip(), signal=9 if killed else None)


RECOGNISERS = (
    Recogniser((" - ",), _CTEST, _named),
    Recogniser(("***",), _CTEST_RUN, _named),
    Recogniser(("tests passed", "tests failed", "running ctest"), _CTEST_SUM, _named),
    Recogniser(("failed",), _GTEST, _named),
    Recogniser(("failed test",), _GTEST_SUM, _named),
    Recogniser(("fail: ",), _LIT, _named),
    Recogniser(("# fail", "# error", "tests failed", "test failed"), _AUTOMAKE_SUM, _named),
    Recogniser(("fail: ", "xpass: "), _AUTOMAKE, _named),
    Recogniser((" fail ", " error ", " timeout "), _MESON, _named),
    Recogniser(("failed ",), _PYTEST, _named),
    Recogniser((" failed", " error"), _PYTEST_SUM, _named),
    Recogniser(("fail", "not ok"), _SUMS, _named),
    Recogniser(("(%check)", "dh_auto_test"), _CHECK, _named),
)
