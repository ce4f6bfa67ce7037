"""Memory runs out for real, in every way that a worker can meet: what the build says then."""

import os
import re

import pytest
import scarcity
from provoking import MIB, SOURCE, make_site, provoke, worker

pytestmark = pytest.mark.integration

NINJA = "local-gcc-bfd-ninja-full"
MAKE = "local-gcc-bfd-make-full"
KILLED = r"Memory cgroup out of memory: Killed process \d+ \({}\) .*"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    scarcity.need_root()
    site = make_site(tmp_path_factory.mktemp("site"))
    yield site
    site.arm_ci("stop")


def test_a_compile_is_killed_for_a_cgroups_limit_without_swap(site):
    with scarcity.memory_cgroup(300 * MIB) as cgroup, worker(site, 0, cgroup.command()):
        found = provoke(site, f"compile-{NINJA}")
    assert found.said() == ("oom-kill", "cgroup", "certain", "cc1plus", SOURCE)


def test_a_compile_is_killed_when_the_swap_of_its_cgroup_is_full_too(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 128 * MIB),
        scarcity.memory_cgroup(250 * MIB, 64 * MIB) as cgroup,
        worker(site, 1, cgroup.command()),
    ):
        found = provoke(site, f"compile-{MAKE}")
    assert found.said() == ("oom-kill", "cgroup", "certain", "cc1plus", SOURCE)


def test_a_link_is_killed_for_a_cgroups_limit_without_swap(site):
    with scarcity.memory_cgroup(250 * MIB) as cgroup, worker(site, 2, cgroup.command()):
        found = provoke(site, f"link-{NINJA}")
    assert found.said() == ("oom-kill", "cgroup", "certain", "ld.bfd", "hungry")


def test_a_link_is_killed_when_the_swap_of_its_cgroup_is_full_too(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 128 * MIB),
        scarcity.memory_cgroup(200 * MIB, 64 * MIB) as cgroup,
        worker(site, 3, cgroup.command()),
    ):
        found = provoke(site, f"link-{MAKE}")
    assert found.said() == ("oom-kill", "cgroup", "certain", "ld.bfd", "hungry")


def test_a_limit_of_addresses_is_no_want_of_ram(site):
    limit = 400 * MIB
    with worker(site, 4, ("prlimit", f"--as={limit}")):
        found = provoke(site, f"compile-{NINJA}")
    assert found.said() == ("address-space", None, "certain", "cc1plus", SOURCE)
    assert found.verdict["had_bytes"] == limit
    assert "ulimit -v" in found.advice()
    assert "swap" not in found.advice()


@pytest.mark.machine
def test_a_kernel_that_promises_no_more_is_told_by_its_mode(site):
    with worker(site, 5, scarcity.UNPRIVILEGED), scarcity.strict_commit(450 * MIB):
        found = provoke(site, f"compile-{NINJA}")
    kind, scope, _, program, output = found.said()
    assert (kind, scope, program, output) == ("overcommit", None, "cc1plus", SOURCE)
    assert found.report.limits.overcommit_mode == 2
    assert "vm.overcommit_memory" in found.advice()


def test_a_compile_that_pages_until_it_is_stopped_is_thrashing(site, tmp_path):
    with (
        scarcity.swap_file(tmp_path, 1024 * MIB),
        scarcity.memory_cgroup(110 * MIB, 1024 * MIB) as cgroup,
        worker(site, 6, cgroup.command()),
    ):
        found = provoke(site, f"silent-{NINJA}")
    kind, _, _, _, output = found.said()
    assert (kind, output) == ("thrashing", SOURCE), found.sentence
    assert found.report.outcome.stopped == "signal 15"


def test_a_victim_that_was_not_of_the_build_is_not_the_builds(site):
    hog = "x = bytearray(900 << 20); print(len(x))"
    with scarcity.memory_cgroup(500 * MIB) as cgroup, worker(site, 7):
        made = os.spawnvp(os.P_NOWAIT, "sh", cgroup.command("sh", "-c", f"exec python3 -c '{hog}'"))
        found = provoke(site, f"small-{NINJA}")
        assert os.WTERMSIG(os.waitpid(made, 0)[1]) == 9
    assert found.sentence == "build successful"
    assert found.verdict["kind"] == "ok"
