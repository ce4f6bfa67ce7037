"""With a report: which limit refused memory."""

import pytest
from judged import judged
from made_up import GB, LINK, MB, edge, flat, link, report

from arm_ci.agent.report import Limits

BFD_LOG = (
    "g++ -o bin/app main.o libapp.a\n/usr/bin/ld: final link failed: memory exhausted\n"
    "collect2: error: ld returned 1 exit status\nmake: *** [Makefile:5: bin/app] Error 1\n"
)
GOLD_LOG = (
    "g++ -fuse-ld=gold -o bin/app main.o libapp.a\n/usr/bin/ld.gold: fatal error: bin/app: mmap: failed to allocate "
    "1073749752 bytes for output file: Cannot allocate memory\ncollect2: error: ld returned 1 exit status\n"
    "make: *** [Makefile:5: bin/app] Error 1\n"
)
RAM = Limits(memory_bytes=925 * MB)


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
