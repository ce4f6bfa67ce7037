"""What our configuration costs beside a master.cfg written by hand: `make bench`.

Measures, alternating between the two and as the median of several rounds, the CPU time and peak RSS of `buildbot
checkconfig` and the time until a started master answers. It judges nothing but that: a ratio over 1.25 is exit
status 1.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
MOST = 1.25
"""How many times the cost of the hand-written master.cfg ours may have."""
SIZES = ((10, 9), (100, 9), (1000, 3))
"""Variants, and rounds of each measurement."""
START_SECONDS = 180.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1

# Ten toolchains; with boards and projects they make any multiple of ten.
COMPILERS = ("gcc", "gcc-11", "gcc-12", "clang", "clang-14")
LINKERS = ("bfd", "lld")
BOARDS_PER_PROJECT = 25

TAC = """\
import os
from buildbot.master import BuildMaster
from twisted.application import service
basedir = {basedir!r}
configfile = {master_cfg!r}
# The line below is how Buildbot recognises a master's directory.
application = service.Application('buildmaster')
master = BuildMaster(basedir, configfile, 0o077)
master.setServiceParent(application)
"""

# What somebody who knows Buildbot would write: loops, the same builders, workers, steps, schedulers and pages.
HAND_WRITTEN = """\
from pathlib import Path
from buildbot.plugins import changes, schedulers, steps, util, worker

SECRETS = Path({secrets!r})
PROJECTS = {projects!r}
BOARDS = {boards!r}
COMPILERS = {compilers!r}
LINKERS = {linkers!r}

c = BuildmasterConfig = {{}}
c["title"] = "bench"
c["titleURL"] = c["buildbotURL"] = "http://localhost:{web}/"
c["buildbotNetUsageData"] = None
c["db"] = {{"db_url": "sqlite:///state.sqlite"}}
c["protocols"] = {{"pb": {{"port": "tcp:{pb}:interface=127.0.0.1"}}}}
c["www"] = {{
    "port": "tcp:{web}:interface=127.0.0.1",
    "plugins": {{"waterfall_view": {{}}, "console_view": {{}}, "grid_view": {{}}}},
}}
c["workers"] = [
    worker.Worker(
        board,
        (SECRETS / f"worker-{{board}}").read_text().strip(),
        max_builds=1,
        keepalive_interval=60,
        properties={{"board": board}},
    )
    for board in BOARDS
]
c["projects"] = []
c["builders"] = []
c["schedulers"] = []
c["change_source"] = []


def factory(project, board, compiler, linker):
    options = ["-DCMAKE_C_COMPILER=" + compiler, "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=" + linker]
    f = util.BuildFactory()
    f.addStep(steps.ShellCommand(name="check", command=["which", compiler], logEnviron=False))
    f.addStep(steps.Git(repourl="https://example.org/" + project + ".git", mode="incremental", workdir="source"))
    f.addStep(steps.ShellCommand(name="patch", command=["git", "apply", "x.patch"], workdir="source", logEnviron=False))
    f.addStep(steps.ShellCommand(name="prerequisites", command=["dpkg", "-s", "cmake"], logEnviron=False))
    f.addStep(steps.Configure(command=["cmake", "-G", "Ninja", *options, "../source"], logEnviron=False))
    f.addStep(steps.Compile(command=["ninja", "-j4", "all"], logEnviron=False))
    f.addStep(steps.Test(command=["ctest", "--output-on-failure"], logEnviron=False))
    f.addStep(steps.FileUpload(workersrc="hungry", masterdest=util.Interpolate("artefacts/%(prop:buildnumber)s")))
    f.addStep(steps.ShellCommand(name="summary", command=["du", "-sh", "."], logEnviron=False))
    return f


for project, boards in PROJECTS.items():
    c["projects"].append(util.Project(name=project, slug=project))
    names = []
    for board in boards:
        for compiler in COMPILERS:
            for linker in LINKERS:
                name = "-".join((project, board, compiler, linker, "ninja", "full"))
                names.append(name)
                c["builders"].append(
                    util.BuilderConfig(
                        name=name,
                        project=project,
                        workernames=[board],
                        factory=factory(project, board, compiler, linker),
                        tags=[project, board, compiler, linker, "ninja", "debug-full", "commit"],
                        description=f"{{project}} on {{board}} with {{compiler}} and {{linker}}",
                    )
                )
    c["schedulers"].append(
        schedulers.ForceScheduler(
            name="force-" + project,
            buttonName="Force",
            builderNames=names,
            codebases=[
                util.CodebaseParameter(
                    "",
                    name="main",
                    branch=util.StringParameter("branch", default="main"),
                    patch=util.PatchParameter(body=util.TextParameter("body")),
                )
            ],
            properties=[util.StringParameter("targets", default=""), util.IntParameter("jobs", default=0)],
        )
    )
    c["schedulers"].append(
        schedulers.AnyBranchScheduler(
            name="commit-" + project,
            builderNames=names,
            treeStableTimer=2,
            change_filter=util.ChangeFilter(project=project, branch=["main"]),
        )
    )
    c["change_source"].append(
        changes.GitPoller(
            "https://example.org/" + project + ".git",
            branches=["main"],
            project=project,
            pollInterval=300,
            pollAtLaunch=True,
            workdir="commits/" + project,
        )
    )
