"""The agent where cgroups are of version 2, and where nothing of the kernel is to be seen: a virtual machine has both.

systemd does not run in it; a program of ours stands for `systemd-run`, and makes the delegated scope that it would.
"""

import os
import sys
from pathlib import Path

import pytest
import virtual_machine
from agent_in_a_machine import PLACE, AgentInAMachine

from arm_ci.agent.report import Report

pytestmark = [pytest.mark.integration, pytest.mark.guest]

EAT = 'x = b"x" * (200 << 20)'
# As systemd does it for a scope with Delegate=yes: a cgroup of the caller's own, and the mark of it.
SYSTEMD_RUN = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
scope=/sys/fs/cgroup/system.slice/run-$$.scope
mkdir -p $scope
setfattr -n trusted.delegate -v 1 $scope 2>/dev/null ||
    python3 -c "import os; os.setxattr('$scope', 'trusted.delegate', b'1')"
echo +memory > /sys/fs/cgroup/system.slice/cgroup.subtree_control
echo $$ > $scope/cgroup.procs
exec "$@"
"""


class Guest(AgentInAMachine):
    """One whose compiler eats memory, where an ordinary user may build."""

    def __init__(self, machine: virtual_machine.VirtualMachine, shared: Path) -> None:
        python = os.path.realpath(sys.executable)
        eater = f"#!/bin/sh\nexec {python} -c '{EAT}'\n"
        programs = {"bin/g++": eater, "systemd-run": SYSTEMD_RUN}
        super().__init__(machine, shared, programs, "a.o:\n\tg++ -c a.cpp -o a.o\n")
        self.sh(f"chmod o+x {' '.join(map(str, Path(python).parents))}; chown -R nobody: {PLACE}")

    def make(self, *options: str, before: str = "", path: str = "") -> Report:
        """Runs make under the agent; `before` are shell words in front of it."""
        return self.run(options, "make", before=before, path=path)[0]


@pytest.fixture(scope="module")
def guest(tmp_path_factory, kernel):
    directory = tmp_path_factory.mktemp("guest")
    with virtual_machine.virtual_machine(directory / "machine", kernel, shares=[directory]) as machine:
        yield Guest(machine, directory)


LIMIT = ("--memory", str(100 << 20), "--swap", "0")


def check_kill(report: Report, how: str) -> None:
    assert report.visibility.cgroup == how
    assert report.limits.cgroup_version == 2
    assert report.limits.cgroup_limit_bytes == 100 << 20
    (edge,) = report.edges
    assert (edge.output, edge.signal) == ("a.o", 9)
    assert report.kernel.cgroup_oom_kills == 1
    assert report.kernel.cgroup_limit_hits >= 1
    if report.visibility.kernel_log:
        (record,) = report.kernel.records
        assert record.cgroup == report.visibility.cgroup_path
        assert record.pid in edge.pids


def test_root_has_a_cgroup_of_version_2(guest):
    report = guest.make(*LIMIT)
    check_kill(report, "own cgroup (v2)")
    assert report.visibility.pressure
    assert report.visibility.kernel_log == "kmsg"
    assert guest.sh("find /sys/fs/cgroup -name 'arm_ci-*'") == ""


def test_a_user_with_a_delegated_cgroup_has_its_own_in_there(guest):
    guest.sh("mkdir /sys/fs/cgroup/given; chown -R nobody /sys/fs/cgroup/given")
    # The worker of the second build is where the first one put it.
    before = "sh -c 'cd /sys/fs/cgroup/given; test -d arm_ci-rest && cd arm_ci-rest; echo $$ > cgroup.procs; "
    before += f'cd {PLACE}/built; exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"\' -'
    for _ in range(2):
        report = guest.make(*LIMIT, before=before)
        check_kill(report, "own cgroup (v2)")
        assert report.visibility.cgroup_path.startswith("/given/arm_ci-")
    assert guest.sh("find /sys/fs/cgroup -name 'arm_ci-*'").split() == ["/sys/fs/cgroup/given/arm_ci-rest"]


def test_where_systemd_keeps_the_cgroups_it_is_asked_for_a_scope(guest):
    guest.sh("mkdir -p /run/systemd/system /sys/fs/cgroup/system.slice/worker.service /var/tmp/systemd")
    guest.sh("echo +memory > /sys/fs/cgroup/system.slice/cgroup.subtree_control")
    guest.sh(f"cp {PLACE}/systemd-run /var/tmp/systemd")
    before = "sh -c 'echo $$ > /sys/fs/cgroup/system.slice/worker.service/cgroup.procs; exec \"$@\"' -"
    refused = guest.make(before=before)
    assert refused.visibility.cgroup == ""
    own = next(each for each in refused.visibility.unseen if each.what == "memory cgroup of the build alone")
    assert own.why.startswith("/sys/fs/cgroup/system.slice/worker.service is not delegated to this user; systemd-run: ")
    assert own.cure == "Delegate=yes in the worker's systemd unit"
    report = guest.make(*LIMIT, before=before, path="/var/tmp/systemd:")
    check_kill(report, "systemd scope (v2)")
    assert ".scope/arm_ci-" in report.visibility.cgroup_path


def test_a_stock_raspberry_pi_and_an_ordinary_user_see_edges_and_hear_what_is_not_seen(tmp_path, kernel):
    blind = "cgroup_disable=memory psi=0"
    with virtual_machine.virtual_machine(tmp_path / "machine", kernel, words=blind, shares=[tmp_path]) as machine:
        guest = Guest(machine, tmp_path)
        guest.sh("sysctl -q kernel.dmesg_restrict=1 || echo 1 > /proc/sys/kernel/dmesg_restrict")
        report = guest.make(before="setpriv --reuid=65534 --regid=65534 --clear-groups")
    (edge,) = report.edges
    assert (edge.output, edge.exit_status) == ("a.o", 0)
    assert edge.peak_rss_bytes > 200 << 20
    assert (report.visibility.cgroup, report.visibility.kernel_log, report.visibility.pressure) == ("", "", False)
    assert [(each.what, each.cure) for each in report.visibility.unseen] == [
        ("memory cgroup of the build alone", "cgroup_enable=memory cgroup_memory=1 in cmdline.txt"),
        (
            "kernel log",
            "kernel.dmesg_restrict=0 in /etc/sysctl.d, or the worker's user in group adm or systemd-journal",
        ),
        ("memory pressure", "psi=1 in cmdline.txt"),
    ]
    assert report.kernel.oom_kills == 0
    assert report.kernel.cgroup_oom_kills is None
