"""From a report, a log and the kernel's records, any of which may be absent, to the verdict.

The case is collected, the first rule that explains it gives the draft, and the verdict is that with its advice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from arm_ci.agent.report import Edge, OomRecord, Report
from arm_ci.diagnosis.advice.advise import advice
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.judging.case import Case, Ended
from arm_ci.diagnosis.judging.distcc_helpers import without_refusals
from arm_ci.diagnosis.judging.draft_verdict import Draft
from arm_ci.diagnosis.judging.failed_edge import largest_of
from arm_ci.diagnosis.judging.rules import explained
from arm_ci.diagnosis.reading.findings import LogFindings
from arm_ci.diagnosis.verdict import Verdict

__all__ = ["Ended", "judge"]


def judge(
    findings: LogFindings | None,
    report: Report | None = None,
    kernel_records: Iterable[OomRecord] = (),
    ended: Ended = Ended(),  # noqa: B008  (frozen)
) -> Verdict:
    """The verdict on one build. Never raises for what stands in its input."""
    known = without_refusals(report) if report is not None else None
    case = Case.of(findings or LogFindings(), known, kernel_records, ended)
    draft = explained(case)
    edge = draft.edge or largest_of(draft.program, case.report)
    verdict = _verdict(draft, _number_of(edge, report), case.report)
    return replace(verdict, advice=advice(Situation(verdict, case.report, edge)))


def _verdict(draft: Draft, edge: int | None, report: Report | None) -> Verdict:
    """The verdict without advice."""
    return Verdict(
        kind=draft.kind,
        confidence=draft.confidence,
        sentence=draft.sentence,
        scope=draft.scope,
        program=draft.program or None,
        output=draft.output or None,
        edge=edge,
        bytes=draft.bytes,
        used_bytes=draft.used_bytes,
        had_bytes=draft.had_bytes,
        evidence=draft.evidence,
        unseen=tuple(
            f"{each.what}: {each.why}" + (f" ({each.cure} would show it)" if each.cure else "")
            for each in (report.visibility.unseen if report is not None else ())
        ),
    )


def _number_of(edge: Edge | None, report: Report | None) -> int | None:
    """The place of this very edge in the whole report, where edges may stand that look the same."""
    edges = report.edges if report is not None else ()
    return next((number for number, each in enumerate(edges) if each is edge), None)
