"""A full disk is told from a crash by the free space that was seen."""

from judged import judged
from made_up import GB, MB, edge, flat, link, report

from arm_ci.agent.report import Limits

COMPILE = edge(1, "x.o", 0.0, 30.0, 700 * MB, exit_status=1, pids=(41, 42))
RAM = Limits(memory_bytes=925 * MB)


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