"""


@dataclass(frozen=True)
class Contender:
    """A master that is measured: its directory, its master.cfg, what its environment needs."""

    basedir: Path
    master_cfg: Path
    web_port: int
    environment: dict[str, str]


@dataclass(frozen=True)
class Check:
    """One run of `buildbot checkconfig`."""

    cpu_seconds: float
    peak_rss_bytes: int


def projects_and_boards(variants: int) -> dict[str, list[str]]:
    """Projects and the boards of each, for a multiple of ten variants."""
    boards, rest = divmod(variants, len(COMPILERS) * len(LINKERS))
    if rest or not boards:
        raise ValueError(f"{variants} variants: a multiple of ten is expected")
    projects = {}
    for index, first in enumerate(range(0, boards, BOARDS_PER_PROJECT)):
        count = min(BOARDS_PER_PROJECT, boards - first)
        projects[f"project{index}"] = [f"board{number}" for number in range(count)]
    return projects


def compiler(name: str) -> dict[str, str]:
    """What toolchains.yaml says of `gcc` or `gcc-12`."""
    family, _, version = name.partition("-")
    return {"family": family, "version": version} if version else {"family": family}


def write_ours(directory: Path, projects: dict[str, list[str]], web_port: int, pb_port: int) -> None:
    """A site directory with these projects; YAML is a superset of JSON."""
    boards = max(projects.values(), key=len)
    board = {"architecture": "arm64", "cores": 4, "memory": "925M", "swap": "12G", "os": "debian-12"}
    files = {
        "site": {
            "title": "bench",
            "web": {"port": web_port},
            "workers": {"port": pb_port},
            "state": "../state",
            "secrets": "../state/secrets",
        },
        "boards": dict.fromkeys(boards, board),
        "workers": {name: {"board": name} for name in boards},
        "toolchains": {
            "compilers": {name: compiler(name) for name in COMPILERS},
            "linkers": {
                name: {"program": f"ld.{name}", "selection": "fuse-ld", "compilers": {"gcc": "", "clang": ""}}
                for name in LINKERS
            },
        },
        "projects": {
            name: {
                "repository": f"https://example.org/{name}.git",
                "branches": ["main"],
                "cmake": {"tests": [{"name": "all", "kind": "ctest"}], "artefacts": ["hungry"]},
                "matrix": {
                    "boards": its_boards,
                    "compilers": list(COMPILERS),
                    "linkers": list(LINKERS),
                    "generators": ["ninja"],
                    "tiers": {"commit": [{}]},
                },
            }
            for name, its_boards in projects.items()
        },
    }
    directory.mkdir()
    for name, content in files.items():
        # One entry a line, as in a file that a person would read.
        text = json.dumps(content, indent=1)
        (directory / f"{name}.yaml").write_text(text + "\n", encoding="utf-8")


def free_ports(count: int) -> list[int]:
    """TCP ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def write_passwords(directory: Path, boards: Sequence[str]) -> None:
    """A secret file for each worker, readable by its owner only."""
    directory.mkdir(parents=True, mode=0o700)
    for board in boards:
        path = directory / f"worker-{board}"
        path.touch(mode=0o600)
        path.write_text(f"password-of-{board}\n", encoding="ascii")


def contenders(directory: Path, variants: int) -> tuple[Contender, Contender]:
    """Ours and the hand-written one, with the same builders, each with a database made ready."""
    projects = projects_and_boards(variants)
    boards = max(projects.values(), key=len)
    ports = free_ports(4)
    made = []
    for index, name in enumerate(("ours", "hand")):
        home = directory / name
        basedir = home / "state"
        write_passwords(basedir / "secrets", boards)
        web_port, pb_port = ports[2 * index : 2 * index + 2]
        environment = dict(os.environ)
        if name == "ours":
            write_ours(home / "site", projects, web_port, pb_port)
            environment["ARM_CI_SITE"] = str(home / "site")
            master_cfg = ROOT / "master.cfg"
        else:
            master_cfg = home / "master.cfg"
            text = HAND_WRITTEN.format(
                secrets=str(basedir / "secrets"),
                projects=projects,
                boards=boards,
                compilers=COMPILERS,
                linkers=LINKERS,
                web=web_port,
                pb=pb_port,
            )
            master_cfg.write_text(text, encoding="utf-8")
        tac = TAC.format(basedir=str(basedir), master_cfg=str(master_cfg))
        (basedir / "buildbot.tac").write_text(tac, encoding="utf-8")
        contender = Contender(basedir, master_cfg, web_port, environment)
        run_quietly(contender, "upgrade-master", "--quiet", str(basedir))
        made.append(contender)
    return made[0], made[1]


