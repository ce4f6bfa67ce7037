"""An edge that memory killed and that ran again is no failure; one that was killed alone is, and says so."""

from judged import judged, said
from made_up import GB, MB, edge, report

from arm_ci.agent.report import Admission, Kernel, Limits, OomRecord, Outcome
from arm_ci.diagnosis.judging.judge import Ended
from arm_ci.diagnosis.judging.second_tries import ran_again, settled

TOOL = "g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
AGAIN = "arm_ci: a.o: memory killed it when it held 300 MB; it runs again alone\n"
ERROR = "b.cpp:1:1: error: no such thing\n"
COMMAND = "g++ -g -c b.cpp -o b.o\n"
FIRST = edge(0, "a.o", 0.0, 5.0, 300 * MB, exit_status=1, run_again="oom-kill", pids=(10, 11))
SECOND = edge(2, "a.o", 6.0, 12.0, 500 * MB, attempts=2, alone=True, pids=(20, 21))
BROKEN = edge(1, "b.o", 0.0, 9.0, 100 * MB, exit_status=1, pids=(12, 13), argv=("g++", "-c", "b.cpp", "-o", "b.o"))
RECORD = OomRecord("cc1plus", 11, "cgroup", "/job", limit_bytes=600 * MB, anonymous_bytes=300 * MB, text="Killed 11")
LIMITS = Limits(memory_bytes=4 * GB, cgroup_version=2, cgroup_limit_bytes=600 * MB)
ADMISSION = Admission(cores=4, budget_bytes=580 * MB)


def built(*edges, kills=1, records=(RECORD,), does_not_fit="", **more):
    return report(
        edges,
        LIMITS,
        kernel=Kernel(kills, kills, kills, tuple(records)),
        admission=ADMISSION._replace(does_not_fit=does_not_fit),
        **more,
    )


def texts(verdict):
    return [each.text for each in verdict.evidence]


# -- first tries --------------------------------------------------------------------------------------------------


def test_a_build_whose_edge_ran_again_and_ended_well_is_ok():
    log = f"{AGAIN}[1/2] a\n{TOOL}[2/2] b\n"
    verdict = judged(log, built(FIRST, SECOND), ended=Ended(0))
    assert (verdict.kind, verdict.confidence) == ("ok", "certain")
    assert verdict.sentence == "ok: the command ended with exit status 0; 1 edge that memory had killed ran again alone"
    assert texts(verdict) == ["memory killed a.o when it held 300 MB"]
    assert verdict.evidence[0].why == "it ran again, and the build went on"


def test_an_edge_that_was_ended_for_file_pages_is_not_said_to_have_been_killed_by_memory():
    ended = FIRST._replace(exit_status=None, signal=9, run_again="file pages")
    verdict = judged("[1/2] a\n[2/2] b\n", built(ended, SECOND, kills=0, records=()), ended=Ended(0))
    assert (
        verdict.sentence
        == "ok: the command ended with exit status 0; 1 edge that had left no room for file pages ran again alone"
    )
    assert texts(verdict) == ["the agent ended a.o to make room for file pages when it held 300 MB"]
    other = FIRST._replace(number=3, output="c.o", pids=(30,))
    again = SECOND._replace(number=4, output="c.o", pids=(40,))
    both = built(ended, other, SECOND, again, kills=0, records=())
    assert judged("", both, ended=Ended(0)).sentence == (
        "ok: the command ended with exit status 0; 1 edge that memory had killed and 1 edge that had left no room for "
        "file pages ran again alone"
    )


def test_a_kill_is_not_forgiven_for_an_edge_that_was_ended_for_file_pages():
    ended = FIRST._replace(exit_status=None, signal=9, run_again="file pages")
    assert settled(built(ended, SECOND)).kernel == Kernel(1, 1, 1, (RECORD,))
    assert settled(built(FIRST, SECOND)).kernel == Kernel(0, 0, 1, ())


