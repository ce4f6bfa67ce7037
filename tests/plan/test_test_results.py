"""Test results from the plain output of ctest and gtest."""

import subprocess

import pytest

from arm_ci.plan.test_results import CtestParser, GtestParser, TestResult, TestSummary, judge

CTEST = """\
Test project /b
    Start 1: parse
1/5 Test #1: parse ............................   Passed    0.01 sec
    Start 2: a name with spaces
2/5 Test #2: a name with spaces ...............***Failed    1.50 sec
some output of it
3/5 Test #3: slow .............................***Timeout  60.02 sec
4/5 Test #4: needs root .......................***Skipped   0.00 sec
5/5 Test #5: off ..............................***Not Run (Disabled)   0.00 sec

40% tests passed, 2 tests failed out of 4
"""

GTEST = """\
[==========] Running 3 tests from 2 test cases.
[ RUN      ] A.one
[       OK ] A.one (12 ms)
[ RUN      ] A.two
a.cpp:3: Failure
output without newline[  FAILED  ] A.two (1500 ms)
[ RUN      ] P/B.three/0
[  FAILED  ] P/B.three/0, where GetParam() = 4 (1 ms)
[==========] 3 tests from 2 test cases ran. (1513 ms total)
[  PASSED  ] 1 test.
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.two
"""


def read(parser, text):
    for line in text.splitlines():
        parser.feed(line)
    return parser.finish()


def test_ctest_results_are_read_with_their_durations():
    assert read(CtestParser(), CTEST) == (
        TestResult("parse", "passed", 0.01),
        TestResult("a name with spaces", "failed", 1.5),
        TestResult("slow", "failed", 60.02),
        TestResult("needs root", "skipped", 0.0),
        TestResult("off", "skipped", 0.0),
    )


def test_gtest_results_are_read_once_each():
    assert read(GtestParser(), GTEST) == (
        TestResult("A.one", "passed", 0.012),
        TestResult("A.two", "failed", 1.5),
        TestResult("P/B.three/0", "failed", 0.001),
    )


def test_a_test_during_which_the_program_died_counts_as_failed():
    results = read(
        GtestParser(), "[ RUN      ] A.one\n[       OK ] A.one (0 ms)\n[ RUN      ] A.crash\nSegmentation fault"
    )
    assert results[-1] == TestResult("A.crash", "failed", 0.0)


def test_the_sentence_counts_and_names():
    results = tuple(TestResult(f"T.{number}", "failed", 0) for number in range(5))
    passed = TestResult("T.ok", "passed", 0)
    assert TestSummary((passed,)).sentence() == "1 passed"
    assert TestSummary((passed, *results)).sentence() == "1 passed, 5 failed: T.0, T.1, T.2 and 2 more"
    assert TestSummary((passed, TestResult("T.s", "skipped", 0))).sentence() == "1 passed, 1 skipped"


@pytest.mark.parametrize(
    ("results", "ended", "judgement"),
    [
        ((), "", ("no test ran, exit status 0", True)),
        ((), "exit status 127", ("no test ran, exit status 127", True)),
        ((TestResult("a", "passed", 0),), "", ("1 passed", False)),
        (
            (TestResult("a", "passed", 0),),
            "exit status 139, signal 11",
            ("1 passed, then exit status 139, signal 11", True),
        ),
        ((TestResult("a", "failed", 0),), "exit status 1", ("0 passed, 1 failed: a", True)),
    ],
)
def test_a_program_has_passed_when_tests_ran_and_it_ended_well(results, ended, judgement):
    assert judge(results, ended) == judgement


@pytest.fixture(scope="module")
def ctest_output(tmp_path_factory):
    """What the real ctest says of tests that end in every way."""
    ends = {
        "good": "exit 0",
        "bad": "exit 1",
        "killed": "kill -KILL $$",
        "aborted": "kill -ABRT $$",
        "segv": "kill -SEGV $$",
        "slow": "sleep 60",
        "skipped": "exit 77",
    }
    directory = tmp_path_factory.mktemp("ctest")
    lines = [f"add_test([=[{name}]=] sh -c [=[{script}]=])" for name, script in ends.items()]
    lines += [
        "set_tests_properties(slow PROPERTIES TIMEOUT 1)",
        "set_tests_properties(skipped PROPERTIES SKIP_RETURN_CODE 77)",
        "add_test(absent /no/such/program)",
        "add_test(off true)",
        "set_tests_properties(off PROPERTIES DISABLED TRUE)",
    ]
    (directory / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
    return subprocess.run(["ctest"], cwd=directory, capture_output=True, text=True).stdout


def test_every_end_of_a_test_that_ctest_knows_is_read(ctest_output):
    outcomes = {result.name: result.outcome for result in read(CtestParser(), ctest_output)}
    assert outcomes == {
        "good": "passed",
        "bad": "failed",
        "killed": "failed",
        "aborted": "failed",
        "segv": "failed",
        "slow": "failed",
        "skipped": "skipped",
        "absent": "failed",
        "off": "skipped",
    }, ctest_output
