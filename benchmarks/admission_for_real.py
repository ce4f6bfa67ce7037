"""Builds the same edges of a real project within a memory limit: plain ninja -j4, -j2, -j1, then with admission.

    python benchmarks/admission_for_real.py BUILD_TREE --targets FILE --memory 925M [--swap 4G] --cores 2

BUILD_TREE is one of CMake's for ninja in which everything that the chosen edges need has been built. The edges are the
outputs in FILE, one a line relative to the tree, or with `--count` the first compile edges of the graph. The agent sees
compilers that are called by name, so the tree is to be configured with

    -DCMAKE_CXX_COMPILE_OBJECT='g++ <DEFINES> <INCLUDES> <FLAGS> -o <OBJECT> -c <SOURCE>'

and the same for C, or under the agent.

Each way begins without the outputs and with an empty page cache, on the same processors. Plain ninja runs in a memory
cgroup of that size; the agent makes one of that size for its command. Both run with `-k 0`, so that all losses are
counted. The swap is a file made for the run, `--swap` the most that a cgroup may have of it; without, it has none.
`learned` is given what `nothing learned` has shown. Memory is anonymous memory in RAM (the page cache always fills the
rest), looked at five times a second in all processes, those of the agent too. Needs root.

Of Mesos 1.1.0 (gcc 12 -g), 28 of 316 sources need more than 925 MB alone. No way without swap builds those, so they do
not belong into FILE for a run without it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from arm_ci.agent.machine.cgroup import Cgroup, CgroupError, make
from arm_ci.agent.peaks import Peaks
from arm_ci.agent.report import Report
from arm_ci.config.scalars import parse_bytes
from arm_ci.plan import archives

PLAIN_JOBS = (4, 2, 1)
OFFERED_JOBS = 8
"""How many edges ninja offers the agent to choose from."""
LOOK_SECONDS = 0.2
GRACE_SECONDS = 30
FIRST, LEARNED = "ours, nothing learned", "ours, learned"
WAYS = (*(f"ninja -j{jobs}" for jobs in PLAIN_JOBS), FIRST, LEARNED)
JOIN = 'echo $$ >"$0" && exec "$@"'
"""For sh: into the cgroup whose cgroup.procs is the first word, then be the rest."""


@dataclass(frozen=True)
class Limits:
    """What each way may have."""

    memory_bytes: int
    swap_bytes: int | None
    """None: the machine has no swap, so that none need be forbidden."""
    cores: int
    seconds: float


@dataclass(frozen=True)
class Tree:
    """What is built."""

    directory: Path
    outputs: tuple[str, ...]

    def remove_outputs(self) -> None:
        """Makes all of them to be built again."""
        for output in self.outputs:
            (self.directory / output).unlink(missing_ok=True)

    def lost(self) -> int:
        """How many are not there."""
        return sum(not (self.directory / output).exists() for output in self.outputs)

    def ninja(self, jobs: int) -> list[str]:
        """The command that builds them, whatever fails."""
        return ["ninja", f"-j{jobs}", "-k", "0", *self.outputs]


@dataclass(frozen=True)
class Outcome:
    """How a way went."""

    way: str
    end: str
    """`yes`, or why it did not finish."""
    lost_edges: int
    oom_kills: int
    wall_seconds: float
    cpu_seconds: float
    memory_bytes: int
    swap_bytes: int

    def line(self) -> str:
        """The table's."""
        return (
            f"{self.way:<22}{self.end:<15}{self.lost_edges:>5}{self.oom_kills:>7}{self.wall_seconds:>8.0f}"
            f"{self.cpu_seconds:>8.0f}{self.memory_bytes / 1e6:>11,.0f}{self.swap_bytes / 1e6:>9,.0f}"
        )


HEAD = f"{'way':<22}{'finished':<15}{'lost':>5}{'kills':>7}{'wall s':>8}{'CPU s':>8}{'memory MB':>11}{'swap MB':>9}"


@dataclass(frozen=True)
class Ours:
    """The agent: its archive, and where its files are."""

    archive: Path
    directory: Path
    python: str

    def report(self, way: str) -> Path:
        """Where a way's report is written."""
        return self.directory / f"report-{WAYS.index(way)}.json"

    def words(self, way: str, limits: Limits) -> list[str]:
        """The agent's command line up to the watched command."""
        words = [self.python, str(self.archive), "run", "--report", str(self.report(way))]
        words += ["--memory", str(limits.memory_bytes)]
        if limits.swap_bytes is not None:
            words += ["--swap", str(limits.swap_bytes)]
        words += ["--cores", str(limits.cores)]
        if way == LEARNED:
            words += ["--peaks", str(self.learned())]
        return [*words, "--"]

    def learned(self) -> Path:
        """What the build with nothing learned has shown, as a file for the agent."""
        path = self.directory / "peaks.json"
        report = Report.from_text(self.report(FIRST).read_text(encoding="utf-8"))
        path.write_text(Peaks().with_report(report).to_text(), encoding="utf-8")
        return path


