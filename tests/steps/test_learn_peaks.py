"""What a build has shown of its edges is kept on the master, however the build ended."""

from types import SimpleNamespace

import example
from buildbot.process.build import Build as BuildbotBuild
from buildbot.process.buildstep import create_step_from_step_or_factory
from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS
from step_case import AGENT, StepCase, no_report_of, report_of, shell

from arm_ci.agent.peaks import Peaks
from arm_ci.agent.report import Edge, Report
from arm_ci.steps import Build, LearnPeaks, PatchSet

EDGE = Edge(
    0, ("g++", "-c", "a.cpp"), "/w/b/build", "g++", "a.o", "compile", 0.0, 2.0, 0, None, 1.5, 0, 300 << 20
)  # fmt: skip
REPORT = Report(directory="/w/b/build", edges=(EDGE,))
VERSIONS = {"compiler_version": "12.2.0", "linker_version": "2.40"}


class LearnPeaksTest(StepCase):
    def use_after(self, report=None, begun=True, admission=True):
        recipe = example.recipe(example.config(admission=admission))
        directory = self.directory() / "peaks"
        step = self.use(LearnPeaks(recipe), **VERSIONS)
        built = create_step_from_step_or_factory(Build(recipe, str(directory)))
        built.last_report = report
        self.build.executedSteps = [built] if begun else []
        self.file = directory / "demo-pc-gcc-bfd-ninja-full.json"
        return step

    def kept(self):
        return Peaks.from_text(self.file.read_text())

    def check(self, toolchain, outputs):
        assert self.kept().toolchain == toolchain
        assert [edge.output for edge in self.kept().edges] == outputs

    def test_the_report_of_the_build_is_added_to_the_variants_file(self):
        self.use_after(REPORT)
        self.expect_commands()
        self.expect_outcome(SUCCESS, "learned the peaks of 1 edge")
        return self.run_step().addCallback(lambda _: self.check("gcc 12, ld.bfd 2", ["a.o"]))

    def test_that_of_a_cancelled_build_is_asked_for_now(self):
        self.use_after()
        self.expect_commands(report_of("build", REPORT))
        self.expect_outcome(SUCCESS, "learned the peaks of 1 edge")
        return self.run_step().addCallback(lambda _: self.check("gcc 12, ld.bfd 2", ["a.o"]))

    def test_a_build_without_a_report_has_taught_nothing(self):
        self.use_after()
        collect = ("python3", AGENT, "collect-report", "--report", "/w/b/support/report-build.json")
        self.expect_commands(
            no_report_of("build"), shell(collect, "/w/b/support", timeout=300).exit(1), no_report_of("build")
        )
        self.expect_outcome(SKIPPED, "learned nothing: the build has no report")
        return self.run_step()

    def test_a_file_that_cannot_be_written_is_a_warning(self):
        self.use_after(REPORT)
        self.file.parent.write_text("not a directory")
        self.expect_commands()
        self.expect_outcome(WARNINGS, f"{self.file.parent}: File exists")
        return self.run_step()

    def test_it_runs_only_after_a_build_that_began_and_let_its_edges_in(self):
        assert self.use_after(begun=False).built_by() is None
        assert self.use_after(admission=False).built_by() is None
        assert isinstance(self.use_after().built_by(), Build)

    def test_a_build_that_failed_or_was_stopped_goes_on_to_it(self):
        recipe = example.recipe(example.config(admission=True))
        learn, after = (create_step_from_step_or_factory(step(recipe)) for step in (LearnPeaks, PatchSet))
        stopped = SimpleNamespace(steps=[after, learn], conn=object(), terminate=True, stopped=False)
        assert BuildbotBuild.getNextStep(stopped) is learn
