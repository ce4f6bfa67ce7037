"""With a report: whose memory ran out, which limit refused, or that it was not memory at all."""

from dataclasses import replace

import pytest
from judged import judged, said
from made_up import GB, LINK, MB, edge, flat, link, report

from arm_ci.agent.report import Edge, How, Kernel, Limits, OomRecord, Outcome, Unseen
from arm_ci.diagnosis.judging.judge import Ended

KILLED_LOG = (
    "g++ -g -c x.cpp -o x.o\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
    "make: *** [Makefile:5: x.o] Error 1\n"
)
BFD_LOG = (
    "g++ -o bin/app main.o libapp.a\n/usr/bin/ld: final link failed: memory exhausted\n"
    "collect2: error: ld returned 1 exit status\nmake: *** [Makefile:5: bin/app] Error 1\n"
)
GOLD_LOG = (
    "g++ -fuse-ld=gold -o bin/app main.o libapp.a\n/usr/bin/ld.gold: fatal error: bin/app: mmap: failed to allocate "
    "1073749752 bytes for output file: Cannot allocate memory\ncollect2: error: ld returned 1 exit status\n"
    "make: *** [Makefile:5: bin/app] Error 1\n"
)
COMPILE = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=1, pids=(41, 42))
RAM = Limits(memory_bytes=925 * MB)
RUNNING = edge(1, "x.o", 10.0, None, 700 * MB)


# -- kills ------------------------------------------------------------------------------------------------------


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


# -- refusals ---------------------------------------------------------------------------------------------------


def test_a_limit_on_the_address_space_near_the_peak_is_certain():
    limits = replace_limits(RAM, rlimit_as_bytes=1200 * MB)
    gold = link(200 * MB, "ld.gold", peak_virtual_bytes=300 * MB, argv=("g++", "-fuse-ld=gold", *LINK[1:]))
    verdict = judged(GOLD_LOG, report((gold,), limits))
    assert verdict.sentence == (
        "address-space: ld.gold could not get 1,073,749,752 bytes while linking bin/app: the limit on its address "
        "space (ulimit -v) was 1.2 GB"
    )
    assert (verdict.confidence, verdict.bytes, verdict.used_bytes, verdict.had_bytes) == (
        "certain",
        1073749752,
        300 * MB,
        1200 * MB,
    )


def test_a_limit_far_above_the_peak_explains_nothing():
    limits = replace_limits(RAM, rlimit_as_bytes=64 * GB)
    verdict = judged(BFD_LOG, report((link(500 * MB),), limits))
    assert (verdict.kind, verdict.confidence) == ("alloc-failed", "likely")
    assert verdict.sentence == (
        "alloc-failed: ld could not get memory while linking bin/app: no limit that the report shows explains it"
    )


def test_the_top_of_a_32_bit_address_space_is_a_limit():
    limits = Limits(memory_bytes=925 * MB, address_bits=32, address_top_bytes=2 * GB)
    verdict = judged(BFD_LOG, report((link(600 * MB, peak_virtual_bytes=1900 * MB),), limits))
    assert verdict.sentence == (
        "address-space: ld could not get memory while linking bin/app: the address space of a 32-bit program was 2.0 GB"
    )
    assert verdict.confidence == "certain"


def test_the_addresses_that_an_emulator_takes_for_itself_are_not_the_linkers():
    limits = Limits(memory_bytes=925 * MB, address_bits=32, address_top_bytes=0xFFFF_0000)
    verdict = judged(BFD_LOG, report((link(600 * MB, peak_virtual_bytes=4584640512, address_bits=32),), limits))
    assert (verdict.kind, verdict.confidence, verdict.used_bytes) == ("address-space", "likely", None)
    assert verdict.evidence[-1].text == "the address space of a 32-bit program was 4.0 GB"
    assert not any("had or asked for" in each.because for each in verdict.advice)


def test_a_request_that_is_near_the_limit_alone_is_certain_whatever_was_seen_before():
    limits = Limits(memory_bytes=925 * MB, address_bits=32, address_top_bytes=0xFFFF_0000)
    log = GOLD_LOG.replace("1073749752", "3800008592")
    verdict = judged(log, report((link(20 * MB, "ld.gold"),), limits))
    assert (verdict.kind, verdict.confidence, verdict.bytes) == ("address-space", "certain", 3800008592)


