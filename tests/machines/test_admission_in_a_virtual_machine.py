"""Admission where cgroups are of version 2 and the kernel tells of pressure, and where there is neither: in a machine.

The compiler is a program that holds as much memory as it is told for a while, so that the virtual machine is quick.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import virtual_machine
from agent_in_a_machine import PLACE, AgentInAMachine

from arm_ci.agent.report import Report

pytestmark = [pytest.mark.integration, pytest.mark.guest]

MIB = 1 << 20
NAMES = "abcdef"
COMPILER = f"""#!{{python}} -IS
import sys, time
data = bytearray({60 * MIB})
while time.process_time() < 3:
    for at in range(0, len(data), 4096):
        data[at] = (data[at] + 1) & 255
open(sys.argv[-1], "w").write("built")
"""
OBJECTS = " ".join(f"{name}.o" for name in NAMES)
MAKEFILE = f".PHONY: all\nall: {OBJECTS}\n%.o:\n\tg++ -c $*.cpp -o $@\n"


class Guest(AgentInAMachine):
    """One with a build of six compiles."""

    def __init__(self, machine: virtual_machine.VirtualMachine, shared: Path) -> None:
        compiler = COMPILER.format(python=os.path.realpath(sys.executable))
        super().__init__(machine, shared, {"bin/g++": compiler}, MAKEFILE)

    def know(self, need_bytes: int) -> None:
        """What earlier builds are said to have shown of each edge."""
        known = {"fingerprint": "g++", "kind": "compile", "need_bytes": need_bytes, "seconds": 3.0}
        learned = {"schema": 1, "toolchain": "", "edges": [{"output": f"{name}.o", **known} for name in NAMES]}
        self.sh(f"printf %s {shlex.quote(json.dumps(learned))} > {PLACE}/peaks.json; rm -f {PLACE}/built/*.o")

    def build(self, *options: str) -> tuple[Report, str]:
        """All of it, with what is known; the report and what was said."""
        report, done = self.run((*options, "--cores", "6", "--peaks", f"{PLACE}/peaks.json"), "make", "-j6")
        assert done.exit_status == 0, done.output
        assert self.sh(f"cd {PLACE}/built; ls *.o").split() == OBJECTS.split()
        return report, done.output


@pytest.fixture(scope="module")
def guest(tmp_path_factory, kernel) -> Iterator[Guest]:
    directory = tmp_path_factory.mktemp("guest")
    with virtual_machine.virtual_machine(
        directory / "machine", kernel, memory_mb=512, swap_mb=512, cores=2, shares=[directory]
    ) as machine:
        yield Guest(machine, directory)


def test_a_cgroup_of_version_2_is_the_budget_and_nothing_is_killed(guest):
    guest.know(66 * MIB)
    report, _ = guest.build("--memory", str(200 * MIB), "--swap", "0")
    assert report.visibility.cgroup == "own cgroup (v2)"
    assert 120 * MIB < report.admission.budget_bytes < 200 * MIB
    assert report.admission.swap_bytes == 0
    assert report.kernel.cgroup_oom_kills == 0
    assert [edge.attempts for edge in report.edges] == [1] * len(NAMES)
    assert sum(edge.waited_seconds > 0 for edge in report.edges) >= len(NAMES) - 2


def test_what_memory_killed_there_runs_again_alone(guest):
    guest.know(1 * MIB)
    report, said = guest.build("--memory", str(200 * MIB), "--swap", "0")
    again = [edge for edge in report.edges if edge.run_again]
    assert again
    assert report.kernel.cgroup_oom_kills == len(again)
    for edge in again:
        assert f"arm_ci: {edge.output}: memory killed it when it held " in said


def test_pressure_stops_the_newest_for_a_while(guest):
    guest.know(1 * MIB)
    report, said = guest.build("--memory", str(150 * MIB), "--swap", str(400 * MIB))
    assert report.visibility.pressure
    assert report.admission.suspensions >= 1
    held = [edge for edge in report.edges if edge.suspended_seconds]
    assert held
    assert f"arm_ci: {held[0].output}: suspended for a while, the machine pages too much" in said
    assert report.kernel.cgroup_oom_kills == 0


def test_a_stock_raspberry_pi_has_the_same_without_cgroup_and_pressure(tmp_path, kernel):
    blind = "cgroup_disable=memory psi=0"
    with virtual_machine.virtual_machine(
        tmp_path / "machine", kernel, memory_mb=400, words=blind, cores=2, shares=[tmp_path]
    ) as machine:
        guest = Guest(machine, tmp_path)
        guest.know(66 * MIB)
        report, _ = guest.build()
        assert (report.visibility.cgroup, report.visibility.pressure, report.kernel.oom_kills) == ("", False, 0)
        assert sum(edge.waited_seconds > 0 for edge in report.edges) >= 1
        guest.know(1 * MIB)
        report, _ = guest.build()
        again = [edge for edge in report.edges if edge.run_again]
        assert report.kernel.oom_kills == len(again)
