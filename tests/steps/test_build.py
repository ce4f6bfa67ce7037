"""Configure and build."""

import example
from buildbot.process.results import CANCELLED, FAILURE, SUCCESS
from buildbot.test.steps import ExpectMkdir, ExpectRmdir
from step_case import AGENT, StepCase, VerdictOf, download, no_report_of, report_of, shell, watched

from arm_ci.agent.fallback.fallbacks_file import Fallback, fallbacks_of_text
from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.agent.report import Edge, Report
from arm_ci.config.project import Fallback as Configured
from arm_ci.history.learned_fallbacks import learn_fallback
from arm_ci.history.learned_peaks import write_peaks
from arm_ci.plan import Choices
from arm_ci.steps import Build, Configure

BYPRODUCT = "ninja: error: 'lib/libledger.a', needed by 'hungry', missing and no known rule to make it"
EVERYTHING = ("ninja", "-j24", "app", "unit_tests")


def handed_over(take=lambda data: None):
    """The step brings what is known of the variant's edges; `take` gets it."""
    return download("peaks-build.json", "/w/b/support").download_string(take, 1 << 20).exit(0)


class ConfigureTest(StepCase):
    def test_the_build_tree_is_made_anew_and_configured(self):
        recipe = example.recipe()
        self.use(Configure(recipe))
        self.expect_commands(
            ExpectRmdir(dir="/w/b/build", log_environ=False).exit(0),
            ExpectMkdir(dir="/w/b/build", log_environ=False).exit(0),
            watched(recipe.configure(example.PLACES)[0].argv, "/w/b/build", "configure").exit(0),
            report_of("configure"),
        )
        self.expect_outcome(SUCCESS, "configured for ninja")
        return self.run_step()

    def test_cmakes_reason_is_the_sentence_of_the_step_and_of_the_build(self):
        recipe = example.recipe()
        self.use(Configure(recipe))
        self.expect_commands(
            ExpectRmdir(dir="/w/b/build", log_environ=False).exit(0),
            ExpectMkdir(dir="/w/b/build", log_environ=False).exit(0),
            watched(recipe.configure(example.PLACES)[0].argv, "/w/b/build", "configure")
            .stderr("CMake Error at CMakeLists.txt:3 (message):\n  no zlib\n")
            .exit(1),
            report_of("configure"),
        )
        sentence = (
            "configure-error: cmake could not set the build up: CMake Error at CMakeLists.txt:3 (message): no zlib"
        )
        self.expect_outcome(FAILURE, sentence)
        self.expect_build_result_summary({"step": sentence, "build": f"configure: {sentence}"})
        self.expect_verdict_with_report("configure-error")
        return self.run_step()


