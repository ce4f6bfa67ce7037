"""A full disk: by the tool's words, or as SIGBUS of a linker that maps its output."""

from __future__ import annotations

from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.draft_verdict import Draft, Facts, from_log, from_report, joined
from arm_ci.diagnosis.judging.failed_edge import Culprit
from arm_ci.diagnosis.judging.sentences import doing, simple, who
from arm_ci.diagnosis.verdict import Confidence, Evidence

_FULL_BYTES = 8 << 20
_ROOM_BYTES = 1 << 30


def judge_disk(culprit: Culprit, facts: Facts) -> Draft:
    """A program that could not write, or ended by SIGBUS."""
    cause = culprit.cause
    assert cause is not None
    least, where = _least_free(facts.report)
    if cause.finding.means != "crashed":
        evidence = [from_log(cause.finding, "the program's own words")]
        if least is not None and least <= _ROOM_BYTES:
            evidence.append(from_report(f"{size(least)} were free {where} at least", "what there was"))
        text = simple("disk-full", culprit.program, culprit.output, "no space left on the disk")
        return Draft(
            "disk-full",
            "certain" if cause.attached or cause.finding.program else "likely",
            text,
            program=culprit.program,
            output=culprit.output,
            edge=culprit.edge,
            evidence=tuple(evidence),
        )
    return _bus_error(culprit, least, where)


def _bus_error(culprit: Culprit, least: int | None, where: str) -> Draft:
    cause = culprit.cause
    assert cause is not None
    said = from_log(cause.finding, "SIGBUS: a mapped file could not be written or read")
    evidence: list[Evidence] = [said]
    full = least is not None and least <= _FULL_BYTES
    room = least is not None and least >= _ROOM_BYTES
    if least is not None:
        evidence.append(
            from_report(f"{size(least)} were free {where} at least", "the disk was full" if full else "what there was")
        )
    if full or (cause.kind == "disk-full" and not room):
        confidence: Confidence = "certain" if full else "likely" if culprit.program != "ld" else "possible"
        words = "it ended by SIGBUS, as a linker does that maps its output on a full disk"
        if cause.kind != "disk-full":
            words = "it ended by SIGBUS, and the disk was full"
        return Draft(
            "disk-full",
            confidence,
            simple("disk-full", culprit.program, culprit.output, words),
            program=culprit.program,
            output=culprit.output,
            edge=culprit.edge,
            evidence=joined(evidence),
        )
    text = f"compiler-crash: {who(culprit.program)} ended by SIGBUS{doing(culprit.program, culprit.output)}"
    return Draft(
        "compiler-crash",
        "likely",
        text,
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=joined(evidence),
    )


def _least_free(report: Report | None) -> tuple[int | None, str]:
    """The least free space that was seen, and where."""
    if report is None:
        return None, ""
    known: list[tuple[int, str]] = []
    for name, where in (
        ("free_disk_bytes", "in the build's directory"),
        ("free_temporary_bytes", "for temporary files"),
    ):
        values = [int(each) for each in report.samples.column(name) if each is not None]
        limit = getattr(report.limits, name)
        if limit is not None:
            values.append(limit)
        if values:
            known.append((min(values), where))
    return min(known) if known else (None, "")
