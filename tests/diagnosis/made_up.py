"""Reports and verdicts for the tests of advice, pictures and pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arm_ci.agent.report import Edge, Kernel, Limits, OomRecord, Outcome, Report, Samples, Unseen, Visibility
from arm_ci.diagnosis.advice.advise import advice
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.verdict import Advice, Evidence, Verdict

MB = 1 << 20
GB = 1 << 30

COMPILE = ("g++", "-g", "-c", "x.cpp", "-o", "x.o")
LINK = ("g++", "-o", "bin/app", "main.o", "libapp.a")


def edge(number: int, output: str, start: float, end: float | None, held: int, **more: Any) -> Edge:
    """A compile by gcc that held so much in RAM and swap."""
    fields: dict[str, Any] = {
        "argv": COMPILE,
        "directory": "/build",
        "program": "g++",
        "kind": "compile",
        "peak_rss_bytes": held,
        "peak_anonymous_swap_bytes": held,
        "peak_virtual_bytes": held + 100 * MB,
        "heaviest": "cc1plus",
        "cpu_seconds": None if end is None else end - start,
        "exit_status": None if end is None else 0,
    }
    return Edge(number=number, output=output, start_seconds=start, end_seconds=end, **(fields | more))


def link(held: int, heaviest: str = "ld", **more: Any) -> Edge:
    """A link of bin/app that failed after a minute."""
    fields: dict[str, Any] = {"argv": LINK, "kind": "link", "heaviest": heaviest, "exit_status": 1}
    return edge(9, "bin/app", 10.0, 60.0, held, **(fields | more))


def flat(seconds: int, **columns: Any) -> Samples:
    """Samples that do not change, but for columns given as (first, last)."""
    names = Samples().columns
    rows = []
    for at in range(seconds + 1):
        row = []
        for name in names:
            value = columns.get(name)
            if name == "seconds":
                row.append(float(at))
            elif isinstance(value, tuple):
                row.append(value[0] + (value[1] - value[0]) * at / seconds)
            else:
                row.append(value)
        rows.append(tuple(row))
    return Samples(rows=tuple(rows))


def samples(seconds: int, ram: int = 925 * MB, swap: int = 0, step: int = 1) -> Samples:
    """A machine that fills evenly: a tenth in use at the start, all of RAM and swap at the end."""
    rows = []
    for at in range(0, seconds + 1, step):
        part = at / seconds if seconds else 0.0
        used = int(ram * (0.1 + 0.9 * part))
        swapped = int(swap * part)
        machine = (at, ram - used, swapped, used + swapped, swapped, swapped, part * 10, part * 5)
        rows.append((*machine, used, swapped, 2, used, 3 * GB, GB))
    return Samples(rows=tuple(rows))


def report(edges: tuple[Edge, ...] = (), limits: Limits | None = None, **more: Any) -> Report:
    """A build of a minute on a machine with 925 MB, no swap and a kernel log."""
    fields: dict[str, Any] = {
        "command": ("ninja", "-j4"),
        "directory": "/build",
        "host": {"machine": "aarch64", "cores": 4, "model": "Raspberry Pi 3 Model B"},
        "outcome": Outcome(exit_status=1, seconds=60.0, complete=True),
        "kernel": Kernel(oom_kills=1),
        "visibility": Visibility(kernel_log="kmsg", pressure=True),
    }
    return Report(limits=limits or Limits(memory_bytes=925 * MB), edges=edges, **(fields | more))


def verdict(kind: Any = "oom-kill", **more: Any) -> Verdict:
    """A certain verdict."""
    fields: dict[str, Any] = {"confidence": "certain", "sentence": f"{kind}: made up"}
    return Verdict(kind=kind, **(fields | more))


def carrying(found: Verdict, there: Report | None) -> Verdict:
    """The verdict with the number of the last edge that makes its output."""
    made = [number for number, each in enumerate(there.edges) if each.output == found.output] if there else []
    return replace(found, edge=made[-1] if made else None)


def advised(found: Verdict, there: Report | None) -> tuple[Advice, ...]:
    """The advice that this verdict gets."""
    return advice(Situation(found, there, carrying(found, there).edge_of(there)))


BLIND = Visibility(
    unseen=(
        Unseen("memory cgroup", "no controller", "cgroup_enable=memory cgroup_memory=1 in cmdline.txt"),
        Unseen("memory pressure", "/proc/pressure/memory is not there", "psi=1 in cmdline.txt"),
        Unseen("children of processes", "every process is looked at instead"),
    )
)

KILL = OomRecord(
    program="ld",
    pid=902,
    scope="cgroup",
    cgroup="/build",
    anonymous_bytes=890 * MB,
    swap_bytes=500 * MB,
    limit_bytes=900 * MB,
    text="Memory cgroup out of memory: Killed process 902 (ld) total-vm:1600000kB, anon-rss:911360kB",
    line=15,
)


def cgroup_link() -> tuple[Verdict, Report]:
    """ld killed at a cgroup's limit of 900 MB with 512 MB of swap, beside one compile."""
    limits = Limits(
        memory_bytes=925 * MB,
        swap_bytes=GB,
        cgroup_version=2,
        cgroup_limit_bytes=900 * MB,
        cgroup_swap_limit_bytes=512 * MB,
    )
    edges = (
        edge(1, "src/early.cpp.o", 0.0, 9.0, 200 * MB),
        edge(2, "src/beside.cpp.o", 50.0, None, 300 * MB),
        link(1300 * MB),
    )
    found = verdict(
        sentence="oom-kill: ld making bin/app was killed at the cgroup's limit of 900 MB",
        scope="cgroup",
        program="ld",
        output="bin/app",
        edge=2,
        used_bytes=1390 * MB,
        had_bytes=900 * MB,
        evidence=(
            Evidence("kernel log", 15, KILL.text, "the kernel names the process that it killed"),
            Evidence("log", 8812, "collect2: fatal error: ld terminated with signal 9 [Killed]", "the driver saw it"),
        ),
    )
    return found, report(edges, limits, samples=samples(60, 900 * MB, 512 * MB), kernel=Kernel(1, 1, 4, (KILL,)))
