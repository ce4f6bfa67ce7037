"""Memory runs out for real, in every way that a worker can meet: what the build says then."""

import re
import subprocess

import pytest
import scarcity
from provoking import MIB, SOURCE, compiling, once, provoke, worker

pytestmark = pytest.mark.integration

NINJA = "local-gcc-bfd-ninja-full"
MAKE = "local-gcc-bfd-make-full"
KILLED = r"Memory cgroup out of memory: Killed process \d+ \({}\) .*"
OF_A_MACHINE = ("zram", "arm_64bit", "64-bit OS", "ulimit", "overcommit")
"""Words of advice that is for another want than that of a cgroup."""


@pytest.fixture(scope="module")
def site(site_for_provocations):
    return site_for_provocations


def check_kill(found, program, doing, limit_mb, alone=False):
    """A kill for a cgroup's limit, with all that shows it; `alone`: of an edge beside which nothing else was let in."""
    output = doing.split()[-1]
    assert found.said() == ("oom-kill", "cgroup", "certain", program, output), found.sentence
    how, end = (" though it ran alone", "; the build was ended for it at once") if alone else ("", "")
    pattern = rf"failed build: oom-kill: {program} was killed while {doing}{how}: it held \d+ MB, "
    assert re.fullmatch(rf"{pattern}the cgroup's limit was {limit_mb} MB{end}", found.sentence), found.sentence
    assert found.verdict["used_bytes"] > 0.6 * limit_mb * MIB
    assert found.verdict["had_bytes"] == limit_mb * MIB
    assert re.fullmatch(KILLED.format(re.escape(program)), found.evidence()["kernel log"])
    assert "Raise the memory limit of cgroup `/arm-ci-scarcity-" in found.advice()
    assert not any(word in found.advice() for word in OF_A_MACHINE)


def test_a_compile_is_killed_for_a_cgroups_limit_without_swap(site):
    with scarcity.memory_cgroup(300 * MIB) as cgroup, worker(site, 0, cgroup.command()):
        found = provoke(site, f"compile-{NINJA}")
    check_kill(found, "cc1plus", f"compiling {SOURCE}", 300, alone=True)
    assert found.report.outcome.stopped == f"{SOURCE} does not fit"
    assert f"nothing else was let in beside {SOURCE}" in [each["text"] for each in found.verdict["evidence"]]
    assert found.advice().startswith("Compile the largest sources with clang.")
    assert "there were 300 MB of the cgroup's limit and no swap" in found.figures()


def test_a_compile_is_killed_when_the_swap_of_its_cgroup_is_full_too(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 128 * MIB),
        scarcity.memory_cgroup(250 * MIB, 64 * MIB) as cgroup,
        worker(site, 1, cgroup.command()),
    ):
        found = provoke(site, f"compile-{MAKE}")
    check_kill(found, "cc1plus", f"compiling {SOURCE}", 250, alone=True)
    assert "there were 250 MB of the cgroup's limit and 64 MB of swap" in found.figures()
    assert max(found.report.samples.column("swapped_out_bytes")) > 32 * MIB


def test_a_link_is_killed_for_a_cgroups_limit_without_swap(site):
    with scarcity.memory_cgroup(250 * MIB) as cgroup, worker(site, 2, cgroup.command()):
        found = provoke(site, f"link-{NINJA}")
    check_kill(found, "ld.bfd", "linking hungry", 250)
    assert found.evidence()["log"] == "collect2: fatal error: ld terminated with signal 9 [Killed]"
    assert found.advice().startswith("Link with lld")
    assert "there were 250 MB of the cgroup's limit and no swap" in found.figures()


def test_a_link_is_killed_when_the_swap_of_its_cgroup_is_full_too(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 128 * MIB),
        scarcity.memory_cgroup(200 * MIB, 64 * MIB) as cgroup,
        worker(site, 3, cgroup.command()),
    ):
        found = provoke(site, f"link-{MAKE}")
    check_kill(found, "ld.bfd", "linking hungry", 200)
    assert "there were 200 MB of the cgroup's limit and 64 MB of swap" in found.figures()
    assert max(found.report.samples.column("swapped_out_bytes")) > 32 * MIB