def test_with_ninja_a_later_compile_error_of_another_edge_is_the_verdict():
    log = f"{AGAIN}[1/3] a\n{TOOL}[2/3] b\nFAILED: b.o \n{COMMAND}{ERROR}ninja: build stopped: subcommand failed.\n"
    verdict = judged(log, built(FIRST, BROKEN, SECOND), ended=Ended(1))
    assert said(verdict)[:3] == ("compile-error", "cc1plus", "b.o")
    assert (verdict.confidence, verdict.sentence) == (
        "certain",
        "compile-error: b.o does not compile: b.cpp:1:1: error: no such thing",
    )
    assert not [each for each in texts(verdict) if "Killed" in each]


def test_with_make_too_where_the_words_stand_anywhere():
    log = f"g++ -g -c a.cpp -o a.o\n{COMMAND}{TOOL}{AGAIN}{ERROR}make: *** [Makefile:5: b.o] Error 1\n"
    verdict = judged(log, built(FIRST, BROKEN, SECOND), ended=Ended(2))
    assert said(verdict)[:3] == ("compile-error", "cc1plus", "b.o")
    assert not [each for each in texts(verdict) if "Killed" in each]


def test_an_edge_that_was_killed_first_and_has_an_error_then_has_that_error():
    block = f"FAILED: a.o \ng++ -g -c a.cpp -o a.o\n{TOOL}a.cpp:7:1: error: no\n"
    log = f"{AGAIN}[1/2] a\n{block}ninja: build stopped: subcommand failed.\n"
    wrong = SECOND._replace(exit_status=1)
    assert said(judged(log, built(FIRST, wrong), ended=Ended(1)))[:3] == ("compile-error", "cc1plus", "a.o")


def test_what_clang_and_its_linker_say_of_a_first_try_counts_as_little():
    tool = (
        "clang: error: unable to execute command: Killed\n"
        "clang: error: linker command failed due to signal (use -v to see invocation)\n"
    )
    first = FIRST._replace(output="bin/app", kind="link", argv=("clang++", "-o", "bin/app"), heaviest="ld.lld")
    second = first._replace(number=3, exit_status=0, run_again="", attempts=2, pids=(30,))
    log = f"[1/3] app\n{tool}[2/3] b\nFAILED: b.o \n{COMMAND}{ERROR}ninja: build stopped: subcommand failed.\n"
    assert said(judged(log, built(first, BROKEN, second), ended=Ended(1)))[:3] == ("compile-error", "cc1plus", "b.o")


def test_a_program_that_was_killed_itself_said_nothing_and_takes_no_others_words():
    silent = FIRST._replace(exit_status=None, signal=9)
    stranger = BROKEN._replace(heaviest="cc1plus")
    block = f"FAILED: b.o \n{COMMAND}{TOOL}"
    log = f"[1/3] a\n[2/3] b\n{block}ninja: build stopped: subcommand failed.\n"
    verdict = judged(log, built(silent, stranger, SECOND), ended=Ended(1))
    assert verdict.sentence == (
        "killed-other: cc1plus was killed from outside while compiling b.o: the kernel killed only edges that ran again"
    )
    assert "the kernel counted 1 OOM kill, all of edges that ran again" in texts(verdict)


def test_the_kernels_record_of_a_first_try_is_no_strangers():
    log = f"[2/3] b\nFAILED: b.o \n{COMMAND}{ERROR}ninja: build stopped: subcommand failed.\n"
    assert "Killed 11" not in texts(judged(log, built(FIRST, BROKEN, SECOND), ended=Ended(1)))
    unseen = FIRST._replace(pids=(10,))
    assert "Killed 11" not in texts(judged(log, built(unseen, BROKEN, SECOND), ended=Ended(1)))


def test_what_the_agent_says_is_not_judged():
    log = "arm_ci: error: x.o: memory killed it when it held 300 MB; it runs again alone\n"
    verdict = judged(f"first\n{log}", None, ended=Ended(3))
    assert verdict.sentence == (
        "unknown: the command ended with exit status 3, and nothing says why; its last line: first"
    )


def test_edges_that_ran_again_are_counted_once_each():
    assert ran_again(built(FIRST, FIRST._replace(number=1, attempts=2), SECOND)) == 1
    assert ran_again(None) == 0


