"""What watching costs: a real build, plain and under the agent in turn, and the memory of all of the agent's processes.

    python benchmarks/agent_cost.py                                  samples/hungry with 300 sources
    python benchmarks/agent_cost.py SOURCE [--target T]... [-D X=Y]  any project that CMake and ninja build
    python benchmarks/agent_cost.py --admission ...                  with admission, where memory is plentiful

Both builds have a tree of their own, configured the same way, and are cleaned and built again every round: at the same
time, each on one half of the processors, which they change every round, so that whatever else runs on the machine
meets both. Seconds are those of the processor for the build tool and all that it started (getrusage(2)), and those of
the clock. A last build with four edges at once is watched for the memory: the agent's and its launchers' PSS, summed
(proc(5), smaps_rollup).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arm_ci.agent.report import Report
from arm_ci.plan import archives

ROOT = Path(__file__).resolve().parent.parent
HUNGRY = ROOT / "samples" / "hungry"
HUNGRY_OPTIONS = ("HUNGRY_SOURCES=300", "HUNGRY_COMPILE_MB=300", "HUNGRY_LINK_MB=100")
LEAST_EDGES = 300
MOST_PERCENT = 1.0
MOST_PERCENT_WITH_ADMISSION = 2.0
WAITING = 6
"""With admission so many more edges than may run are started, and wait in front of it."""
MOST_PSS_BYTES = 25_000_000
EDGES_AT_ONCE = 4
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Cost:
    """What one build took."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Project:
    """What is built, and how."""

    source: Path
    options: tuple[str, ...]
    targets: tuple[str, ...]
    generator: str
    python: str

    def configure(self, tree: Path, agent: Sequence[str]) -> None:
        """Configures a tree, under the agent where one is given."""
        options = [f"-D{option}" for option in self.options]
        self.quietly([*agent, "cmake", "-G", self.generator, *options, "-S", str(self.source), "-B", str(tree)])

    def clean(self, tree: Path) -> None:
        """Removes what was built."""
        self.quietly(["cmake", "--build", str(tree), "--target", "clean"])

    def command(self, tree: Path, agent: Sequence[str], jobs: int) -> list[str]:
        """The command that builds a tree."""
        targets = [word for target in self.targets for word in ("--target", target)]
        return ["nice", *agent, "cmake", "--build", str(tree), "--parallel", str(jobs), *targets]

    def build(self, tree: Path, agent: Sequence[str], processors: set[int], costs: list[Cost]) -> None:
        """Builds a clean tree on these processors, and adds what it took."""
        began = time.monotonic()
        jobs = len(processors) + (WAITING if "--cores" in agent else 0)
        command = ["taskset", "-c", ",".join(map(str, processors)), *self.command(tree, agent, jobs)]
        with (tree / "build.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == 0:
            costs.append(Cost(time.monotonic() - began, used.ru_utime + used.ru_stime))

    @staticmethod
    def quietly(command: Sequence[str]) -> None:
        """Runs a command that must not fail."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise SystemExit(done.stdout.decode(errors="replace")[-4000:])


def agent_command(directory: Path, python: str, cores: int) -> tuple[list[str], Path]:
    """The agent's command line up to the watched command, and where its report goes; `cores` 0: no admission."""
    archive = directory / archives.agent().name
    archive.write_bytes(archives.agent().data)
    report = directory / "report.json"
    admission = ["--cores", str(cores)] if cores else []
    return [python, str(archive), "run", "--report", str(report), *admission, "--"], report


def pss_bytes(pid: int) -> int:
    """The proportional set size of a process; 0 for one that is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def agents_processes(root: int) -> list[int]:
    """The agent and its launchers: below `root`, what runs Python as they do."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
        if words[1:2] == [b"-IS"]:
            found.append(pid)
    return found


def measure_memory(project: Project, tree: Path, agent: Sequence[str]) -> list[int]:
    """Builds once more with four edges at once; the summed PSS at each moment when there were four."""
    found = []
    command = project.command(tree, agent, EDGES_AT_ONCE)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as build:
        while build.poll() is None:
            processes = agents_processes(build.pid)
            if len(processes) == 1 + EDGES_AT_ONCE:
                found.append(sum(map(pss_bytes, processes)))
            time.sleep(LOOK_SECONDS)
    return found


def line(what: str, plain: float, watched: float, most_percent: float) -> bool:
    """Prints a line of the table, in seconds; whether the cost is within its limit."""
    percent = (watched / plain - 1) * 100
    good = percent <= most_percent
    words = "at most" if good else "more than"
    print(f"{what:<22}{plain:>10.1f} s{watched:>10.1f} s{percent:>+8.2f} %  {words} {most_percent:.0f} %")
    return good


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    system_python = "/usr/bin/python3"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="a project's source tree; without: samples/hungry")
    parser.add_argument("--target", action="append", default=[], help="what to build (all)")
    parser.add_argument("-D", dest="options", action="append", default=[], metavar="X=Y", help="an option for cmake")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--admission", action="store_true", help="the agent decides which edges start")
    parser.add_argument("--python", default=system_python if Path(system_python).exists() else sys.executable)
    parser.add_argument("--directory", type=Path, help="where to build (a temporary directory)")
    return parser.parse_args(words)


