"""Logs and reports judged, for the tests of the scanner and the judge."""

from __future__ import annotations

from collections.abc import Iterable

from arm_ci.agent.report import OomRecord, Report
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.reading.findings import LogFindings
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import Verdict


def scanned(log: str | bytes, pieces: Iterable[int] = ()) -> LogFindings:
    """What a log says, fed whole or cut at these places."""
    data = log.encode() if isinstance(log, str) else log
    scanner = LogScanner()
    before = 0
    for place in [*sorted(pieces), len(data)]:
        scanner.feed(data[before:place])
        before = max(before, place)
    return scanner.finish()


def judged(
    log: str | bytes | None = None,
    report: Report | None = None,
    records: Iterable[OomRecord] = (),
    ended: Ended | None = None,
) -> Verdict:
    """The verdict on a log, a report and the kernel's records."""
    findings = scanned(log) if log is not None else None
    return judge(findings, report, records, ended or Ended())


def said(verdict: Verdict) -> tuple[str, str | None, str | None, int | None]:
    """Kind, program, output and bytes."""
    return verdict.kind, verdict.program, verdict.output, verdict.bytes
