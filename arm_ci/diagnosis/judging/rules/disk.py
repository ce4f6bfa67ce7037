"""A full disk: by the tool's words, or as SIGBUS of a program that maps its output."""

from __future__ import annotations

from arm_ci.agent import tools
from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, about, from_log, from_report, with_others
from arm_ci.diagnosis.judging.failed_edge import Culprit
from arm_ci.diagnosis.judging.sentences import doing, tool_sentence, who
from arm_ci.diagnosis.verdict import Confidence, Evidence

_FULL_BYTES = 8 << 20
_ROOM_BYTES = 1 << 30


def no_space(case: Case) -> Draft | None:
    """A program says that it could not write for want of space."""
    cause = case.cause
    if cause is None or cause.kind != "disk-full" or cause.finding.means == "crashed":
        return None
    said = [from_log(cause.finding, "the program's own words")]
    least, where = _least_free(case.report)
    if least is not None and least <= _ROOM_BYTES:
        said.append(from_report(f"{size(least)} were free {where} at least", "what there was"))
    text = tool_sentence("disk-full", case.culprit.program, case.culprit.output, "no space left on the disk")
    draft = about(
        case.culprit, "disk-full", "certain" if cause.attached or cause.finding.program else "likely", text, said
    )
    return with_others(draft, case.other_causes, case.records)


def bus_error(case: Case) -> Draft | None:
    """A program ended by SIGBUS, as a linker does that maps its output, when the disk is full."""
    cause = case.cause
    if cause is None or cause.finding.means != "crashed":
        return None
    if cause.kind != "disk-full" and cause.finding.signal != 7:
        return None
    return with_others(_bus_error(case.culprit, case.report), case.other_causes, case.records)


def _bus_error(culprit: Culprit, report: Report | None) -> Draft:
    cause = culprit.cause
    assert cause is not None
    evidence: list[Evidence] = [from_log(cause.finding, "SIGBUS: a mapped file could not be written or read")]
    least, where = _least_free(report)
    full = least is not None and least <= _FULL_BYTES
    if least is not None:
        why = "the disk was full" if full else "what there was"
        evidence.append(from_report(f"{size(least)} were free {where} at least", why))
    maps_output = cause.kind == "disk-full"
    has_room = least is not None and least >= _ROOM_BYTES
    if not full and (has_room or not maps_output):
        text = f"compiler-crash: {who(culprit.program)} ended by SIGBUS{doing(culprit.program, culprit.output)}"
        return about(culprit, "compiler-crash", "likely", text, evidence)
    words = "it ended by SIGBUS, and the disk was full"
    if maps_output:
        words = "it ended by SIGBUS, as a linker does that maps its output on a full disk"
    confidence: Confidence = "certain" if full else "likely" if culprit.program != tools.ANY_LINKER else "possible"
    text = tool_sentence("disk-full", culprit.program, culprit.output, words)
    return about(culprit, "disk-full", confidence, text, evidence)


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
