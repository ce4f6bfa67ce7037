"""A whole machine runs out of memory for real: a worker in a virtual machine of 512 MB, and what the build says then.

Here are version 2 of cgroups and pressure as well, and with two words on the kernel's command line and an ordinary
user nothing of it, as on a stock Raspberry Pi.
"""

import re
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import virtual_machine
from connecting import RUNNER
from provoking import MIB, SOURCE, Provoked, make_site

pytestmark = [pytest.mark.integration, pytest.mark.guest]

VARIANT = "compile-local-gcc-bfd-ninja-full"
DIRECTORY = "/var/tmp/worker"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
KILLED = r"Out of memory: Killed process \d+ \(cc1plus\) .*"


@pytest.fixture(scope="module")
def site(tmp_path_factory, kernel):
    site = make_site(tmp_path_factory.mktemp("site"))
    yield site
    site.arm_ci("stop")


@contextmanager
def machine_with_worker(site, number, kernel, before="", **settings):
    """A machine in which a worker of the site runs; `before` are words that start it in their turn."""
    sources = site.state / "sources"
    sources.mkdir(exist_ok=True)
    directory = site.directory / f"machine-{number}"
    with virtual_machine.virtual_machine(directory, kernel, shares=[sources], **settings) as machine:
        name = f"pc-{number}"
        password = (site.state / "secrets" / f"worker-{name}").read_text().strip()
        create = [*RUNNER, "create-worker", "--keepalive=5", "--maxdelay=1", DIRECTORY]
        create += [f"{virtual_machine.HOST_ADDRESS}:{site.worker_port}", name, "PASSWORD"]
        start = [*RUNNER, "start", "--nodaemon", DIRECTORY]
        readable = [*Path(sys.executable).resolve().parents, *sources.parents]
        done = machine.run(
            f"""set -e
            chmod o+x {shlex.join(map(str, readable))}
            git config --system --add safe.directory '*'
            {shlex.join(create)}
            sed -i s/PASSWORD/{password}/ {DIRECTORY}/buildbot.tac
            chown -R nobody: {DIRECTORY}
            # Else the kernel drops the compiler's own pages and reads them again for half an hour before it kills.
            echo y >/sys/kernel/mm/lru_gen/enabled
            echo 1000 >/sys/kernel/mm/lru_gen/min_ttl_ms
            cd {DIRECTORY}
            HOME={DIRECTORY} {before} {shlex.join(start)} >/dev/null 2>&1 &
            """
        )
        assert done.exit_status == 0, done.output
        yield machine


def provoke(site, variant):
    """Builds a variant with one edge at a time, with the patience that a machine without KVM needs."""
    site.arm_ci("force", "--variant", variant, "--jobs", "1", "--wait", timeout=1800)
    return Provoked(site, site.last_build(variant))


def test_a_machine_without_swap_kills_the_compiler(site, kernel):
    with machine_with_worker(site, 0, kernel) as machine:
        found = provoke(site, VARIANT)
        assert re.search(KILLED, machine.console())
    assert found.said() == ("oom-kill", "system", "certain", "cc1plus", SOURCE), found.sentence
    assert re.fullmatch(KILLED, found.evidence()["kernel log"])
    assert found.report.visibility.cgroup == "own cgroup (v2)"
    assert found.report.visibility.pressure
    assert found.report.kernel.oom_kills == 1
    assert found.report.kernel.cgroup_limit_hits == 0
    assert 400 * MIB < found.report.limits.memory_bytes < 512 * MIB
    assert "swap" in found.advice()


def test_a_machine_with_swap_uses_that_up_first(site, kernel):
    with machine_with_worker(site, 1, kernel, swap_mb=64, zram_mb=32):
        found = provoke(site, VARIANT)
    assert found.said() == ("oom-kill", "system", "certain", "cc1plus", SOURCE), found.sentence
    limits = found.report.limits
    assert (limits.swap_bytes >> 20, limits.zram_bytes >> 20) == (95, 31)
    assert max(value or 0 for value in found.report.samples.column("swap_used_bytes")) > 48 * MIB
    assert max(value or 0 for value in found.report.samples.column("pressure_some_seconds")) > 0


def test_an_ordinary_user_of_a_blind_kernel_sees_the_kill_in_a_counter(site, kernel):
    words = "cgroup_disable=memory psi=0"
    with machine_with_worker(site, 2, kernel, before=NOBODY, words=words) as machine:
        machine.run("sysctl -w kernel.dmesg_restrict=1")
        found = provoke(site, VARIANT)
    kind, scope, confidence, program, output = found.said()
    assert (kind, program, output) == ("oom-kill", "cc1plus", SOURCE), found.sentence
    assert scope in ("system", None)
    assert confidence in ("certain", "likely")
    assert found.report.kernel.oom_kills == 1
    unseen = {each.what: each.cure for each in found.report.visibility.unseen}
    assert any("cgroup_enable=memory" in cure for cure in unseen.values()), unseen
    assert any("psi=1" in cure for cure in unseen.values()), unseen
    assert found.report.visibility.kernel_log == ""
