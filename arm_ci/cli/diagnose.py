"""`arm-ci diagnose`: says why a build failed, from its log, the agent's report and the kernel's log, any of them.

Works on a log of any build system and of any size: it is read as a stream. The judging is arm_ci.diagnosis's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from arm_ci.agent.machine.oom_records import parse_oom_records
from arm_ci.agent.report import OomRecord, Report, ReportError
from arm_ci.cli.options import DONE, OUTSIDE, CommandError
from arm_ci.cli.wrapped_text import advice_lines, one_line, wrapped
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.page.rendering import PageError, check_pages_can_be_made
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.reading.findings import LogFindings
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import CONFIDENCE_WORDS, Verdict

_CHUNK_BYTES = 1 << 20
_LONGEST_KERNEL_LINE = 8192
_PATIENCE_SECONDS = 1.0
_SIGNALS = 64


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci diagnose`."""
    parser = subparsers.add_parser(
        "diagnose",
        help="say why a build failed: from its log, the agent's report, the kernel's log",
        description="Say why a build failed, from its log and, where there are, the agent's report and the kernel's "
        "log. Exit status 0 when there is a verdict, also when it is `unknown`.",
    )
    parser.add_argument("log", nargs="?", metavar="LOG", help="log of any build system; - for standard input")
    parser.add_argument("--report", type=Path, metavar="FILE", help="report of the agent that watched the build")
    parser.add_argument("--kernel-log", type=Path, metavar="FILE", help="what dmesg or journalctl -k printed")
    parser.add_argument(
        "--exit-status",
        type=_exit_status,
        metavar="N",
        help="how the build's command ended; a negative number for a signal",
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as a JSON object")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write the verdict as an HTML page")
    parser.set_defaults(run=run)


def _exit_status(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 256
    if not -_SIGNALS <= number <= 255:
        raise argparse.ArgumentTypeError(f"`{text}`: a number from -{_SIGNALS} to 255 was expected")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Prints the verdict. Raises CommandError for files that cannot be read, and where no page can be made."""
    if arguments.log is None and arguments.report is None and arguments.kernel_log is None:
        raise CommandError("diagnose: name a LOG (- for standard input), or give --report or --kernel-log")
    if arguments.page:
        _check_page()
    report = _read_report(arguments.report) if arguments.report else None
    records = _read_kernel_log(arguments.kernel_log, report) if arguments.kernel_log else []
    findings = _read_log(arguments.log) if arguments.log is not None else None
    verdict = judge(findings, report, records, _ended(arguments.exit_status))
    if arguments.page:
        _write_page(arguments.page, verdict, report)
    print(json.dumps(verdict.to_json(), indent=1) if arguments.json else in_words(verdict))
    return DONE


def in_words(verdict: Verdict) -> str:
    """The verdict for a person at a terminal."""
    sure = verdict.confidence
    lines = [*wrapped(verdict.sentence), f"confidence: {sure}"]
    if sure != "certain":
        lines[-1] += f": {CONFIDENCE_WORDS[sure]}"
    if verdict.evidence:
        lines += ["", "evidence"]
    for evidence in verdict.evidence:
        where = evidence.source if evidence.line is None else f"{evidence.source}, line {evidence.line}"
        lines += [f"  {where}: {one_line(evidence.why)}", f"    {one_line(evidence.text)}"]
    if verdict.advice:
        lines += ["", *advice_lines(verdict.advice)]
    if verdict.unseen:
        lines += ["", "what could not be seen"]
    for unseen in verdict.unseen:
        lines += wrapped(unseen, "  - ")
    return "\n".join(lines)


def _ended(exit_status: int | None) -> Ended:
    if exit_status is not None and exit_status < 0:
        return Ended(signal=-exit_status)
    return Ended(exit_status=exit_status)


# -- reading and writing ------------------------------------------------------------------------------------------


def _open(path: Path, option: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CommandError(f"{option}: {path}: {error.strerror}") from None


def _read_report(path: Path) -> Report:
    with _open(path, "--report") as file:
        text = file.read().decode("utf-8", "replace")
    try:
        return Report.from_text(text)
    except ReportError as error:
        raise CommandError(f"--report: {path}: {error}") from None


def _read_kernel_log(path: Path, report: Report | None) -> list[OomRecord]:
    page_bytes = report.host.get("page_bytes") if report else None
    with _open(path, "--kernel-log") as file:
        if isinstance(page_bytes, int) and page_bytes > 0:
            return parse_oom_records(_lines(file), page_bytes)
        return parse_oom_records(_lines(file))


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file; of one that is too long only its beginning, so that memory stays bounded."""
    while line := file.readline(_LONGEST_KERNEL_LINE):
        rest = line
        while not rest.endswith(b"\n") and len(rest) == _LONGEST_KERNEL_LINE:
            rest = file.readline(_LONGEST_KERNEL_LINE)
        yield line.decode("utf-8", "replace")


def _read_log(name: str) -> LogFindings:
    if name == "-":
        return _scan(sys.stdin.buffer, 0)
    path = Path(name)
    with _open(path, "LOG") as file:
        return _scan(file, path.stat().st_size)


def _scan(file: BinaryIO, whole_bytes: int) -> LogFindings:
    """Reads the log as it comes. `whole_bytes` 0: nobody knows how much there will be."""
    scanner = LogScanner()
    progress = _Progress(sys.stderr, whole_bytes)
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK_BYTES):
        scanner.feed(chunk)
        progress.add(len(chunk))
    progress.end()
    return scanner.finish()


class _Progress:
    """A line on a terminal, once reading takes long."""

    def __init__(self, terminal: TextIO, whole_bytes: int) -> None:
        self._terminal = terminal
        self._whole_bytes = whole_bytes
        self._bytes = 0
        self._next = time.monotonic() + _PATIENCE_SECONDS
        self._shown = False

    def add(self, count: int) -> None:
        """So many bytes more were read."""
        self._bytes += count
        if time.monotonic() < self._next or not self._terminal.isatty():
            return
        self._next = time.monotonic() + _PATIENCE_SECONDS
        self._shown = True
        of = f" of {size(self._whole_bytes)}" if self._whole_bytes else ""
        print(f"\rread {size(self._bytes)}{of} ", end="", file=self._terminal, flush=True)

    def end(self) -> None:
        """Takes the line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=self._terminal, flush=True)


def _check_page() -> None:
    try:
        check_pages_can_be_made()
    except PageError as error:
        raise CommandError(f"--page: {error}", OUTSIDE) from None


def _write_page(path: Path, verdict: Verdict, report: Report | None) -> None:
    try:
        path.write_text(page(verdict, report), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--page: {path}: {error.strerror}") from None
