"""A build that somebody or something stopped: whether the machine was swapping, or memory was no part of it."""

from judged import judged, said
from made_up import GB, MB, edge, flat, report

from arm_ci.agent.report import Kernel, Limits, OomRecord, Outcome
from arm_ci.diagnosis.judging.judge import Ended

COMPILE = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=1, pids=(41, 42))
RAM = Limits(memory_bytes=925 * MB)
RUNNING = edge(1, "x.o", 10.0, None, 700 * MB)
STOPPED = Outcome(stopped="signal 15", seconds=900.0, complete=True)


def test_a_machine_that_did_nothing_but_swap_was_thrashing():
    swapping = flat(
        900,
        memory_available_bytes=20 * MB,
        swapped_in_bytes=(0.0, 4.0 * GB),
        swapped_out_bytes=(0.0, 4.0 * GB),
        pressure_full_seconds=(0.0, 700.0),
    )
    verdict = judged(
        "[1/9] CXX a.o\n", report((RUNNING,), RAM, samples=swapping, outcome=STOPPED), ended=Ended(silent_seconds=600.0)
    )
    assert (
        verdict.sentence == "thrashing: the machine was swapping (9 MB a second) over x.o until the build was stopped"
    )
    assert (verdict.confidence, verdict.program, verdict.output) == ("certain", "cc1plus", "x.o")
    assert [each.text for each in verdict.evidence] == [
        "9 MB a second were swapped in and out over the last 10 min",
        "every task waited for memory in 78% of that time",
        "2% of the memory was free",
    ]


def test_a_machine_without_pressure_figures_is_judged_by_what_it_swapped():
    swapping = flat(900, memory_available_bytes=20 * MB, swapped_in_bytes=(0.0, 4.0 * GB), swapped_out_bytes=(0.0, GB))
    verdict = judged(None, report((RUNNING,), RAM, samples=swapping, outcome=STOPPED))
    assert (verdict.kind, verdict.confidence) == ("thrashing", "likely")


def test_a_cgroup_that_swaps_is_told_from_a_machine_that_does():
    swapping = flat(
        900,
        memory_available_bytes=700 * MB,
        swapped_in_bytes=(0.0, 4.0 * GB),
        swapped_out_bytes=(0.0, 4.0 * GB),
        pressure_full_seconds=(0.0, 20.0),
    )
    in_swap = RUNNING._replace(peak_swap_bytes=500 * MB)
    limited = report((in_swap,), RAM._replace(cgroup_limit_bytes=200 * MB), samples=swapping, outcome=STOPPED)
    verdict = judged(None, limited)
    assert verdict.sentence == (
        "thrashing: the machine was swapping (9 MB a second) over x.o until the build was stopped: the cgroup's limit "
        "was 200 MB"
    )
    assert (verdict.scope, verdict.confidence, verdict.had_bytes) == ("cgroup", "likely", 200 * MB)
    # That 2 % of the time was spent in waiting shows nothing.
    assert [each.text for each in verdict.evidence] == [
        "9 MB a second were swapped in and out over the last 10 min",
        "the cgroup's limit was 200 MB",
    ]
    # Somebody else's swapping is not the build's.
    assert judged(None, limited._replace(edges=(RUNNING,))).kind == "killed-other"
    assert judged(None, limited._replace(limits=RAM)).kind == "killed-other"


def test_a_silent_build_with_memory_to_spare_was_not_thrashing():
    idle = flat(900, memory_available_bytes=700 * MB, swapped_in_bytes=0.0, swapped_out_bytes=0.0)
    verdict = judged(
        "[1/9] CXX a.o\n", report((RUNNING,), RAM, samples=idle, outcome=STOPPED), ended=Ended(silent_seconds=1200.0)
    )
    assert (
        verdict.sentence == "killed-other: the build did not fail by itself: it was stopped after 20 min without output"
    )
    assert verdict.evidence[-1].text == "76% of the memory was free at the end"


def test_what_the_log_says_of_silence_is_held_against_the_samples():
    idle = flat(900, memory_available_bytes=700 * MB, swapped_in_bytes=0.0, swapped_out_bytes=0.0)
    log = "No output has been received in the last 10m0s, this potentially indicates a stalled build.\n"
    assert judged(log).kind == "thrashing"
    assert judged(log, report((RUNNING,), RAM, samples=idle, kernel=Kernel(0))).kind == "killed-other"


def test_what_the_tools_say_of_the_stop_itself_does_not_hide_the_swapping():
    swapping = flat(900, memory_available_bytes=20 * MB, swapped_in_bytes=(0.0, 4.0 * GB), swapped_out_bytes=(0.0, GB))
    log = "g++: fatal error: Terminated signal terminated program cc1plus\nmake: *** [Makefile:5: x.o] Error 1\n"
    ended = edge(1, "x.o", 10.0, 900.0, 700 * MB, exit_status=None, signal=9)
    stopped = report((ended,), RAM, samples=swapping, outcome=STOPPED, kernel=Kernel(0, 0, 0))
    assert judged(log, stopped, ended=Ended(silent_seconds=600.0)).kind == "thrashing"
    assert judged(None, stopped, ended=Ended(silent_seconds=600.0)).kind == "thrashing"
    idle = stopped._replace(samples=flat(900, memory_available_bytes=700 * MB))
    assert judged(log, idle, ended=Ended(silent_seconds=600.0)).sentence == (
        "killed-other: the build did not fail by itself: it was stopped after 10 min without output"
    )


def test_a_compile_error_before_the_stop_is_the_failure():
    log = "x.cpp:1:1: error: no\nmake: *** [Makefile:5: x.o] Error 1\n"
    idle = report((COMPILE,), RAM, samples=flat(900, memory_available_bytes=700 * MB), outcome=STOPPED)
    assert judged(log, idle).kind == "compile-error"


def test_a_kernel_record_of_a_silent_edge_counts_more_than_another_edges_error():
    clang = edge(
        2, "y.o", 0.0, 30.0, 700 * MB, program="clang++", heaviest="clang++", exit_status=None, signal=9, pids=(77,)
    )
    record = OomRecord("clang++", 77, "system", text="Killed process 77 (clang++)")
    both = report((COMPILE, clang), RAM, kernel=Kernel(1, 0, 0, (record,)))
    assert said(judged("x.cpp:1:1: error: no\nmake: *** [x.o] Error 1\n", both)) == ("oom-kill", "clang++", "y.o", None)


def test_a_whole_cgroup_that_was_killed_is_an_oom_kill():
    killed = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=None, signal=9)
    whole = report((killed,), RAM, outcome=Outcome(signal=9, complete=True), kernel=Kernel(2, 2, 1))
    assert said(judged("[1/9] CXX x.o\n", whole)) == ("oom-kill", "cc1plus", "x.o", None)