def measure(project: Project, directory: Path, rounds: int, admission: bool) -> bool:
    """Measures, prints, and says whether all is within its limits."""
    processors = sorted(os.sched_getaffinity(0))
    half = len(processors) // 2
    if not half:
        raise SystemExit("two processors are needed")
    agent, report_path = agent_command(directory, project.python, half if admission else 0)
    trees = {"plain": directory / "plain", "agent": directory / "agent"}
    with_agent: dict[str, list[str]] = {"plain": [], "agent": agent}
    for side, tree in trees.items():
        project.configure(tree, with_agent[side])
    halves = [set(processors[:half]), set(processors[half : 2 * half])]
    costs: dict[str, list[Cost]] = {"plain": [], "agent": []}
    for number in range(rounds):
        build_both(project, trees, with_agent, halves, costs)
        halves.reverse()
        for side, made in costs.items():
            if len(made) <= number:
                raise SystemExit(f"the build failed; its log is {trees[side] / 'build.log'}")
            print(
                f"round {number + 1}, {side}: {made[-1].cpu_seconds:.1f} CPU s, {made[-1].wall_seconds:.1f} s",
                flush=True,
            )
    edges = len(Report.from_text(report_path.read_text()).edges)
    print(f"\n{edges} edges, {half} at once, medians of {rounds} rounds")
    print(f"{'':<22}{'plain':>12}{'agent':>12}{'cost':>10}")
    goods = [edges >= LEAST_EDGES]
    for what, key in (("processor", "cpu_seconds"), ("clock", "wall_seconds")):
        plain, watched = (statistics.median(getattr(cost, key) for cost in costs[side]) for side in ("plain", "agent"))
        goods.append(line(what, plain, watched, MOST_PERCENT_WITH_ADMISSION if admission else MOST_PERCENT))
    return all(goods) and (admission or memory_is_good(project, trees["agent"], agent))


def build_both(
    project: Project,
    trees: Mapping[str, Path],
    with_agent: Mapping[str, list[str]],
    halves: Sequence[set[int]],
    costs: Mapping[str, list[Cost]],
) -> None:
    """Builds both trees at the same time, each on its half of the processors, and adds what it cost."""
    for tree in trees.values():
        project.clean(tree)
    threads = [
        threading.Thread(target=project.build, args=(trees[side], with_agent[side], on, costs[side]))
        for side, on in zip(trees, halves, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory_is_good(project: Project, tree: Path, agent: list[str]) -> bool:
    """Measures what agent and launchers hold, prints it, and says whether it is within its limit."""
    project.clean(tree)
    memory = measure_memory(project, tree, agent)
    if not memory:
        print(f"PSS: there were never {EDGES_AT_ONCE} edges at once")
        return False
    middle, most = statistics.median(memory) / 1e6, max(memory) / 1e6
    good = max(memory) <= MOST_PSS_BYTES
    words = "at most" if good else "more than"
    limit = MOST_PSS_BYTES / 1e6
    print(f"PSS, {EDGES_AT_ONCE} edges running: median {middle:.1f} MB, most {most:.1f} MB  {words} {limit:.0f} MB")
    return good


def main() -> int:
    """Measures what the command line says; 0 when all is within its limits."""
    asked = parse()
    # ninja does not build the sample without its patch.
    generator = "Ninja" if asked.source else "Unix Makefiles"
    options = tuple(asked.options) if asked.source else (*HUNGRY_OPTIONS, *asked.options)
    project = Project(asked.source or HUNGRY, options, tuple(asked.target), generator, asked.python)
    directory = asked.directory or Path(tempfile.mkdtemp(prefix="arm-ci-cost-"))
    directory.mkdir(exist_ok=True)
    try:
        return 0 if measure(project, directory.resolve(), asked.rounds, asked.admission) else 1
    finally:
        if not asked.directory:
            shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