def spawn(contender: Contender, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts buildbot with its words going to a file of the contender's."""
    with (contender.basedir.parent / "output.txt").open("wb") as output:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "buildbot"), *arguments],
            env=contender.environment,
            cwd=contender.basedir,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def fail(contender: Contender, what: str) -> SystemExit:
    """The error that ends the measurement, with what Buildbot said."""
    said = (contender.basedir.parent / "output.txt").read_text(encoding="utf-8", errors="replace")
    return SystemExit(f"bench: {what}\n{said[-4000:]}")


def run_quietly(contender: Contender, *arguments: str) -> Check:
    """Runs buildbot to its end and returns what it took."""
    process = spawn(contender, *arguments)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise fail(contender, f"buildbot {arguments[0]} failed with {contender.master_cfg}")
    return Check(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def check(contender: Contender) -> Check:
    """One `buildbot checkconfig`."""
    return run_quietly(contender, "checkconfig", str(contender.master_cfg))


def is_running(contender: Contender) -> bool:
    """Does the web server answer that this master is active? Buildbot says so at the very end of its start."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{contender.web_port}/api/v2/masters", timeout=10) as answer:
            return any(master["active"] for master in json.load(answer)["masters"])
    except (OSError, urllib.error.URLError, ValueError):
        return False


def builders_of(contender: Contender) -> int:
    """How many builders the running master has."""
    with urllib.request.urlopen(f"http://127.0.0.1:{contender.web_port}/api/v2/builders", timeout=60) as answer:
        return int(json.load(answer)["meta"]["total"])


def start(contender: Contender, variants: int) -> float:
    """Seconds from starting the master until it answers; stops it afterwards."""
    began = time.monotonic()
    process = spawn(contender, "start", "--nodaemon", str(contender.basedir))
    try:
        while not is_running(contender):
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise fail(contender, f"the master with {contender.master_cfg} did not come up")
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - began
        if (found := builders_of(contender)) != variants:
            raise fail(contender, f"{found} builders instead of {variants} with {contender.master_cfg}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return seconds


def alternate(rounds: int, ours: Callable[[], T], hand: Callable[[], T]) -> tuple[list[T], list[T]]:
    """Measures both in turn, so that a change of the machine's mood meets both."""
    measured: tuple[list[T], list[T]] = ([], [])
    for _ in range(rounds):
        measured[0].append(ours())
        measured[1].append(hand())
    return measured


def row(variants: int, what: str, ours: float, hand: float, unit: str) -> bool:
    """Prints one line of the table; True when ours is cheap enough."""
    ratio = ours / hand
    good = ratio <= MOST
    verdict = f"at most {MOST}" if good else f"more than {MOST}"
    print(f"{variants:>8}  {what:<24}{ours:>9.2f} {unit:<2}{hand:>9.2f} {unit:<2}{ratio:>7.2f}  {verdict}", flush=True)
    return good


def measure(variants: int, rounds: int) -> bool:
    """Measures one size and prints its lines; True when every ratio is small enough."""
    with tempfile.TemporaryDirectory(prefix="arm-ci-bench-") as directory:
        ours, hand = contenders(Path(directory), variants)
        # Not counted: byte code is compiled, and the database learns the builders.
        alternate(1, lambda: check(ours), lambda: check(hand))
        alternate(1, lambda: start(ours, variants), lambda: start(hand, variants))
        checks = alternate(rounds, lambda: check(ours), lambda: check(hand))
        starts = alternate(rounds, lambda: start(ours, variants), lambda: start(hand, variants))
    cpu = [statistics.median(each.cpu_seconds for each in side) for side in checks]
    peak = [statistics.median(each.peak_rss_bytes for each in side) / 1e6 for side in checks]
    wall = [statistics.median(side) for side in starts]
    return all(
        (
            row(variants, "checkconfig, CPU", cpu[0], cpu[1], "s"),
            row(variants, "checkconfig, peak RSS", peak[0], peak[1], "MB"),
            row(variants, "start to running", wall[0], wall[1], "s"),
        )
    )


def main() -> int:
    """Measures every size; 0 when ours is cheap enough everywhere, else 1."""
    sizes = "; ".join(f"{variants} variants: {rounds} rounds" for variants, rounds in SIZES)
    print(f"ours beside a hand-written master.cfg, median of alternating rounds ({sizes})")
    print(f"{'variants':>8}  {'':<24}{'ours':>12}{'hand':>12}{'ratio':>7}  verdict", flush=True)
    good = [measure(variants, rounds) for variants, rounds in SIZES]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
