"""An ordinary user's build takes all memory of a machine that gives that user no cgroup and no kernel log.

The kernel has both, and pressure: what is not seen here is not given, where a stock Raspberry Pi does not have it.
"""

import os
import shlex
import sys
from pathlib import Path

import pytest
import virtual_machine

from arm_ci.agent.report import Report
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.plan import archives

pytestmark = [pytest.mark.integration, pytest.mark.guest]

PLACE = "/var/tmp/build"
# Twice of what the machine has, each page of it touched.
EATER = "x = bytearray()\nwhile len(x) < 800 << 20: x += b'x' * (8 << 20)"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"


@pytest.fixture
def machine(tmp_path):
    if why := virtual_machine.missing():
        pytest.skip(why)
    (tmp_path / "kernel").mkdir()
    kernel = virtual_machine.GuestKernel.fetch(tmp_path / "kernel")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "agent").write_bytes(archives.agent().data)
    with virtual_machine.virtual_machine(tmp_path / "machine", kernel, memory_mb=400, shares=[shared]) as running:
        sh(running, f"mkdir {PLACE}; cp {shared / 'agent'} {PLACE}/agent.pyz")
        yield running


def sh(machine, script):
    done = machine.run(f"set -e\n{script}", 300)
    assert done.exit_status == 0, done.output
    return done.output


def test_a_kill_of_a_user_without_a_cgroup_and_without_the_kernel_log_is_likely_and_names_what_would_show_more(machine):
    python = os.path.realpath(sys.executable)
    compiler = f"#!/bin/sh\nexec {python} -c {shlex.quote(EATER)}\n"
    sh(
        machine,
        f"""cd {PLACE}
        printf %s {shlex.quote(compiler)} >g++
        chmod 755 g++
        printf 'a.o:\\n\\tg++ -c a.cpp -o a.o\\n' >Makefile
        chown -R nobody: .
        chmod o+x {shlex.join(map(str, Path(python).parents))}
        echo 1 >/proc/sys/kernel/dmesg_restrict""",
    )
    words = shlex.join([python, f"{PLACE}/agent.pyz", "run", "--report", f"{PLACE}/report.json", "--", "make"])
    done = machine.run(f"cd {PLACE}; PATH={PLACE}:$PATH {NOBODY} {words}", 600)
    report = Report.from_text(sh(machine, f"cat {PLACE}/report.json"))

    assert (report.visibility.cgroup, report.visibility.kernel_log, report.visibility.pressure) == ("", "", True)
    assert [(each.what, each.cure) for each in report.visibility.unseen] == [
        ("memory cgroup of the build alone", "Delegate=yes in the worker's systemd unit"),
        (
            "kernel log",
            "kernel.dmesg_restrict=0 in /etc/sysctl.d, or the worker's user in group adm or systemd-journal",
        ),
    ]
    assert (report.limits.cgroup_version, report.kernel.oom_kills, report.kernel.records) == (2, 1, ())
    assert None not in report.samples.column("pressure_some_seconds")

    scanner = LogScanner()
    scanner.feed(done.output.encode())
    verdict = judge(scanner.finish(), report, (), Ended(exit_status=done.exit_status))
    assert (verdict.kind, verdict.scope, verdict.confidence) == ("oom-kill", "", "likely"), verdict
    assert verdict.output == "a.o"
    assert "the kernel counted 1 OOM kill" in [each.text for each in verdict.evidence]
    assert len(verdict.unseen) == 2
    # The kernel itself knew it all along.
    assert "Out of memory: Killed process" in machine.console()
