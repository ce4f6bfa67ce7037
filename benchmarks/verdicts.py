"""Right and wrong verdicts: `python benchmarks/verdicts.py [DIRECTORY]`, DIRECTORY with more labelled failures.

The labelled failures of tests/data and of DIRECTORY, from their logs alone. And every case of tool-messages.txt twice:
from its log alone, and with a made-up report that has the limit which provoked it. What is expected there follows from
how a case was provoked and how it ended, by the rules of `_expected`, not case by case. A wrong verdict: exit status 1.
"""

from __future__ import annotations

import csv
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arm_ci.agent.report import Edge, Kernel, Limits, Outcome, Report
from arm_ci.diagnosis.judging.judge import judge
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import Verdict

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
_RULE = "=" * 78 + "\n"
_MEMORY_WORDS = re.compile(r"memory|failed to map segment|bad_?alloc", re.IGNORECASE)
_SAID_BYTES = re.compile(r"allocating (\d+) bytes|to allocate (\d+) bytes for|too large \((0x[0-9a-f]+) bytes")
_DRIVERS = ("gcc", "g++", "clang-16", "clang++-16")


@dataclass(frozen=True)
class Case:
    """One case of tool-messages.txt."""

    name: str
    tool: str
    provoked: str
    command: str
    status: int
    log: str

    @property
    def limit_bytes(self) -> int:
        """The limit in its words, 0 when they have none."""
        match = re.search(r"(\d+) MiB", self.provoked)
        return int(match[1]) << 20 if match else 0


@dataclass(frozen=True)
class Expected:
    """What may be said; None: is not looked at."""

    kinds: tuple[str, ...]
    programs: tuple[str, ...] | None = None
    output: str | None = None
    bytes: int | None = None
    says_bytes: bool = True


def read_cases(text: str) -> Iterator[Case]:
    """The cases of tool-messages.txt."""
    for part in text.split(_RULE)[1:]:
        head, _, body = part.partition("\n--- ")
        values = dict(re.findall(r"^(CASE|TOOL|PROVOKED BY|COMMAND): (.*)$", head, re.MULTILINE))
        status = re.search(r"^EXIT: (-?\d+)", head, re.MULTILINE)
        lines = [line for line in body.split("\n")[1:] if not re.match(r"--- (?:stdout|stderr|end)", line)]
        yield Case(
            values["CASE"],
            values["TOOL"],
            values["PROVOKED BY"],
            values["COMMAND"],
            int(status[1]) if status else 0,
            "\n".join(lines).strip("\n") + "\n",
        )


def _driver_argv(case: Case) -> tuple[str, ...]:
    words = shlex.split(case.command.replace(";", " ; ").replace("'", " "))
    for number, word in enumerate(words):
        if word in _DRIVERS:
            rest = words[number:]
            return tuple(rest[: rest.index(";")] if ";" in rest else rest)
    return ()


def _output(argv: tuple[str, ...]) -> str:
    return argv[len(argv) - 1 - argv[::-1].index("-o") + 1] if "-o" in argv else ""


def _programs(case: Case) -> tuple[str, ...]:
    loader = re.search(r"^(\S+): error while loading shared libraries", case.log, re.MULTILINE)
    if loader:
        name = loader[1].rsplit("/", 1)[-1]
        return ("mold" if name == "ld.mold" else name,)
    for word, program in (("mold", "mold"), ("LLD", "ld.lld"), ("gold", "ld.gold"), ("GNU ld", "ld.bfd")):
        if word in case.tool:
            return (program,)
    if "clang" in case.tool:
        return ("clang++-16", "clang")
    return ("as",) if "Assembler messages" in case.log else ("cc1plus",)


def _expected(case: Case, with_report: bool) -> Expected:
    """What follows from how a case was provoked and how it ended."""
    if with_report and case.status == 0 and "is too large (0x" not in case.log:
        return Expected(("ok",), says_bytes=False)
    if not case.log.strip() and not with_report:
        return Expected(("unknown", "ok"))
    said = _SAID_BYTES.search(case.log)
    number = next(int(each, 0) for each in said.groups() if each) if said else None
    output = _output(_driver_argv(case)) or None
    return Expected(
        _kinds(case, with_report),
        _programs(case) if with_report else None,
        output if with_report else None,
        number,
        "mimalloc" not in case.log,
    )


def _kinds(case: Case, with_report: bool) -> tuple[str, ...]:
    """The kinds that may be said of a case that left words or a report."""
    provoked = (
        ("RLIMIT_FSIZE", "killed-other"),
        ("tmpfs of size", "disk-full"),
        ("full 64 MiB tmpfs", "disk-full"),
        ("cgroup", "oom-kill"),
    )
    kind = next((kind for words, kind in provoked if words in case.provoked), None)
    if "is too large (0x" in case.log:
        return ("address-space",)
    if kind:
        return (kind,)
    if with_report:
        return ("address-space",)
    if _MEMORY_WORDS.search(case.log):
        # A log alone rarely proves which limit refused the memory.
        return ("alloc-failed", "address-space")
    # Else a crash without a word of memory.
    return ("address-space",) if "ftruncate failed" in case.log else ("compiler-crash",)