# -- an edge that does not fit ------------------------------------------------------------------------------------

LAST = edge(2, "a.o", 6.0, 12.0, 560 * MB, attempts=2, alone=True, pids=(20, 21), exit_status=1)
ALONE = OomRecord("cc1plus", 21, "cgroup", "/job", limit_bytes=600 * MB, anonymous_bytes=570 * MB, text="Killed 21")
STOPPED = Outcome(exit_status=1, stopped="a.o does not fit", seconds=13.0, complete=True)


def test_an_edge_that_was_killed_alone_is_the_culprit_and_the_build_was_ended_for_it():
    log = f"{AGAIN}{TOOL}arm_ci: a.o: memory killed it though it ran alone; the build ends here\n{TOOL}"
    log += "ninja: build stopped: interrupted by user.\n"
    killed = built(FIRST, LAST, kills=2, records=(RECORD, ALONE), does_not_fit="a.o", outcome=STOPPED)
    verdict = judged(log, killed, ended=Ended(143, 15))
    assert verdict.sentence == (
        "oom-kill: cc1plus was killed while compiling a.o though it ran alone: it held 570 MB, the cgroup's limit was "
        "600 MB; the build was ended for it at once"
    )
    assert (verdict.kind, verdict.scope, verdict.confidence) == ("oom-kill", "cgroup", "certain")
    assert (verdict.used_bytes, verdict.had_bytes) == (570 * MB, 600 * MB)
    assert "Killed 21" in texts(verdict)
    assert "nothing else was let in beside a.o" in texts(verdict)
    assert "it held 300 MB when memory killed it before" in texts(verdict)
    assert [each.text for each in verdict.advice][:1] == ["Compile the largest sources with clang."]
    assert not [each.text for each in verdict.advice if "at once" in each.text or "at a time" in each.text]


def test_an_edge_that_stood_still_alone_is_the_culprit_though_no_kernel_killed_it():
    last = LAST._replace(exit_status=None, signal=9)
    ended = built(last, kills=0, records=(), does_not_fit="a.o", outcome=STOPPED)
    ended = ended._replace(admission=ended.admission._replace(stood_still=True))
    verdict = judged("", ended, ended=Ended(143, 15))
    assert verdict.sentence == (
        "oom-kill: cc1plus stood still for want of memory and was ended while compiling a.o though it ran alone: it "
        "held 560 MB, there were 580 MB; the build was ended for it at once"
    )
    assert (verdict.kind, verdict.scope, verdict.confidence) == ("oom-kill", "", "likely")
    assert "nothing else was let in beside a.o" in texts(verdict)


def test_without_the_kernels_log_it_is_likely():
    killed = built(LAST, kills=1, records=(), does_not_fit="a.o", outcome=STOPPED)
    verdict = judged("", killed, ended=Ended(143, 15))
    assert (verdict.kind, verdict.scope, verdict.confidence) == ("oom-kill", "cgroup", "likely")
    assert "though it ran alone: it held 560 MB, the cgroup's limit was 600 MB; the build was" in verdict.sentence


def test_the_kill_of_a_stranger_beside_it_does_not_hide_it():
    stranger = OomRecord("firefox", 999, "system", text="Killed 999")
    killed = built(LAST, kills=2, records=(stranger,), does_not_fit="a.o", outcome=STOPPED)
    verdict = judged("", killed, ended=Ended(143, 15))
    assert (verdict.kind, verdict.confidence, verdict.output) == ("oom-kill", "likely", "a.o")
    assert verdict.had_bytes == 580 * MB


def test_a_compile_error_that_came_before_stands_beside_it():
    log = f"[2/3] b\nFAILED: b.o \n{COMMAND}{ERROR}[3/3] a\nninja: build stopped: interrupted by user.\n"
    killed = built(BROKEN, LAST, records=(ALONE,), does_not_fit="a.o", outcome=STOPPED)
    verdict = judged(log, killed, ended=Ended(143, 15))
    assert (verdict.kind, verdict.output) == ("oom-kill", "a.o")
    assert "another failure (b.o)" in [each.why for each in verdict.evidence]