class BuildTest(StepCase):
    def use_build(self, recipe=None, directory="/no/such", **properties):
        return self.use(Build(recipe or example.recipe(), str(directory)), **properties)

    def test_ninjas_own_line_about_a_missing_byproduct_is_the_summary(self):
        self.use_build()
        self.expect_commands(
            handed_over(),
            watched(EVERYTHING, "/w/b/build", "build", cores=8).stdout(BYPRODUCT + "\n").exit(1),
            report_of("build"),
        )
        self.expect_outcome(
            FAILURE, "missing-byproduct: ninja knows no rule that makes lib/libledger.a: hungry needs it"
        )
        self.expect_verdict_with_report("missing-byproduct")
        return self.run_step()

    def test_a_kill_without_a_word_is_told_as_such(self):
        self.use_build()
        self.expect_commands(
            handed_over(),
            watched(EVERYTHING, "/w/b/build", "build", cores=8).exit(137),
            report_of("build"),
        )
        self.expect_outcome(FAILURE, "oom-kill: a program was killed: memory had run out")
        self.expect_verdict_with_report("oom-kill")
        return self.run_step()

    def test_a_build_that_claims_success_and_is_broken_fails(self):
        self.use_build(targets="app")
        said = "/usr/bin/ld.bfd: error: app(.debug_info) is too large (0x96000000 bytes)\n"
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).stderr(said).exit(0),
            report_of("build"),
        )
        self.expect_outcome(
            FAILURE,
            "address-space: ld.bfd could not make app: a section of 2,516,582,400 bytes (2.3 GB) does not fit the "
            "linker's 32-bit address space",
        )
        self.expect_verdict_with_report("address-space")
        return self.run_step()

    def test_a_good_build_says_where_it_compiled(self):
        self.use_build(example.helped(), targets="app")
        sent = Edge(0, ("distcc", "g++", "-c", "a.c"), "/w/b/build", "distcc", "a.o", "compile", 0.0, 1.0, 0)
        edges = (sent, sent._replace(number=1, exit_status=116), sent._replace(number=2, program="g++"))
        (command,) = example.helped().build(example.PLACES, Choices(16, ("app",)))
        self.expect_commands(
            handed_over(),
            watched(command.argv, "/w/b/build", "build", cores=16).exit(0),
            report_of("build", Report(edges=edges)),
        )
        self.expect_outcome(SUCCESS, "built app, 16 edges at once at most, 1 compiled by helpers, 1 here")
        self.expect_verdict_with_report("ok")
        return self.run_step()

    def test_the_link_that_memory_ended_is_named_and_numbered_for_its_trial(self):
        self.use_build(targets="app")
        ended = Edge(7, ("g++", "-o", "app"), "/w/b/build", "g++", "app", "link", 0.0, 1.0, None, 9)
        earlier = Edge(6, ("g++", "-o", "app"), "/w/b/sub", "g++", "app", "link", 0.0, 1.0, 0)
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).exit(1),
            report_of("build", Report(edges=(earlier, ended))),
        )
        self.expect_outcome(FAILURE, "oom-kill: g++ was killed while making app: memory had run out")
        self.expect_verdict_with_report("oom-kill")
        self.expect_property("failed_link", "app")
        self.expect_property("failed_link_number", 7)
        return self.run_step()

    def test_without_a_report_the_agent_is_asked_for_what_it_wrote_down_and_the_log_alone_is_judged(self):
        self.use_build(targets="app")
        said = "g++: fatal error: Killed signal terminated program cc1plus\n"
        collect = ("python3", AGENT, "collect-report", "--report", "/w/b/support/report-build.json")
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).stderr(said).exit(-1),
            no_report_of("build"),
            shell(collect, "/w/b/support", timeout=300).exit(1),
            no_report_of("build"),
        )
        self.expect_outcome(
            FAILURE,
            "oom-kill: cc1plus was killed: a SIGKILL in a build is nearly always the kernel's, for want of memory",
        )
        self.expect_build_data("verdict", VerdictOf("oom-kill"), "arm_ci")
        return self.run_step()

    def test_a_good_build_shows_its_edges(self):
        self.use_build(targets="app")
        edge = Edge(0, ("g++", "-o", "app"), "/w/b/build", "g++", "app", "link", 0.0, 1.0, 0)
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).exit(0),
            report_of("build", Report(edges=(edge,))),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most")
        self.expect_verdict_with_report("ok")
        return self.run_step()

    def test_an_interrupted_build_does_not_claim_to_have_built(self):
        self.use_build()
        command = watched(EVERYTHING, "/w/b/build", "build", cores=8).exit(-1)
        command.interrupted = True
        self.expect_commands(handed_over(), command)
        self.interrupt_nth_remote_command(1)
        self.build.stopped_reason = "enough"
        self.expect_outcome(CANCELLED, "interrupted")
        return self.run_step()

    def test_what_would_change_a_build_is_removed_from_the_workers_environment(self):
        step = self.use_build()
        self.worker.worker_environ = {"PATH": "/bin", "CXXFLAGS": "-Werror", "MAKEFLAGS": "k"}
        assert step.environment() == {"CXXFLAGS": None, "MAKEFLAGS": None, "LC_ALL": "C"}

    def test_targets_and_jobs_of_this_build_are_used_and_edges_counted(self):
        self.use_build(targets="app", jobs=2)
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j6", "app"), "/w/b/build", "build", cores=2)
            .stdout("[1/3] a\n[3/3] c\n[2/2] of a sub-build\n")
            .exit(0),
            report_of("build"),
        )
        self.expect_outcome(SUCCESS, "built app, 2 edges at once at most, 3 edges")
        return self.run_step()

    def test_what_is_known_of_the_variants_edges_is_brought_to_the_worker_first(self):
        directory = self.directory() / "peaks"
        peaks = Peaks("gcc 12, ld.bfd 2", (Learned("app", "g++", "link", 300 << 20, 4.0),))
        write_peaks(directory / "demo-pc-gcc-bfd-ninja-full.json", peaks)
        brought = []
        self.use_build(directory=directory, targets="app", compiler_version="12.2.0", linker_version="2.40")
        self.expect_commands(
            handed_over(lambda data: brought.append(Peaks.from_text(data.decode()))),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).exit(0),
            report_of("build"),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most")
        return self.run_step().addCallback(lambda _: self.assertEqual(brought, [peaks]))

    def test_what_was_learned_with_another_compiler_is_not(self):
        directory = self.directory() / "peaks"
        peaks = Peaks("gcc 12, ld.bfd 2", (Learned("app", "g++", "link", 300 << 20, 4.0),))
        write_peaks(directory / "demo-pc-gcc-bfd-ninja-full.json", peaks)
        brought = []
        self.use_build(directory=directory, targets="app", compiler_version="13.1.0", linker_version="2.40")
        self.expect_commands(
            handed_over(lambda data: brought.append(Peaks.from_text(data.decode()))),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).exit(0),
            report_of("build"),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most")
        return self.run_step().addCallback(lambda _: self.assertEqual(brought, [Peaks("gcc 13, ld.bfd 2")]))

    def test_how_edges_may_be_built_differently_is_brought_too_what_trials_found_at_the_end(self):
        directory = self.directory() / "peaks"
        found = Fallback("link-trial", ("app",), ("link",), linker=("-fuse-ld=lld",))
        learn_fallback(directory / "demo-pc-gcc-bfd-ninja-full-fallback.json", found)
        brought = []
        settings = example.config(fallback=(Configured("less", debug_info="none"),), fallback_from_trials=True)
        self.use_build(example.recipe(settings), directory=directory, targets="app")
        words = watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8, fallback=True)
        self.expect_commands(
            handed_over(),
            download("fallback-build.json", "/w/b/support")
            .download_string(lambda data: brought.extend(fallbacks_of_text(data.decode())), 1 << 20)
            .exit(0),
            words.exit(0),
            report_of("build"),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most")
        expected = [Fallback("less", add=("-g0", "-Wl,-S")), found]
        return self.run_step().addCallback(lambda _: self.assertEqual(brought, expected))

    def test_what_trials_found_and_cannot_be_read_costs_no_build(self):
        directory = self.directory() / "peaks"
        directory.mkdir()
        (directory / "demo-pc-gcc-bfd-ninja-full-fallback.json").write_text("{")
        brought = []
        self.use_build(example.recipe(example.config(fallback_from_trials=True)), directory=directory, targets="app")
        self.expect_commands(
            handed_over(),
            download("fallback-build.json", "/w/b/support").download_string(brought.append, 1 << 20).exit(0),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8, fallback=True).exit(0),
            report_of("build"),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most")
        return self.run_step().addCallback(lambda _: self.assertEqual(fallbacks_of_text(brought[0].decode()), ()))

    def test_without_admission_all_edges_start_that_the_build_tool_starts(self):
        self.use_build(example.recipe(example.config(admission=False)), targets="app")
        self.expect_commands(watched(("ninja", "-j8", "app"), "/w/b/build", "build").exit(0), report_of("build"))
        self.expect_outcome(SUCCESS, "built app with -j8")
        return self.run_step()

    def test_while_it_runs_it_says_what_ran_again_and_what_waits(self):
        step = self.use_build(targets="app")
        said = []
        step.updateSummary = lambda: said.append(step.getCurrentSummary()["step"])
        for line in (
            "[3/9] a",
            "arm_ci: b.o: memory killed it when it held 300 MB; it runs again alone",
            "arm_ci: 1 of 8 edges run and are expected to need 512 of 800 MB; 6 wait",
            "arm_ci: b.o: memory killed it when it held 400 MB though it ran alone; it runs again, built differently",
            "[4/9] b",
        ):
            step.take(line)
        self.reactor.advance(90)
        step.take("[5/9] c")
        assert said == [
            "build 3/9",
            "build 3/9, 1 ran again",
            "build 3/9, 1 ran again, 6 wait for memory",
            "build 3/9, 1 ran again, 6 wait for memory",
            "build 4/9, 1 ran again, 6 wait for memory",
            "build 5/9, 1 ran again",
        ]

    def test_a_good_build_says_how_many_edges_were_built_differently(self):
        self.use_build(targets="app")
        edge = Edge(0, ("g++", "-c", "a.cpp"), "/w/b/build", "g++", "a.o", "compile", 0.0, 1.0, 1, run_again="oom-kill")
        less = edge._replace(number=1, argv=(*edge.argv, "-g1"), attempts=2, fallback="lines: -g1")
        least = edge._replace(
            number=2, argv=(*edge.argv, "-g0"), exit_status=0, run_again="", attempts=3, fallback="less: -g0"
        )
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).exit(0),
            report_of("build", Report(edges=(edge, less, least))),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most, 1 ran again, 1 built differently")
        self.expect_verdict_with_report("ok")
        return self.run_step()

    def test_a_good_build_says_how_many_edges_ran_again(self):
        self.use_build(targets="app")
        edge = Edge(0, ("g++", "-c", "a.cpp"), "/w/b/build", "g++", "a.o", "compile", 0.0, 1.0, 1, run_again="oom-kill")
        edges = (edge, edge._replace(number=1, exit_status=0, run_again="", attempts=2))
        said = "[1/1] a\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
        self.expect_commands(
            handed_over(),
            watched(("ninja", "-j24", "app"), "/w/b/build", "build", cores=8).stdout(said).exit(0),
            report_of("build", Report(edges=edges)),
        )
        self.expect_outcome(SUCCESS, "built app, 8 edges at once at most, 1 edge, 1 ran again")
        self.expect_verdict_with_report("ok")
        return self.run_step()
