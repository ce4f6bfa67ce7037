"""How a build ended, by its report: well, with its agent, without a log; and what a verdict carries."""

from dataclasses import replace

import pytest
from judged import judged
from made_up import GB, MB, edge, report

from arm_ci.agent.report import Edge, Kernel, Limits, OomRecord, Outcome, Unseen, Visibility
from arm_ci.diagnosis.judging.judge import Ended

KILLED_LOG = (
    "g++ -g -c x.cpp -o x.o\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
    "make: *** [Makefile:5: x.o] Error 1\n"
)
COMPILE = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=1, pids=(41, 42))
RAM = Limits(memory_bytes=925 * MB)
RUNNING = edge(1, "x.o", 10.0, None, 700 * MB)


def test_a_command_that_ended_well_is_ok_by_its_report():
    passed = report((), RAM, outcome=Outcome(exit_status=0, complete=True), kernel=Kernel(0))
    assert judged("", passed).sentence == "ok: the command ended with exit status 0"
    assert judged(None, passed).confidence == "certain"


def test_bfd_that_claims_success_fails_although_the_command_passed():
    passed = report(
        (), Limits(memory_bytes=GB, address_bits=32, address_top_bytes=3 * GB), outcome=Outcome(0, complete=True)
    )
    verdict = judged("/usr/bin/ld.bfd: error: bin/app(.debug_info) is too large (0x96000000 bytes)\n", passed)
    assert (verdict.kind, verdict.had_bytes) == ("address-space", 3 * GB)


def test_an_edge_that_failed_without_any_log_is_named():
    verdict = judged(None, report((COMPILE,), RAM, kernel=Kernel(0)))
    assert verdict.sentence == "unknown: g++ failed while compiling x.o with exit status 1, and no log says why"


def test_a_compile_that_no_helper_did_is_judged_by_what_it_took_here():
    asked = edge(0, "x.o", 0.0, 1.0, 20 * MB, program="distcc", heaviest="distcc", exit_status=116)
    verdict = judged(KILLED_LOG, report((asked, COMPILE), RAM, kernel=Kernel(1)))
    assert verdict.used_bytes == 700 * MB
    verdict = judged(None, report((asked, COMPILE._replace(exit_status=0)), RAM, outcome=Outcome(1), kernel=Kernel(0)))
    assert "distcc" not in verdict.sentence


AGENT_KILLED = "the agent was killed from outside, and the build with it"
PYTHON = OomRecord("python3.11", 7, "cgroup", "/job", limit_bytes=400 * MB, text="Killed process 7 (python3.11)")
FIREFOX = OomRecord("firefox", 999, "system", text="Killed process 999 (firefox)", line=3)


@pytest.mark.parametrize(
    ("kernel", "confidence", "sentence"),
    [
        (Kernel(), "possible", "killed-other: the agent was killed, and the build with it; nothing says by whom"),
        (Kernel(0), "likely", f"killed-other: {AGENT_KILLED}"),
        (Kernel(1), "likely", "oom-kill: the agent itself was killed, and the build with it"),
        (Kernel(1, 1, 1, (PYTHON,)), "likely", "oom-kill: the agent itself was killed, and the build with it"),
        (Kernel(1, 0, 0, (FIREFOX,)), "likely", f"killed-other: {AGENT_KILLED}"),
    ],
)
def test_an_agent_that_was_killed_leaves_a_verdict(kernel, confidence, sentence):
    torn = report((RUNNING,), RAM, outcome=Outcome(complete=False), kernel=kernel)._replace(command=("ninja",))
    verdict = judged("[1/9] CXX a.o\n", torn, ended=Ended(signal=9))
    assert (verdict.sentence, verdict.confidence) == (sentence, confidence)


def test_a_compiler_that_was_killed_together_with_its_agent_is_the_culprit():
    record = OomRecord(
        "cc1plus", 42, "cgroup", "/job", anonymous_bytes=650 * MB, limit_bytes=700 * MB, text="Killed process 42"
    )
    kernel = Kernel(2, 2, 1, (record, PYTHON))
    torn = report((RUNNING._replace(pids=(41, 42)),), RAM, outcome=Outcome(complete=False), kernel=kernel)
    # As the step knows it, and as the build after a lost one finds it.
    for ended in (Ended(signal=9), Ended()):
        assert judged(None, torn._replace(command=("ninja",)), ended=ended).sentence == (
            "oom-kill: cc1plus was killed while compiling x.o: it held 650 MB, the cgroup's limit was 700 MB"
        )


def test_a_make_that_only_passed_on_is_not_the_culprit():
    outer = Edge(1, ("make", "-C", "sub"), "/build", "make", "", "other", 0.0, 40.0, exit_status=2)
    verdict = judged(None, report((outer, replace_edge(COMPILE, signal=9)), RAM, kernel=Kernel(1)))
    assert verdict.output == "x.o"


def replace_edge(one: Edge, **more: object) -> Edge:
    return one._replace(**more)


def test_what_could_not_be_seen_is_said_with_what_would_show_it():
    blind = report(
        (COMPILE,),
        RAM,
        visibility=Visibility(unseen=(Unseen("memory cgroup", "no controller", "cgroup_enable=memory"),)),
    )
    assert judged(KILLED_LOG, blind).unseen == ("memory cgroup: no controller (cgroup_enable=memory would show it)",)


def test_the_verdict_carries_advice():
    assert replace(judged(KILLED_LOG, report((COMPILE,), RAM)), advice=()).advice == ()
    assert judged(KILLED_LOG, report((COMPILE,), RAM)).advice
