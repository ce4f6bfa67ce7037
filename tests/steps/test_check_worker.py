"""The worker is checked before anything is fetched."""

import json
from dataclasses import asdict

import example
from buildbot.process.results import FAILURE, SUCCESS
from step_case import StepCase, VerdictOf, report_of, shell, shipped
from twisted.internet import defer

from arm_ci.agent.report import Edge, Report
from arm_ci.plan import probe_request
from arm_ci.plan.archives import agent
from arm_ci.steps import CheckWorker

REQUEST = json.dumps(probe_request(example.recipe(), example.PLACES))


LEFTOVERS = json.dumps({"mark": "/w/b:1:2", "repository": "/w/b/source/.git"})
NOTHING = {"ended": [], "remain": [], "locks": []}


def leftovers():
    return shell(("python3", agent().name, "leftovers"), "/w/b/support", timeout=300, initial_stdin=LEFTOVERS)


def probe():
    return shell(("python3", agent().name, "probe"), "/w/b/support", timeout=300, initial_stdin=REQUEST)


def answer_with(facts, **machine):
    """The probe's answer for these facts."""
    unseen = [{"what": "memory pressure", "why": "", "cure": "psi=1 in cmdline.txt"}] if machine else []
    return json.dumps({**asdict(facts), "machine_facts": machine, "sight": {"unseen": unseen}})


class CheckWorkerTest(StepCase):
    def answer(self, facts, **machine):
        """The probe with an answer that is kept."""
        text = answer_with(facts, **machine)
        self.expect_build_data("probe", json.dumps(json.loads(text)).encode(), "arm_ci")
        return probe().stdout(text).exit(0)

    def check(self, answer, left=None):
        self.use(CheckWorker(example.recipe()))
        self.build.mark = "/w/b:1:2"
        self.expect_commands(
            shipped(agent()),
            leftovers().stdout(json.dumps(left or NOTHING)).exit(0),
            answer,
        )

    def test_a_fit_worker_is_described(self):
        self.check(self.answer(example.facts()))
        self.expect_outcome(SUCCESS, "pi-1: amd64, debian-12, g++ 12.2.0, ld.bfd 2.40")
        self.expect_property("compiler_version", "12.2.0")
        self.expect_property("os", "debian-12")
        return self.run_step()

    def test_what_is_missing_ends_the_build_with_what_to_install(self):
        self.check(self.answer(example.facts(programs={"ld.bfd": None, "ninja": None})))
        first = "linker `ld.bfd` is not on worker `pi-1` (debian-12): apt-get install binutils"
        self.expect_outcome(FAILURE, f"{first} (and 1 more, see findings)")
        self.expect_log_file(
            "findings", f"{first}\n`ninja` is not on worker `pi-1` (debian-12): apt-get install ninja-build\n"
        )
        return self.run_step()

    def test_what_holds_a_board_back_and_what_the_agent_cannot_see_there_is_noted(self):
        self.check(self.answer(example.facts(), throttling=["undervoltage now"]))
        self.expect_outcome(SUCCESS, "pi-1: amd64, debian-12, g++ 12.2.0, ld.bfd 2.40")
        self.expect_log_file(
            "findings",
            "note: worker `pi-1` is held back by its power or heat: undervoltage now\n"
            "note: the agent does not see the memory pressure on worker `pi-1`; it would with psi=1 in cmdline.txt\n",
        )
        return self.run_step()

    def test_what_the_probe_says_itself_is_shown(self):
        self.check(probe().stderr("probe: cannot answer the request: no memory\n").exit(2))
        self.expect_outcome(
            FAILURE, "worker `pi-1` did not answer the probe: probe: cannot answer the request: no memory"
        )
        return self.run_step()

    def test_what_an_earlier_build_left_over_is_ended_and_told(self):
        left = {"ended": [{"pid": 7, "command": "ninja -j4"}], "remain": [], "locks": ["index.lock"]}
        self.check(self.answer(example.facts()), left)
        self.expect_outcome(
            SUCCESS, "pi-1: amd64, debian-12, g++ 12.2.0, ld.bfd 2.40; ended 1 process of an earlier build"
        )
        self.expect_log_file("leftovers", "ended: 7 ninja -j4\nremoved: index.lock\n")
        return self.run_step()

    def test_nothing_is_built_beside_a_process_that_does_not_end(self):
        self.use(CheckWorker(example.recipe()))
        self.build.mark = "/w/b:1:2"
        left = {"ended": [], "remain": [{"pid": 7, "command": "ld"}, {"pid": 8, "command": "ld"}], "locks": []}
        self.expect_commands(shipped(agent()), leftovers().stdout(json.dumps(left)).exit(0))
        self.expect_outcome(FAILURE, "worker `pi-1`: 2 processes of an earlier build cannot be ended, see leftovers")
        self.expect_log_file("leftovers", "does not end: 7 ld\ndoes not end: 8 ld\n")
        return self.run_step()

    def refuse_to_build(self, answer, why):
        self.use(CheckWorker(example.recipe()))
        self.build.mark = "/w/b:1:2"
        self.expect_commands(shipped(agent()), answer)
        self.expect_outcome(FAILURE, f"worker `pi-1` cannot say what is left over of earlier builds: {why}")
        return self.run_step()

    def test_nothing_is_built_when_it_cannot_be_told_what_is_left_over(self):
        said = "leftovers: cannot answer the request: the worker is gone"
        return self.refuse_to_build(leftovers().stderr(f"{said}\n").exit(2), said)

    def test_nor_when_that_is_killed(self):
        return self.refuse_to_build(leftovers().exit(-1), "killed by a signal")

    def test_nor_when_its_answer_is_none(self):
        return self.refuse_to_build(leftovers().stdout("Segmentation fault\n").exit(0), "Segmentation fault")

    def test_a_probe_that_was_killed_is_not_taken_for_missing_python(self):
        self.check(probe().exit(-1))
        self.expect_outcome(FAILURE, "worker `pi-1` did not answer the probe: killed by a signal")
        return self.run_step()

    def test_what_the_agent_of_a_lost_build_had_written_down_is_its_verdict(self):
        self.use(CheckWorker(example.recipe()))
        self.build.mark = "/w/b:1:2"
        self.build.was_lost_before = lambda: defer.succeed(True)
        running = Edge(1, ("g++",), "/w/b", "g++", "a.o", "compile", 0.0, peak_anonymous_swap_bytes=30 << 20)
        self.expect_commands(
            shipped(agent()),
            leftovers().stdout(json.dumps(NOTHING)).exit(0),
            report_of("build", Report(edges=(running,))),
            self.answer(example.facts()),
        )
        self.expect_outcome(SUCCESS, "pi-1: amd64, debian-12, g++ 12.2.0, ld.bfd 2.40")
        self.expect_property(
            "lost_build", "nothing says that memory ran out; 1 edge ran, the largest a.o, which held 30 MB"
        )
        self.expect_build_data("lost-build", VerdictOf("worker-lost"), "arm_ci")
        return self.run_step()

    def test_a_worker_without_python_is_told_so(self):
        self.use(CheckWorker(example.recipe()))
        self.build.mark = "/w/b:1:2"
        self.expect_commands(
            shipped(agent()),
            leftovers().stderr("sh: python3: not found\n").exit(127),
            probe().stderr("sh: python3: not found\n").exit(127),
        )
        self.expect_outcome(FAILURE, "worker `pi-1` did not answer the probe: python3 must be there")
        return self.run_step()
