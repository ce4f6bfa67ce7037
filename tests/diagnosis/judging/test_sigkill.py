"""SIGKILL: whose memory ran out, or that it was not memory at all."""

import pytest
from judged import judged, said
from made_up import GB, MB, edge, flat, report

from arm_ci.agent.report import Kernel, Limits, OomRecord

KILLED_LOG = (
    "g++ -g -c x.cpp -o x.o\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
    "make: *** [Makefile:5: x.o] Error 1\n"
)
COMPILE = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=1, pids=(41, 42))
RAM = Limits(memory_bytes=925 * MB)


def test_a_record_with_a_process_id_of_the_edge_is_certain():
    record = OomRecord("cc1plus", 42, "system", anonymous_bytes=690 * MB, swap_bytes=100 * MB, text="Killed process 42")
    verdict = judged(KILLED_LOG, report((COMPILE,), RAM, kernel=Kernel(1, 1, 0, (record,))))
    assert (
        verdict.sentence == "oom-kill: cc1plus was killed while compiling x.o: it held 790 MB, the machine has 925 MB"
    )
    assert (verdict.confidence, verdict.scope, verdict.used_bytes, verdict.had_bytes) == (
        "certain",
        "system",
        790 * MB,
        925 * MB,
    )


def test_the_record_alone_is_enough_where_the_log_is_silent():
    record = OomRecord("clang++-14", 41, "cgroup", "/job", limit_bytes=400 * MB, text="Killed process 41")
    clang = edge(
        1, "x.o", 0.0, 30.0, 390 * MB, program="clang++-14", heaviest="clang++-14", exit_status=137, pids=(41,)
    )
    verdict = judged(None, report((clang,), RAM, kernel=Kernel(1, 1, 1, (record,))))
    assert verdict.sentence == (
        "oom-kill: clang++-14 was killed while compiling x.o: it held 390 MB, the cgroup's limit was 400 MB"
    )


def test_counters_alone_make_it_likely_and_a_limit_hit_tells_the_scope():
    limits = Limits(memory_bytes=4 * GB, cgroup_version=2, cgroup_limit_bytes=800 * MB)
    verdict = judged(KILLED_LOG, report((COMPILE,), limits, kernel=Kernel(1, 1, 3)))
    assert verdict.sentence == (
        "oom-kill: cc1plus was killed while compiling x.o: it held 700 MB, the cgroup's limit was 800 MB"
    )
    assert (verdict.confidence, verdict.scope) == ("likely", "cgroup")
    assert "the command's cgroup hit its own limit 3 times" in [each.text for each in verdict.evidence]


def test_without_a_limit_hit_the_scope_stays_open():
    verdict = judged(KILLED_LOG, report((COMPILE,), RAM, kernel=Kernel(oom_kills=1)))
    assert (verdict.kind, verdict.confidence, verdict.scope) == ("oom-kill", "likely", "")
    assert verdict.sentence == "oom-kill: cc1plus was killed while compiling x.o: it held 700 MB"


def test_a_cgroup_of_version_1_near_its_limit_is_the_scope():
    limits = Limits(memory_bytes=4 * GB, cgroup_version=1, cgroup_limit_bytes=800 * MB)
    verdict = judged(KILLED_LOG, report((COMPILE,), limits, kernel=Kernel(1, 1, None)))
    assert verdict.scope == "cgroup"


def test_counters_that_did_not_move_rule_memory_out():
    verdict = judged(KILLED_LOG, report((COMPILE,), RAM, kernel=Kernel(0, 0, 0)))
    assert verdict.sentence == (
        "killed-other: cc1plus was killed from outside while compiling x.o: the kernel counted no OOM kill"
    )
    assert verdict.confidence == "certain"


def test_a_sigkill_with_memory_to_spare_is_not_memory():
    spare = flat(40, memory_available_bytes=700 * MB)
    verdict = judged(KILLED_LOG, report((COMPILE,), RAM, kernel=Kernel(), samples=spare))
    assert verdict.sentence == (
        "killed-other: cc1plus was killed from outside while compiling x.o: 76% of the memory was free"
    )
    assert verdict.confidence == "likely"


@pytest.mark.parametrize(
    ("free", "kind", "confidence"),
    [
        (0.25, "killed-other", "likely"),
        (0.24, "oom-kill", "possible"),
        (0.11, "oom-kill", "possible"),
        (0.10, "oom-kill", "likely"),
    ],
)
def test_a_quarter_of_the_memory_is_to_spare_and_a_tenth_is_none(free, kind, confidence):
    part = flat(40, memory_available_bytes=free * 1000 * MB)
    verdict = judged(KILLED_LOG, report((COMPILE,), Limits(memory_bytes=1000 * MB), kernel=Kernel(), samples=part))
    assert (verdict.kind, verdict.confidence) == (kind, confidence)


def test_a_sigkill_when_memory_had_run_out_is_likely_memory():
    scarce = flat(40, memory_available_bytes=(900 * MB, 20 * MB))
    late = edge(1, "x.o", 0.0, 40.0, 700 * MB, exit_status=1)
    verdict = judged(KILLED_LOG, report((late,), RAM, kernel=Kernel(), samples=scarce))
    assert (verdict.kind, verdict.confidence) == ("oom-kill", "likely")


def test_only_the_last_sample_before_the_kill_counts():
    later = flat(60, memory_available_bytes=(800 * MB, 10 * MB))
    early = edge(1, "x.o", 0.0, 5.0, 100 * MB, exit_status=1)
    verdict = judged(KILLED_LOG, report((early,), RAM, kernel=Kernel(), samples=later))
    assert verdict.kind == "killed-other"


def test_a_record_of_a_stranger_is_not_the_builds():
    stranger = OomRecord("firefox", 999, "system", text="Killed process 999 (firefox)", line=3)
    broken = report((COMPILE,), RAM, kernel=Kernel(1, 0, 0, (stranger,)))
    verdict = judged("FAILED: x.o\ng++ -g -c x.cpp -o x.o\nx.cpp:1:1: error: no\n", broken)
    assert verdict.kind == "compile-error"
    assert verdict.evidence[-1].why == "the kernel's OOM killer ended a process that is none of the failed edges'"


def test_an_edge_that_ended_by_sigkill_is_seen_without_a_log():
    killed = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=None, signal=9)
    verdict = judged(None, report((killed,), RAM, kernel=Kernel(1)))
    assert said(verdict) == ("oom-kill", "cc1plus", "x.o", None)
    assert judged(None, report((killed,), RAM, kernel=Kernel(0))).kind == "killed-other"