def _report(case: Case) -> Report:
    """A report with the limit that provoked the case, one edge, and no samples."""
    argv = _driver_argv(case) or tuple(case.command.split())
    status, signal = (case.status, None) if case.status >= 0 else (None, -case.status)
    names = re.findall(r"FAILED: (\S+)|\*\*\* \[[^\]]*?(\S+)\]", case.log)
    outputs = [next(each for each in name if each) for name in names] or [_output(argv)]
    edges = tuple(
        Edge(number, argv, "/build", argv[0], output, "compile" if "-c" in argv else "link", 0.1, 1.0, status, signal)
        for number, output in enumerate(outputs, 1)
    )
    kills = 1 if "cgroup" in case.provoked else 0
    return Report(
        command=tuple(case.command.split()),
        limits=_limits(case),
        outcome=Outcome(status, signal, "", 1.0, True),
        edges=edges,
        kernel=Kernel(kills, kills, kills),
    )


def _limits(case: Case) -> Limits:
    """Of the machine on which the case was provoked."""

    def given(words: str) -> int | None:
        return case.limit_bytes if words in case.provoked else None

    full = "tmpfs of size" in case.provoked or "full" in case.provoked
    narrow = "32-bit" in case.name
    return Limits(
        memory_bytes=8 << 30,
        rlimit_as_bytes=given("RLIMIT_AS"),
        rlimit_fsize_bytes=given("RLIMIT_FSIZE"),
        cgroup_version=1 if "cgroup" in case.provoked else 0,
        cgroup_limit_bytes=given("cgroup"),
        free_disk_bytes=0 if full else 50 << 30,
        address_bits=32 if narrow else 64,
        address_top_bytes=0xFFFF0000 if narrow else None,
    )


def _read(data: bytes, report: Report | None = None) -> Verdict:
    scanner = LogScanner()
    scanner.feed(data)
    return judge(scanner.finish(), report)


def _wrong(verdict: Verdict, expected: Expected) -> list[str]:
    found: list[str] = []
    if verdict.kind not in expected.kinds:
        found.append(f"kind {verdict.kind}, not {' or '.join(expected.kinds)}")
    if expected.programs is not None and (verdict.program or "") not in expected.programs:
        found.append(f"program {verdict.program}, not {' or '.join(expected.programs)}")
    if expected.output is not None and verdict.output != expected.output:
        found.append(f"output {verdict.output}, not {expected.output}")
    if expected.says_bytes and verdict.kind != "disk-full" and verdict.bytes != expected.bytes:
        found.append(f"bytes {verdict.bytes}, not {expected.bytes}")
    return found


def _row(name: str, wrong: list[str], verdict: Verdict) -> bool:
    print(
        f"{'wrong' if wrong else 'right':6} {name[:62]:63} {verdict.kind:18} {verdict.confidence:9} {'; '.join(wrong)}"
    )
    return not wrong


def _labels(folder: Path) -> tuple[int, int]:
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    right = 0
    for row in rows:
        verdict = _read((folder / row["file"]).read_bytes())
        labels = (row["class"], row["failing_program"], row["failing_output"], row["bytes"])
        given = (verdict.kind, verdict.program or "-", verdict.output or "-", str(verdict.bytes or "-"))
        names = ("kind", "program", "output", "bytes")
        wrong = [
            f"{name} {got}, not {label}" for name, got, label in zip(names, given, labels, strict=True) if got != label
        ]
        right += _row(row["file"], wrong, verdict)
    return right, len(rows)


def _messages(path: Path) -> tuple[int, int]:
    right = total = 0
    for case in read_cases(path.read_text(encoding="utf-8", errors="replace")):
        for with_report in (False, True):
            verdict = _read(case.log.encode(), _report(case) if with_report else None)
            wrong = _wrong(verdict, _expected(case, with_report))
            right += _row(f"{'report' if with_report else 'log   '} {case.name}", wrong, verdict)
            total += 1
    return right, total


def main(arguments: list[str]) -> int:
    """Prints both tables."""
    results = {
        "labelled failures": _labels(DATA / "failures"),
        **{f"labelled failures of {directory}": _labels(Path(directory)) for directory in arguments},
        "tool-messages.txt": _messages(DATA / "measurements" / "tool-messages.txt"),
    }
    for name, (right, total) in results.items():
        print(f"{name}: {right} of {total} right")
    return 0 if all(right == total for right, total in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
