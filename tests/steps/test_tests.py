"""Test results become Buildbot's, and failed names stand in the summary."""

import example
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS
from step_case import StepCase, report_of, watched

from arm_ci.steps import Tests

GTEST = ("/w/b/build/t/unit_tests", "--gtest_color=no")
CTEST = ("ctest", "--output-on-failure", "-j8")
UNIT = ("unit", "pass_fail", "boolean")
ALL = ("all", "pass_fail", "boolean")


class TestsTest(StepCase):
    def test_results_of_every_program_are_counted_and_handed_over(self):
        self.use(Tests(example.recipe()))
        self.expect_commands(
            watched(GTEST, "/w/b/build", "tests", timeout=3600)
            .stdout("[ RUN      ] A.one\n[       OK ] A.one (2 ms)\n[==========] 1 test from 1 test case ran. (2 ms)\n")
            .exit(0),
            report_of("tests"),
            watched(CTEST, "/w/b/build", "tests", timeout=3600)
            .stdout("1/1 Test #1: x ....   Passed    0.50 sec\n")
            .exit(0),
            report_of("tests"),
        )
        self.expect_test_result_sets([UNIT, ALL])
        self.expect_test_results(
            [(1000, "1", "A.one", None, None, 2_000_000), (1001, "1", "x", None, None, 500_000_000)]
        )
        self.expect_outcome(SUCCESS, "unit: 1 passed; all: 1 passed")
        self.expect_property("tests_passed", 2)
        return self.run_step()

    def test_failed_names_stand_in_the_summary(self):
        self.use(Tests(example.recipe()), targets="unit_tests")
        self.expect_commands(
            watched(GTEST, "/w/b/build", "tests", timeout=3600)
            .stdout("[ RUN      ] A.one\n[  FAILED  ] A.one (2 ms)\n")
            .exit(1),
            report_of("tests"),
        )
        self.expect_test_result_sets([UNIT])
        self.expect_test_results([(1000, "0", "A.one", None, None, 2_000_000)])
        self.expect_outcome(FAILURE, "unit: 0 passed, 1 failed: A.one")
        return self.run_step()

    def test_a_program_that_runs_no_test_has_not_passed(self):
        self.use(Tests(example.recipe()), targets="unit_tests")
        self.expect_commands(watched(GTEST, "/w/b/build", "tests", timeout=3600).exit(0), report_of("tests"))
        self.expect_test_result_sets([UNIT])
        self.expect_outcome(FAILURE, "unit: no test ran, exit status 0")
        return self.run_step()

    def test_a_program_that_dies_after_its_last_test_has_not_passed(self):
        self.use(Tests(example.recipe()), targets="unit_tests")
        self.expect_commands(
            watched(GTEST, "/w/b/build", "tests", timeout=3600).stdout("[ RUN ] A.a\n[ OK ] A.a (0 ms)\n").exit(139),
            report_of("tests"),
        )
        self.expect_test_result_sets([UNIT])
        self.expect_test_results([(1000, "1", "A.a", None, None, 0)])
        self.expect_outcome(FAILURE, "unit: 1 passed, then exit status 139, signal 11")
        return self.run_step()

    def test_a_cross_build_cannot_run_its_tests_here(self):
        self.use(Tests(example.recipe(compiler="gcc-for-pi")))
        self.expect_outcome(SKIPPED, "built for board `pi`: tests do not run here")
        return self.run_step()

    def test_targets_without_tests_skip_them(self):
        self.use(Tests(example.recipe()), targets="app")
        self.expect_outcome(SKIPPED, "no built target has tests")
        return self.run_step()
