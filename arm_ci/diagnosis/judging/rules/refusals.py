"""Requests for memory that were refused; which limit it was is told by judging/refusal_limits.py."""

from __future__ import annotations

from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import exact_size, size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.cause import Cause, loose_cause
from arm_ci.diagnosis.judging.draft_verdict import Draft, about, from_log, from_report, with_others
from arm_ci.diagnosis.judging.failed_edge import Culprit
from arm_ci.diagnosis.judging.refusal_limits import limit_at_a_crash, refusal_by_log, refusal_by_report
from arm_ci.diagnosis.judging.sentences import doing, refusal_sentence, who
from arm_ci.diagnosis.verdict import Evidence

_MOST_QUOTED = 3


def output_too_large(case: Case) -> Draft | None:
    """A 32-bit linker says that its output is too large, whether or not it then claims success."""
    cause = next((each for each in case.every_cause if each.finding.means == "too-large"), None)
    cause = cause or loose_cause([each for each in case.findings.findings if each.means == "too-large"])
    if cause is None:
        return None
    return _too_large(cause, case.culprit_of(cause), case.report)


def _too_large(cause: Cause, culprit: Culprit, report: Report | None) -> Draft:
    why = "more than 2 GB of output do not fit a 32-bit linker"
    counts = "a length over 2 GB is negative in a 32-bit linker"
    if cause.bytes:
        section = f"{exact_size(cause.bytes)} ({size(cause.bytes)})"
        why = f"a section of {section} does not fit the linker's 32-bit address space"
        counts = "only a 32-bit linker says so; bfd still ends with exit status 0 and leaves a broken file"
    return about(
        culprit,
        "address-space",
        "certain" if cause.bytes else "likely",
        f"address-space: {who(culprit.program)} could not make {culprit.output or 'its output'}: {why}",
        [from_log(cause.finding, counts)],
        bytes=cause.bytes,
        had_bytes=_top_of_32_bits(report),
    )


def _top_of_32_bits(report: Report | None) -> int | None:
    """Where the address space of 32-bit programs ends, on a machine that has such a userland."""
    if report is None or report.limits.address_bits != 32:
        return None
    return report.limits.address_top_bytes or None


def crash_at_a_limit(case: Case) -> Draft | None:
    """A program crashed or could not be loaded where a limit on addresses explains it."""
    cause, culprit = case.cause, case.culprit
    if cause is None or case.report is None or cause.finding.means not in ("crashed", "not-loaded"):
        return None
    limit = limit_at_a_crash(culprit.edge, case.report, sure=cause.finding.means == "not-loaded")
    if limit is None:
        return None
    draft = about(
        culprit,
        limit.kind,
        limit.confidence,
        f"address-space: {who(culprit.program)} failed{doing(culprit.program, culprit.output)}: {limit.why}",
        [from_log(cause.finding, "programs end so when they get no more addresses")],
        [from_report(limit.fact, "the limit that fits")],
        used_bytes=limit.used_bytes,
        had_bytes=limit.had_bytes,
    )
    return with_others(draft, case.other_causes, case.records)


def refused(case: Case) -> Draft | None:
    """A program says that it was refused memory, another process, or a library."""
    cause = case.cause
    if cause is None or cause.finding.means not in ("refused", "fork-refused", "not-loaded"):
        return None
    return with_others(_refused(case, cause, case.culprit), case.other_causes, case.records)


def _refused(case: Case, cause: Cause, culprit: Culprit) -> Draft:
    alike = [each for each in cause.others[:_MOST_QUOTED] if each.means in ("refused", "crashed", "killed")]
    said = [
        from_log(cause.finding, "the program's own words"),
        *(from_log(each, "the same failure") for each in alike),
    ]
    if case.report is not None:
        limit = refusal_by_report(culprit, case.report, fork=cause.finding.means == "fork-refused")
        fact = from_report(limit.fact, "the limit that fits")
    else:
        limit = refusal_by_log(culprit, case.findings.bits32)
        fact = Evidence("log", None, limit.fact, "what the log itself shows of the limit")
    return about(
        culprit,
        limit.kind,
        limit.confidence,
        refusal_sentence(limit.kind, culprit.program, culprit.output, culprit.asked_bytes, limit.why),
        said,
        [fact] if limit.fact else [],
        bytes=culprit.asked_bytes,
        used_bytes=limit.used_bytes,
        had_bytes=limit.had_bytes,
    )
