"""Configure and build."""

import example
from buildbot.process.results import CANCELLED, FAILURE, SUCCESS
from buildbot.test.steps import ExpectMkdir, ExpectRmdir
from step_case import StepCase, shell

from arm_ci.steps import Build, Configure

BYPRODUCT = "ninja: error: 'lib/libledger.a', needed by 'hungry', missing and no known rule to make it"


class ConfigureTest(StepCase):
    def test_the_build_tree_is_made_anew_and_configured(self):
        recipe = example.recipe()
        self.use(Configure(recipe))
        self.expect_commands(
            ExpectRmdir(dir="/w/b/build", log_environ=False).exit(0),
            ExpectMkdir(dir="/w/b/build", log_environ=False).exit(0),
            shell(recipe.configure(example.PLACES)[0].argv, "/w/b/build").exit(0),
        )
        self.expect_outcome(SUCCESS, "configured for ninja")
        return self.run_step()

    def test_cmakes_reason_is_the_sentence_of_the_step_and_of_the_build(self):
        recipe = example.recipe()
        self.use(Configure(recipe))
        self.expect_commands(
            ExpectRmdir(dir="/w/b/build", log_environ=False).exit(0),
            ExpectMkdir(dir="/w/b/build", log_environ=False).exit(0),
            shell(recipe.configure(example.PLACES)[0].argv, "/w/b/build")
            .stderr("CMake Error at CMakeLists.txt:3 (message):\n  no zlib\n")
            .exit(1),
        )
        sentence = "CMake Error at CMakeLists.txt:3 (message): no zlib"
        self.expect_outcome(FAILURE, sentence)
        self.expect_build_result_summary({"step": sentence, "build": f"configure: {sentence}"})
        return self.run_step()


class BuildTest(StepCase):
    def test_ninjas_own_line_about_a_missing_byproduct_is_the_summary(self):
        self.use(Build(example.recipe()))
        self.expect_commands(
            shell(("ninja", "-j8", "app", "unit_tests"), "/w/b/build").stdout(BYPRODUCT + "\n").exit(1)
        )
        self.expect_outcome(FAILURE, BYPRODUCT)
        return self.run_step()

    def test_a_failure_without_a_word_is_told_by_its_exit_status(self):
        self.use(Build(example.recipe()))
        self.expect_commands(shell(("ninja", "-j8", "app", "unit_tests"), "/w/b/build").exit(137))
        self.expect_outcome(FAILURE, "`ninja` ended with exit status 137, signal 9")
        return self.run_step()

    def test_an_interrupted_build_does_not_claim_to_have_built(self):
        self.use(Build(example.recipe()))
        command = shell(("ninja", "-j8", "app", "unit_tests"), "/w/b/build").exit(-1)
        command.interrupted = True
        self.expect_commands(command)
        self.interrupt_nth_remote_command(0)
        self.build.stopped_reason = "enough"
        self.expect_outcome(CANCELLED, "interrupted")
        return self.run_step()

    def test_what_would_change_a_build_is_removed_from_the_workers_environment(self):
        step = self.use(Build(example.recipe()))
        self.worker.worker_environ = {"PATH": "/bin", "CXXFLAGS": "-Werror", "MAKEFLAGS": "k"}
        assert step.environment() == {"CXXFLAGS": None, "MAKEFLAGS": None, "LC_ALL": "C"}

    def test_targets_and_jobs_of_this_build_are_used_and_edges_counted(self):
        self.use(Build(example.recipe()), targets="app", jobs=2)
        self.expect_commands(
            shell(("ninja", "-j2", "app"), "/w/b/build").stdout("[1/3] a\n[3/3] c\n[2/2] of a sub-build\n").exit(0)
        )
        self.expect_outcome(SUCCESS, "built app with -j2, 3 edges")
        return self.run_step()