def test_strict_accounting_near_its_limit_is_overcommit():
    limits = Limits(memory_bytes=925 * MB, overcommit_mode=2, commit_limit_bytes=GB, committed_bytes=300 * MB)
    verdict = judged(
        BFD_LOG, report((link(600 * MB),), limits, samples=flat(60, committed_bytes=(300 * MB, 1000 * MB)))
    )
    assert verdict.sentence == (
        "overcommit: ld could not get memory while linking bin/app: the kernel promises 1.0 GB at most "
        "(vm.overcommit_memory is 2)"
    )
    assert (verdict.confidence, verdict.had_bytes, verdict.used_bytes) == ("certain", GB, 1000 * MB)


def test_one_request_of_more_than_there_is_is_overcommit():
    verdict = judged(GOLD_LOG, report((link(200 * MB),), RAM))
    assert (verdict.kind, verdict.confidence) == ("overcommit", "likely")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (
            "collect2: fatal error: ld terminated with signal 11 [Segmentation fault]\ncompilation terminated.\n",
            "address-space",
        ),
        (
            "/usr/bin/ld: error while loading shared libraries: libz.so.1: failed to map segment from shared object\n"
            "collect2: error: ld returned 127 exit status\n",
            "address-space",
        ),
    ],
)
def test_under_a_tiny_limit_a_crash_and_a_loaders_failure_are_the_limits(words, kind):
    log = f"g++ -o bin/app main.o\n{words}make: *** [Makefile:5: bin/app] Error 1\n"
    tiny = report((link(10 * MB, peak_virtual_bytes=None),), replace_limits(RAM, rlimit_as_bytes=16 * MB))
    assert judged(log, tiny).kind == kind
    assert judged(log, report((link(10 * MB),), RAM)).kind != kind


def test_a_compilers_crash_under_a_tiny_limit_says_the_limit():
    log = (
        "g++: internal compiler error: Segmentation fault signal terminated program cc1plus\nmake: *** [x.o] Error 4\n"
    )
    tiny = report((edge(1, "x.o", 0.0, 0.1, 5 * MB, exit_status=4),), replace_limits(RAM, rlimit_as_bytes=14 * MB))
    verdict = judged(log, tiny)
    assert verdict.sentence == (
        "address-space: cc1plus failed while compiling x.o: the limit on its address space (ulimit -v) was 14 MB"
    )


def replace_limits(limits: Limits, **more: object) -> Limits:
    return limits._replace(**more)


# -- disks ------------------------------------------------------------------------------------------------------

BUS_LOG = "x.cpp:1:1: internal compiler error: Bus error\nmake: *** [Makefile:5: x.o] Error 1\n"


def test_a_compilers_bus_error_on_a_full_disk_is_the_disk():
    full = report((COMPILE,), RAM, samples=flat(30, free_disk_bytes=(GB, 0.0)))
    assert judged(BUS_LOG, full).sentence == (
        "disk-full: cc1plus could not write x.o: it ended by SIGBUS, and the disk was full"
    )
    assert judged(BUS_LOG, report((COMPILE,), RAM, samples=flat(30, free_disk_bytes=8.0 * GB))).kind == "compiler-crash"


def test_a_linkers_bus_error_with_room_on_every_disk_is_a_crash():
    log = (
        "g++ -fuse-ld=lld -o bin/app a.o\ncollect2: fatal error: ld terminated with signal 7 [Bus error]\n"
        "make: *** [bin/app] Error 1\n"
    )
    room = flat(60, free_disk_bytes=8.0 * GB, free_temporary_bytes=8.0 * GB)
    assert judged(log, report((link(100 * MB),), RAM, samples=room)).kind == "compiler-crash"
    assert judged(log, report((link(100 * MB),), RAM)).kind == "disk-full"


def test_the_free_space_is_evidence():
    log = "g++ -o bin/app a.o\n/usr/bin/ld: final link failed: No space left on device\nmake: *** [bin/app] Error 1\n"
    verdict = judged(log, report((link(100 * MB),), RAM, samples=flat(60, free_disk_bytes=(GB, 12.0 * MB))))
    assert "12 MB were free in the build's directory at least" in [each.text for each in verdict.evidence]


# -- ends -------------------------------------------------------------------------------------------------------


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
    blind = report((COMPILE,), RAM, how=How(unseen=(Unseen("memory cgroup", "no controller", "cgroup_enable=memory"),)))
    assert judged(KILLED_LOG, blind).unseen == ("memory cgroup: no controller (cgroup_enable=memory would show it)",)


def test_the_verdict_carries_advice():
    assert replace(judged(KILLED_LOG, report((COMPILE,), RAM)), advice=()).advice == ()
    assert judged(KILLED_LOG, report((COMPILE,), RAM)).advice