def test_a_limit_of_addresses_is_no_want_of_ram(site):
    with worker(site, 4, ("prlimit", f"--as={400 * MIB}")):
        found = provoke(site, f"compile-{NINJA}")
    assert found.said() == ("address-space", None, "certain", "cc1plus", SOURCE), found.sentence
    assert re.fullmatch(
        rf"failed build: address-space: cc1plus could not get (memory|[\d,]+ bytes) while compiling {SOURCE}: the "
        r"limit on its address space \(ulimit -v\) was 400 MB",
        found.sentence,
    )
    assert found.verdict["had_bytes"] == 400 * MIB
    assert re.search(r"virtual memory exhausted|out of memory allocating", found.evidence()["log"])
    assert found.evidence()["report"].startswith("the limit on its address space (ulimit -v) was 400 MB, and its ")
    assert found.advice().startswith("Lift the limit of addresses (`ulimit -v unlimited`)")
    assert not any(word in found.advice() for word in ("swap", "zram", "arm_64bit", "cgroup"))


@pytest.mark.machine
def test_a_kernel_that_promises_no_more_is_told_by_its_mode(site):
    with worker(site, 5, scarcity.UNPRIVILEGED), scarcity.strict_commit(450 * MIB) as limit_bytes:
        found = provoke(site, f"compile-{NINJA}")
    assert found.said() == ("overcommit", None, "certain", "cc1plus", SOURCE), found.sentence
    assert re.fullmatch(
        rf"failed build: overcommit: cc1plus could not get (memory|[\d,]+ bytes) while compiling {SOURCE}: the kernel "
        r"promises [\d.]+ GB at most \(vm\.overcommit_memory is 2\)",
        found.sentence,
    )
    assert found.verdict["had_bytes"] == pytest.approx(limit_bytes, rel=0.01)
    assert found.report.limits.overcommit_mode == 2
    assert found.advice().startswith("Set `sysctl vm.overcommit_memory=0`")
    assert not any(word in found.advice() for word in ("zram", "arm_64bit", "ulimit", "cgroup"))


def test_a_compile_that_pages_until_it_is_stopped_is_thrashing(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 1024 * MIB),
        scarcity.memory_cgroup(110 * MIB, 1024 * MIB) as cgroup,
        worker(site, 6, cgroup.command()),
    ):
        found = provoke(site, f"silent-{NINJA}")
    kind, scope, confidence, program, output = found.said()
    assert (kind, scope, program, output) == ("thrashing", "cgroup", "cc1plus", SOURCE), found.sentence
    # Certain where the rest of the machine had to wait as well.
    assert confidence in ("certain", "likely")
    assert re.fullmatch(
        rf"failed build: thrashing: the machine was swapping \(\d+ MB a second\) over {SOURCE} until the build was "
        r"stopped: the cgroup's limit was 110 MB",
        found.sentence,
    )
    assert re.fullmatch(r"\d+ MB a second were swapped in and out over the last \d+ s", found.evidence()["report"])
    assert found.verdict["used_bytes"] > 110 * MIB
    assert found.report.outcome.stopped == "signal 15"
    assert "Raise the memory limit of the cgroup to at least" in found.advice()
    assert not any(word in found.advice() for word in OF_A_MACHINE)
    assert "there were 110 MB of the cgroup's limit, and what is in swap beyond that is slow" in found.figures()


def test_a_victim_that_was_not_of_the_build_is_not_the_builds(site):
    hog = ("sh", "-c", "echo 1000 >/proc/self/oom_score_adj; exec python3 -c 'print(len(bytearray(900 << 20)))'")
    ended = []
    with (
        scarcity.memory_cgroup(500 * MIB) as cgroup,
        worker(site, 7, cgroup.command()) as made,
        once(lambda: compiling(made), lambda _: ended.append(subprocess.run(cgroup.command(*hog), check=False))),
    ):
        found = provoke(site, f"small-{NINJA}")
    assert ended[0].returncode == -9
    assert found.sentence == "build successful"
    assert found.said() == ("ok", None, "certain", None, None)
    (evidence,) = found.verdict["evidence"]
    assert (evidence["source"], evidence["why"]) == (
        "kernel log",
        "the kernel's OOM killer ended a process that is none of the failed edges'",
    )
    assert re.fullmatch(KILLED.format(r"python3\S*"), evidence["text"])
    assert found.verdict["advice"] == []
