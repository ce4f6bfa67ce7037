"""A build that memory would kill fits: real compilers in a limited cgroup, started by make, a sub-build and ninja."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from agent_runs import Agent

from arm_ci.agent.machine.cgroup import make
from arm_ci.agent.peaks import Learned, Peaks

pytestmark = pytest.mark.real

SOURCE = Path(__file__).parents[2] / "samples" / "hungry" / "src" / "feed.cpp.in"
TABLES = 16
"""Makes a source that takes some 150 MB, of which 25 are pages of files."""
LIMIT_BYTES = 240 << 20
LIMIT = ("--memory", str(LIMIT_BYTES), "--swap", "0")
MANY = 4
PATIENCE_SECONDS = 20
# As autoconf's: it tries a compiler, then writes a makefile from its template.
CONFIGURE = """#!/bin/sh
echo 'int main() { return 0; }' >conftest.cpp
${CXX:-g++} conftest.cpp -o conftest || exit 77
rm -f conftest conftest.cpp
sed "s/@CXX@/${CXX:-g++}/" Makefile.in >Makefile
"""
OBJECTS = " ".join(f"feed_{number}.o" for number in range(MANY))
RULES = f"all: libfeeds.a\n%.o: %.cpp\n\t@CXX@ -g -c $< -o $@\nlibfeeds.a: {OBJECTS}\n\tar rcs $@ $^\n"
# The objects are made by a sub-build with its own configure, started by the makefile above it.
TOP = """all: program
sub/Makefile:
\tcd sub && ./configure
sub/libfeeds.a: sub/Makefile
\t$(MAKE) -C sub
program: main.o sub/libfeeds.a
\tg++ -g $^ -o $@
main.o: main.cpp
\tg++ -g -c $< -o $@
"""
NINJA = """rule cxx
  command = g++ -g -c $in -o $out
rule link
  command = g++ -g $in -o $out
