"""A link that memory ended is repeated on the worker in every way, where the project wants that."""

import json
from pathlib import Path

import example
from buildbot.process.buildstep import create_step_from_step_or_factory
from buildbot.process.remotetransfer import StringFileWriter
from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS
from buildbot.test.steps import ExpectRemoteRef, ExpectUploadFile
from step_case import AGENT, StepCase, shell

from arm_ci.agent.link_trial.trial_result import FAILED, FITS, TrialLimits, TrialLink, TrialResult, TrialRow
from arm_ci.diagnosis.advice.link_trial_advice import trial_table
from arm_ci.history.learned_fallbacks import known_fallbacks
from arm_ci.plan import Recipe
from arm_ci.steps import Build, LinkTrial

RESULT = TrialResult(
    TrialLink("bin/app", "/w/b/build", exit_status=1),
    TrialLimits(1200.0, 500 << 20, 0, in_cgroup=True),
    (
        TrialRow("bfd", as_built=True, ended=FAILED, signal=9, peak_anonymous_swap_bytes=400 << 20, seconds=1.0),
        TrialRow("mold", ended=FITS, exit_status=0, peak_anonymous_swap_bytes=130 << 20, seconds=2.0),
    ),
)
COMMAND = (
    "python3", AGENT, "link-trial", "--report", "/w/b/support/report-build.json",
    "--result", "/w/b/support/link-trial.json", "--edge", "7",
)  # fmt: skip


def recipe(wanted: bool = True, **more: bool) -> Recipe:
    return example.recipe(example.config(link_trial=wanted, **more))


class LinkTrialTest(StepCase):
    def use_after(self, kind: str, link: str, wanted: bool = True) -> None:
        self.use(LinkTrial(recipe(wanted)), verdict=kind, failed_link=link, failed_link_number=7)

    def upload(self) -> ExpectUploadFile:
        return ExpectUploadFile(
            blocksize=32 * 1024,
            maxsize=None,
            workersrc="/w/b/support/link-trial.json",
            workdir="wkdir",
            writer=ExpectRemoteRef(StringFileWriter),
        )

    def test_what_fits_best_is_said_and_everything_stands_in_the_table(self):
        self.use_after("oom-kill", "bin/app")
        text = json.dumps(RESULT.to_json())
        self.expect_commands(
            shell(COMMAND, "/w/b/support", timeout=7200).exit(0), self.upload().upload_string(text).exit(0)
        )
        self.expect_outcome(SUCCESS, "Link bin/app with mold.")
        self.expect_log_file("link-trial", trial_table(RESULT))
        self.expect_build_data("link-trial", text.encode(), "arm_ci")
        return self.run_step()

    def use_learning(self, directory: Path) -> None:
        learning = recipe(fallback_from_trials=True)
        self.use(LinkTrial(learning), verdict="oom-kill", failed_link="bin/app", failed_link_number=7)
        self.build.executedSteps = [create_step_from_step_or_factory(Build(learning, str(directory)))]
        text = json.dumps(RESULT.to_json())
        self.expect_commands(
            shell(COMMAND, "/w/b/support", timeout=7200).exit(0), self.upload().upload_string(text).exit(0)
        )
        self.expect_build_data("link-trial", text.encode(), "arm_ci")

    def test_what_fits_is_kept_for_the_next_builds_where_the_project_wants_it(self):
        directory = self.directory() / "peaks"
        self.use_learning(directory)
        words = "Link bin/app with mold. The next builds link it with -fuse-ld=mold -Wl,--no-fork."
        self.expect_outcome(SUCCESS, words)
        file = directory / "demo-pc-gcc-bfd-ninja-full-fallback.json"

        def check(_):
            (fallback,) = known_fallbacks(file)
            assert (fallback.edges, fallback.linker) == (("bin/app",), ("-fuse-ld=mold",))

        return self.run_step().addCallback(check)

    def test_what_cannot_be_kept_is_said(self):
        directory = self.directory() / "peaks"
        directory.write_text("not a directory")
        file = directory / "demo-pc-gcc-bfd-ninja-full-fallback.json"
        self.use_learning(directory)
        self.expect_outcome(SUCCESS, f"Link bin/app with mold. That cannot be kept: {file}: Not a directory.")
        return self.run_step()

    def test_a_trial_without_a_result_warns_and_says_how_it_ended(self):
        self.use_after("oom-kill", "bin/app")
        self.expect_commands(shell(COMMAND, "/w/b/support", timeout=7200).exit(2), self.upload().exit(1))
        self.expect_outcome(WARNINGS, "bin/app could not be tried: exit status 2, see the log")
        return self.run_step()

    def test_a_link_with_another_fault_is_not_repeated(self):
        self.use_after("link-error", "bin/app")
        self.expect_outcome(SKIPPED)
        return self.run_step()

    def test_nor_is_a_compile_that_memory_ended(self):
        self.use_after("oom-kill", "")
        self.expect_outcome(SKIPPED)
        return self.run_step()

    def test_nor_anything_where_the_project_does_not_want_it(self):
        self.use_after("oom-kill", "bin/app", wanted=False)
        self.expect_outcome(SKIPPED)
        return self.run_step()
