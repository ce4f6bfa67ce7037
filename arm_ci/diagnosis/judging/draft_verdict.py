"""A verdict in the making: what a rule says, before advice and what was not seen are added; and its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from arm_ci.agent.report import Edge, OomRecord
from arm_ci.diagnosis.judging.cause import Cause
from arm_ci.diagnosis.judging.failed_edge import Culprit
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.verdict import Confidence, Evidence, Kind, Scope

MOST_EVIDENCE = 12
_MOST_OTHERS = 4
_MOST_STRANGERS = 3


@dataclass(frozen=True)
class Draft:
    """The judgement without what is the same for all kinds."""

    kind: Kind
    confidence: Confidence
    sentence: str
    scope: Scope = ""
    program: str = ""
    output: str = ""
    edge: Edge | None = None
    """The report's edge that failed."""
    bytes: int | None = None
    used_bytes: int | None = None
    had_bytes: int | None = None
    evidence: tuple[Evidence, ...] = ()


def about(
    culprit: Culprit,
    kind: Kind,
    confidence: Confidence,
    sentence: str,
    *evidence: Iterable[Evidence],
    program: str = "",
    scope: Scope = "",
    bytes: int | None = None,
    used_bytes: int | None = None,
    had_bytes: int | None = None,
) -> Draft:
    """The judgement about one failed edge; `program` where another one is known than the culprit's."""
    return Draft(
        kind,
        confidence,
        sentence,
        scope,
        program or culprit.program,
        culprit.output,
        culprit.edge,
        bytes,
        used_bytes,
        had_bytes,
        joined(*evidence),
    )


def with_others(draft: Draft, others: Iterable[Cause], records: Iterable[OomRecord]) -> Draft:
    """The draft with what else failed, and what else the kernel killed, as evidence."""
    more = [from_log(each.finding, f"another failure ({each.output or each.kind})") for each in others]
    strangers = [] if draft.kind == "oom-kill" else kills_of_others(records)
    return replace(draft, evidence=joined(draft.evidence, more[:_MOST_OTHERS], strangers))


# -- evidence -----------------------------------------------------------------------------------------------------


def from_log(finding: Finding, why: str) -> Evidence:
    """A line of the log as evidence."""
    return Evidence("log", finding.line or None, finding.text, why)


def from_report(text: str, why: str) -> Evidence:
    """A fact of the report as evidence."""
    return Evidence("report", None, text, why)


def from_kernel(record: OomRecord, why: str) -> Evidence:
    """A record of the kernel as evidence."""
    return Evidence("kernel log", record.line or None, record.text, why)


def kills_of_others(records: Iterable[OomRecord]) -> list[Evidence]:
    """Kills that were none of the build's, as evidence."""
    why = "the kernel's OOM killer ended a process that is none of the failed edges'"
    return [from_kernel(each, why) for each in [*records][:_MOST_STRANGERS]]


def joined(*parts: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence in its order, none twice, not more than a person reads."""
    every: list[Evidence] = []
    for part in parts:
        every.extend(each for each in part if each not in every)
    return tuple(every[:MOST_EVIDENCE])