def pack(directory: Path, python: str) -> Ours:
    """Writes the agent's archive."""
    archive = directory / archives.agent().name
    archive.write_bytes(archives.agent().data)
    return Ours(archive, directory, python)


def choose(directory: Path, targets: Path | None, count: int) -> Tree:
    """The edges of a tree. Raises SystemExit where they cannot be built as is wanted."""
    listed = subprocess.run(["ninja", "-t", "compdb"], cwd=directory, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode:
        raise SystemExit(f"{directory}: no build tree of ninja")
    commands = {each["output"]: each["command"] for each in json.loads(listed.stdout) if each["output"].endswith(".o")}
    outputs = tuple(targets.read_text().split()) if targets else tuple(commands)[:count]
    if not targets and len(outputs) < count:
        raise SystemExit(f"{directory}: {len(outputs)} compile edges, {count} were asked for")
    for output in outputs:
        _check_is_seen(output, commands.get(output), directory)
    tree = Tree(directory, outputs)
    tree.remove_outputs()
    plan = subprocess.run(["ninja", "-nv", *outputs], cwd=directory, stdout=subprocess.PIPE, text=True, check=False)
    planned = {line.partition("] ")[2] for line in plan.stdout.splitlines()}
    # Steps of external projects that run in every build are not meant.
    if plan.returncode or len(planned.intersection(commands.values())) != len(outputs):
        raise SystemExit("something that the chosen edges need has not been built; build the chosen ones once first")
    return tree


def _check_is_seen(output: str, command: str | None, directory: Path) -> None:
    """Raises SystemExit where an output is of no compile edge that the agent can see."""
    if command is None:
        raise SystemExit(f"{output}: no compile edge of {directory}")
    program = Path(shlex.split(command)[0])
    if program.is_absolute() and program.parent.name != "masquerade":
        raise SystemExit(f"{output} is compiled by {program}, which the agent cannot see; see --help")


@contextlib.contextmanager
def swap_file(directory: Path, size_bytes: int) -> Iterator[None]:
    """Swap of this size for as long as it is wanted; none for 0."""
    if not size_bytes:
        yield
        return
    place = directory / "swap"
    with place.open("wb") as file:
        place.chmod(0o600)
        os.posix_fallocate(file.fileno(), 0, size_bytes)
    try:
        subprocess.run(["mkswap", "-q", place], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["swapon", place], check=True)
        try:
            yield
        finally:
            subprocess.run(["swapoff", place], check=True)
    finally:
        place.unlink()


@contextlib.contextmanager
def cgroup() -> Iterator[Cgroup]:
    """A memory cgroup without a limit; whatever still runs in it at the end is killed."""
    made, refusal = make()
    if made is None:
        raise SystemExit(
            f"a memory cgroup of our own is needed, and {refusal}; as root, `systemd-run --scope "
            "--property=Delegate=yes` before the command may help"
        )
    if made.found.version == 2:
        # By this the agent knows that it may make cgroups of its own below.
        os.setxattr(made.found.directory, "trusted.delegate", b"1")
    try:
        yield made
    finally:
        below = [Path(place) for place, _, _ in os.walk(made.found.directory)]
        for place in reversed(below):
            for pid in (place / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            if place != below[0]:
                wait_until_empty(place)
                place.rmdir()
        made.remove()


def wait_until_empty(place: Path) -> None:
    """Waits for killed processes to be gone; not for ever."""
    end = time.monotonic() + 10
    while (place / "cgroup.procs").read_text() and time.monotonic() < end:
        time.sleep(0.05)


def used(place: Cgroup) -> tuple[int, int]:
    """Anonymous memory in RAM, and swap, of all processes in a cgroup and those below it."""
    lines = Path(place.found.directory, "memory.stat").read_text().splitlines()
    fields = {name: int(value) for name, value in (line.split() for line in lines)}
    if place.found.version == 1:
        return fields["total_rss"], fields.get("total_swap", 0)
    swap = Path(place.found.directory, "memory.swap.current")
    return fields["anon"], int(swap.read_text()) if swap.exists() else 0


def run(way: str, tree: Tree, limits: Limits, ours: Ours) -> Outcome:
    """Builds the edges in one way."""
    tree.remove_outputs()
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")
    log = ours.directory / f"log-{WAYS.index(way)}.txt"
    with cgroup() as place, log.open("wb") as output:
        if way in (FIRST, LEARNED):
            command = [*ours.words(way, limits), *tree.ninja(OFFERED_JOBS)]
        else:
            place.limit(limits.memory_bytes, limits.swap_bytes)
            command = tree.ninja(PLAIN_JOBS[WAYS.index(way)])
        processors = ",".join(map(str, sorted(os.sched_getaffinity(0))[: limits.cores]))
        command = ["sh", "-c", JOIN, f"{place.found.directory}/cgroup.procs", "taskset", "-c", processors, *command]
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=tree.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        memory = swap = 0
        stopped = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            memory_now, swap_now = used(place)
            memory, swap = max(memory, memory_now), max(swap, swap_now)
            over_seconds = time.monotonic() - began - limits.seconds
            if over_seconds > 0:
                process.send_signal(signal.SIGKILL if over_seconds > GRACE_SECONDS else signal.SIGTERM)
                stopped = True
            time.sleep(LOOK_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        kills = place.events()[0] or 0
    if way in (FIRST, LEARNED):
        if not ours.report(way).exists():
            raise SystemExit(f"{way}: no report; the agent said: {log.read_text()[-2000:]}")
        kills = Report.from_text(ours.report(way).read_text()).kernel.cgroup_oom_kills or 0
    end = "stopped" if stopped else "yes" if process.returncode == 0 else f"no: status {process.returncode}"
    return Outcome(way, end, tree.lost(), kills, wall, usage.ru_utime + usage.ru_stime, memory, swap)


def peaks_line(report: Path) -> str:
    """What the edges took, by the agent."""
    edges = Report.from_text(report.read_text()).edges
    peaks = [edge.peak_rss_bytes / 1e6 for edge in edges if edge.peak_rss_bytes and not edge.failed]
    if not peaks:
        return "no edge's memory was seen"
    return (
        f"peak RSS of {len(peaks)} edges: least {min(peaks):,.0f}, median {statistics.median(peaks):,.0f}, "
        f"most {max(peaks):,.0f} MB"
    )


def size(text: str) -> int:
    """A size of the command line."""
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a size such as 925M was expected, not `{text}`") from error


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    system_python = "/usr/bin/python3"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, metavar="BUILD_TREE")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--targets", type=Path, metavar="FILE", help="outputs to build, one a line")
    chosen.add_argument("--count", type=int, help="build that many compile edges, the graph's first")
    parser.add_argument("--memory", type=size, required=True, help="such as 925M")
    parser.add_argument("--swap", type=size, default=0, help="such as 4G (none)")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY", help=f"of: {'; '.join(WAYS)}")
    parser.add_argument("--minutes", type=float, default=60, help="a way is stopped after so long (60)")
    parser.add_argument("--python", default=system_python if Path(system_python).exists() else sys.executable)
    parser.add_argument("--directory", type=Path, help="for logs, reports and swap, on a disk (a temporary one)")
    return parser.parse_args(words)


def measure(asked: argparse.Namespace, directory: Path) -> None:
    """Builds in every way and prints the table."""
    tree = choose(asked.tree.resolve(), asked.targets, asked.count)
    ours = pack(directory, asked.python)
    print(f"{len(tree.outputs)} edges, {asked.cores} cores, {asked.memory >> 20} MiB, swap {asked.swap >> 20} MiB")
    print(HEAD, flush=True)
    with swap_file(directory, asked.swap):
        has_swap = len(Path("/proc/swaps").read_text().splitlines()) > 1
        limits = Limits(asked.memory, asked.swap if has_swap else None, asked.cores, asked.minutes * 60)
        for way in asked.ways:
            print(run(way, tree, limits, ours).line(), flush=True)
    for way in (FIRST, LEARNED):
        if way in asked.ways:
            print(f"{way}: {peaks_line(ours.report(way))}")


def main() -> int:
    """Measures what the command line says."""
    asked = parse()
    earlier = asked.directory and (asked.directory / f"report-{WAYS.index(FIRST)}.json").exists()
    if LEARNED in asked.ways and FIRST not in asked.ways and not earlier:
        raise SystemExit(f"`{LEARNED}` learns from `{FIRST}`: name both, or the --directory of a run that had it")
    directory = (asked.directory or Path(tempfile.mkdtemp(prefix="arm-ci-admission-", dir="/var/tmp"))).resolve()
    directory.mkdir(exist_ok=True)
    try:
        measure(asked, directory)
    except CgroupError as error:
        raise SystemExit(str(error)) from error
    finally:
        if not asked.directory:
            shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