"""


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made, refusal = make()
    if made is None:
        pytest.skip(f"no memory cgroup can be made here: {refusal}")
    made.remove()
    found = Agent(tmp_path)
    text = SOURCE.read_text().replace("@HUNGRY_TABLES@", str(TABLES))
    for number in range(MANY):
        found.write(f"sub/feed_{number}.cpp", text.replace("@HUNGRY_INDEX@", str(number)))
    declared = "".join(f"long feed_{number}(long);\n" for number in range(MANY))
    calls = " + ".join(f"feed_{number}(1)" for number in range(MANY))
    found.write("main.cpp", f"{declared}int main() {{ return {calls} > 0 ? 0 : 1; }}\n")
    found.write("sub/configure", CONFIGURE, 0o755)
    found.write("sub/Makefile.in", RULES)
    found.write("Makefile", TOP)
    rules = "".join(f"build sub/feed_{n}.o: cxx sub/feed_{n}.cpp\n" for n in range(MANY))
    objects = " ".join(f"sub/feed_{n}.o" for n in range(MANY))
    found.write("build.ninja", f"{NINJA}build main.o: cxx main.cpp\n{rules}build program: link main.o {objects}\n")
    return found


def clean(agent: Agent) -> None:
    for path in [*agent.work.rglob("*.o"), *agent.work.rglob("*.a")]:
        path.unlink()
    for name in ("program", "sub/Makefile", ".ninja_log"):
        (agent.work / name).unlink(missing_ok=True)


@pytest.mark.parametrize("command", [("make", "-j6"), ("ninja", "-j6")])
def test_a_build_that_dies_of_its_jobs_fits_and_the_next_one_kills_nothing(agent: Agent, command) -> None:
    # It dies, or reads its file pages again and again for so long that it had better be dead.
    plain = agent.start(*command, options=LIMIT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        plain.communicate(timeout=PATIENCE_SECONDS)
    plain.terminate()
    plain.communicate(timeout=PATIENCE_SECONDS)
    assert plain.returncode != 0
    report = agent.report()
    held = max(value or 0 for value in report.samples.column("edges_bytes"))
    assert report.kernel.cgroup_oom_kills or held > 0.75 * LIMIT_BYTES

    clean(agent)
    first = agent.run(*command, options=(*LIMIT, "--cores", "4"))
    assert first.returncode == 0, first.stdout + first.stderr
    report = agent.report()
    assert (report.admission.cores, report.admission.does_not_fit) == (4, "")
    assert 0.6 * LIMIT_BYTES < report.admission.budget_bytes < LIMIT_BYTES
    feeds = [edge for edge in report.edges if "feed_" in edge.output and edge.kind == "compile"]
    assert {edge.expected_by for edge in feeds} <= {"default", "similar", "history"}
    assert sum(edge.waited_seconds > 0 or edge.suspended_seconds > 0 for edge in feeds) >= MANY - 2
    assert subprocess.run([agent.work / "program"], check=False).returncode == 0

    peaks = agent.directory / "peaks.json"
    peaks.write_text(Peaks().with_report(report).to_text())
    clean(agent)
    second = agent.run(*command, options=(*LIMIT, "--cores", "4", "--peaks", str(peaks)))
    assert second.returncode == 0, second.stdout + second.stderr
    report = agent.report()
    assert (report.admission.learned, report.kernel.cgroup_oom_kills) == (MANY + (3 if command[0] == "make" else 2), 0)
    assert {edge.expected_by for edge in report.edges if edge.expected_by} == {"history"}
    assert all(edge.attempts == 1 for edge in report.edges)


def test_what_memory_killed_runs_again_alone_and_the_build_is_well(agent: Agent) -> None:
    # Learned from a build in which each took next to nothing: all start at once, and are killed.
    peaks = agent.directory / "peaks.json"
    agent.run("ninja", "-j1", options=("--cores", "1"))
    learned = Peaks().with_report(agent.report())
    too_low = [edge._replace(need_bytes=10 << 20) for edge in learned.edges]
    peaks.write_text(Peaks("", tuple(too_low)).to_text())
    clean(agent)
    done = agent.run("ninja", "-j6", options=(*LIMIT, "--cores", "4", "--peaks", str(peaks)))
    assert done.returncode == 0, done.stdout + done.stderr
    report = agent.report()
    again = [edge for edge in report.edges if edge.run_again]
    assert again
    assert {edge.run_again for edge in again} == {"oom-kill"}
    for first in again:
        tries = [edge for edge in report.edges if edge.output == first.output]
        assert [edge.attempts for edge in tries] == list(range(1, len(tries) + 1))
        assert (tries[-1].exit_status, tries[-1].alone) == (0, True)
    sentence = r"^arm_ci: (\S+): memory killed it when it held \d+ MB; it runs again alone$"
    said = re.findall(sentence, done.stdout.decode(), re.MULTILINE)
    assert sorted(said) == sorted(edge.output for edge in again)
    assert subprocess.run([agent.work / "program"], check=False).returncode == 0


def test_what_does_not_fit_alone_ends_the_build_at_once(agent: Agent) -> None:
    done = agent.run("ninja", "-j6", "-k0", options=("--memory", str(90 << 20), "--swap", "0", "--cores", "4"))
    assert done.returncode != 0
    report = agent.report()
    assert report.admission.does_not_fit.startswith("sub/feed_")
    assert report.outcome.stopped == f"{report.admission.does_not_fit} does not fit"
    last = [edge for edge in report.edges if edge.output == report.admission.does_not_fit][-1]
    assert all(edge.start_seconds <= last.start_seconds for edge in report.edges)
    line = f"arm_ci: {report.admission.does_not_fit}: memory killed it though it ran alone; the build ends here\n"
    assert line.encode() in done.stdout


def test_an_unreadable_file_of_peaks_is_said_and_harms_nothing(agent: Agent) -> None:
    peaks = agent.write("peaks.json", "{")
    done = agent.run("true", options=("--cores", "1", "--peaks", str(peaks)))
    assert done.returncode == 0
    assert done.stderr.decode().startswith(f"agent: nothing is known of earlier builds: {peaks}: not JSON: ")
    assert os.path.exists(agent.report_path)


# Takes 150 MB in steps, and says when it has each of them.
GROWS = """#!/usr/bin/python3 -IS
import sys, time
held = []
for _ in range(30):
    held.append(b"x" * (5 << 20))
    time.sleep(0.1)
open(sys.argv[-1], "w").write("built")
"""


def test_what_does_not_fit_beside_the_other_runs_in_part_until_the_other_has_ended(agent, tmp_path):
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text(GROWS)
    compiler.chmod(0o755)
    agent.environment["PATH"] = f"{compiler.parent}:{agent.environment['PATH']}"
    agent.write("Makefile", ".PHONY: all\nall: one.o two.o\n%.o:\n\tg++ -c $*.cpp -o $@\n")
    known = [Learned(f"{name}.o", "g++", "compile", 160 << 20, 3.0) for name in ("one", "two")]
    peaks = tmp_path / "peaks.json"
    peaks.write_text(Peaks("", tuple(known)).to_text())
    options = ("--memory", str(300 << 20), "--swap", "0", "--cores", "2", "--peaks", str(peaks))
    done = agent.run("make", "-j2", options=options)
    assert done.returncode == 0, done.stdout + done.stderr
    report = agent.report()
    assert report.kernel.cgroup_oom_kills == 0
    first, second = report.edges
    assert (first.partial_start, first.suspended_seconds, second.partial_start) == (False, 0.0, True)
    assert second.start_seconds < first.end_seconds
    assert second.suspended_seconds > 0
    assert (report.admission.partial_starts, report.admission.partial_start_suspensions > 0) == (1, True)
