# ruff: noqa: T201  (a program for a terminal)
"""Builds in which edges, waiting launchers and the agent itself are killed at random: none hangs, none lies.

As a program, which prints a line for each build, and findings where something was not as it must be:
    PYTHONPATH=.:tests python tests/integration/killed_edges.py DIRECTORY [--builds 20] [--seed 1]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waiting import limit, wait_for

from arm_ci.agent.machine.leftovers import MARK
from arm_ci.agent.peaks import Peaks
from arm_ci.agent.report import Report
from arm_ci.plan import archives

SAMPLE = Path(__file__).parents[2] / "samples" / "hungry"
DIALS = ("-DHUNGRY_SOURCES=4", "-DHUNGRY_COMPILE_MB=120", "-DHUNGRY_LINK_MB=60")
MEMORY_BYTES = 260 << 20
"""Not enough for two of them at their peaks."""
LONGEST_SECONDS = 180
GONE_SECONDS = 30
VICTIMS = ("compiler", "compiler", "waiting launcher", "running launcher", "agent")


@dataclass
class Ended:
    """How one build ended."""

    status: int
    seconds: float
    killed: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    tries: int = 0
    """How many edges ran again."""
    stops: int = 0
    """How often edges were suspended for a while."""


class Builds:
    """One build tree, configured under the agent, and built from nothing again and again."""

    def __init__(self, directory: Path, generator: str = "Ninja") -> None:
        self.directory = directory
        self.tree = directory / "build"
        self.prepared = directory / "prepared"
        self.report = directory / "report.json"
        self.peaks = directory / "peaks.json"
        self.agent = directory / archives.agent().name
        directory.mkdir(parents=True, exist_ok=True)
        self.agent.write_bytes(archives.agent().data)
        source = directory / "source"
        if not source.exists():
            shutil.copytree(SAMPLE, source)
        self.tool = ["ninja", "-j8"] if generator == "Ninja" else ["make", "-j8"]
        self.generator = generator
        self.outputs: dict[str, str] = {}
        self.clean_seconds = 3.0

    def words(self, *options: str) -> list[str]:
        return [sys.executable, str(self.agent), "run", "--report", str(self.report), *options, "--"]

    def environment(self, mark: str) -> dict[str, str]:
        return {**os.environ, MARK: mark, "LC_ALL": "C"}

    def prepare(self) -> None:
        """A configured tree with the sub-project built, and nothing else: the first one, and later copies of it."""
        shutil.rmtree(self.tree, ignore_errors=True)
        if self.prepared.exists():
            shutil.copytree(self.prepared, self.tree, symlinks=True)
            return
        self.tree.mkdir()
        configure = ["cmake", "-G", self.generator, *DIALS, str(self.directory / "source")]
        # ninja does not know the archive of the external sub-project: so it is built first, by name.
        for command in (configure, [self.tool[0], "ledger"]):
            subprocess.run(self.words() + command, cwd=self.tree, check=True, capture_output=True)
        shutil.copytree(self.tree, self.prepared, symlinks=True)

    def clean(self) -> dict[str, str]:
        """Builds without any kill; what it made. What its edges took the killed builds know."""
        self.prepare()
        began = time.monotonic()
        subprocess.run(self.words("--cores", "2") + self.tool, cwd=self.tree, check=True, capture_output=True)
        self.clean_seconds = time.monotonic() - began
        self.peaks.write_text(Peaks().with_report(Report.from_text(self.report.read_text())).to_text())
        self.outputs = self.made()
        assert "hungry" in self.outputs
        return self.outputs

    def made(self) -> dict[str, str]:
        """Objects, archives and the program: name -> digest."""
        files = [path for path in self.tree.rglob("*") if path.suffix in (".o", ".a") or path.name == "hungry"]
        return {
            str(path.relative_to(self.tree)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.is_file()
        }

    def killed(self, chance: random.Random, victims: tuple[str, ...] = VICTIMS, kills: int = 3) -> Ended:
        """One build from nothing, with some kills at random moments of random victims."""
        self.prepare()
        mark = f"killed-edges-{os.getpid()}-{chance.randrange(1 << 30)}"
        limits = ("--memory", str(MEMORY_BYTES), "--swap", "0", "--cores", "2", "--peaks", str(self.peaks))
        began = time.monotonic()
        process = subprocess.Popen(
            self.words(*limits) + self.tool,
            cwd=self.tree,
            env=self.environment(mark),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ended = Ended(0, 0.0)
        moments = sorted(began + chance.uniform(0.3, self.clean_seconds) for _ in range(chance.randint(1, kills)))
        for moment in moments:
            while process.poll() is None and time.monotonic() < moment:
                time.sleep(0.01)
            victim = chance.choice(victims)
            pid = self.find(process.pid, victim, chance) if process.poll() is None else None
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    ended.killed.append(victim)
        try:
            process.wait(limit(LONGEST_SECONDS))
        except subprocess.TimeoutExpired:
            ended.findings.append(f"it hangs: {LONGEST_SECONDS} s")
            process.kill()
            process.wait()
        ended.status, ended.seconds = process.returncode, time.monotonic() - began
        self.judge(ended, mark)
        return ended

    def find(self, agent: int, victim: str, chance: random.Random) -> int | None:
        """A process of the build that is such a victim."""
        if victim == "agent":
            return agent
        launchers = [pid for pid, words in below(agent) if any("/masquerade/" in word for word in words[:4])]
        running = [pid for pid in launchers if list(below(pid))]
        if victim == "waiting launcher":
            found = [pid for pid in launchers if pid not in running]
        elif victim == "running launcher":
            found = running
        else:
            found = [pid for launcher in running for pid, _ in below(launcher)]
        return chance.choice(found) if found else None

    def judge(self, ended: Ended, mark: str) -> None:
        """What must be so however it ended."""
        try:
            wait_for(lambda: not list(marked(mark)), limit_seconds=GONE_SECONDS)
        except AssertionError:
            left = list(marked(mark))
            ended.findings.append(f"still runs: {left}")
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        made = self.made()
        if ended.status == 0 and made != self.outputs:
            different = [name for name in self.outputs if made.get(name) != self.outputs[name]]
            ended.findings.append(f"it says that it is well, and these are not as in a clean build: {different}")
        if ended.status == 0 and "agent" in ended.killed:
            ended.findings.append("the agent was killed, and the build says that it is well")
        if ended.status != 0 and not ended.killed:
            ended.findings.append(f"exit status {ended.status} without a kill")
        if self.report.exists() and ended.status >= 0:
            report = Report.from_text(self.report.read_text())
            ended.tries = sum(bool(edge.run_again) for edge in report.edges)
            ended.stops = report.admission.partial_start_suspensions


def below(pid: int) -> Iterator[tuple[int, list[str]]]:
    """Process ids and command lines of all that a process started."""
    for child in children(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        yield child, words
        yield from below(child)


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def marked(mark: str) -> Iterator[int]:
    """Processes of the build, by their environment; zombies have none."""
    wanted = f"{MARK}={mark}".encode()
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    yield int(place.name)
            except OSError:
                continue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--builds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generator", default="Ninja", choices=["Ninja", "Unix Makefiles"])
    asked = parser.parse_args()
    builds = Builds(asked.directory.resolve(), asked.generator)
    builds.clean()
    chance = random.Random(asked.seed)
    findings = stops = 0
    for number in range(asked.builds):
        ended = builds.killed(chance)
        findings += len(ended.findings)
        stops += ended.stops
        words = "; ".join(ended.findings) or "as it must be"
        killed = ", ".join(ended.killed) or "nothing"
        print(f"{number:>3} status {ended.status:>4} {ended.seconds:5.1f} s, killed: {killed}: {words}", flush=True)
    print(f"{asked.builds} builds, {findings} findings; edges were suspended for a while {stops} times")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
