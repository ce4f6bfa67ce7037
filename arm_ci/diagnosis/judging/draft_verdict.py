"""A verdict in the making: what the rules agree on before evidence, advice and what was not seen are added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from arm_ci.agent.report import Edge, OomRecord, Report
from arm_ci.diagnosis.reading.findings import Finding, LogFindings
from arm_ci.diagnosis.verdict import Confidence, Evidence, Kind, Scope

MOST_EVIDENCE = 12


@dataclass(frozen=True)
class Ended:
    """How the build command ended, as far as the step that ran it knows; all None: unknown."""

    exit_status: int | None = None
    signal: int | None = None
    silent_seconds: float | None = None
    """It was stopped because it printed nothing for so long."""


@dataclass(frozen=True)
class Facts:
    """Everything that a judgement rests on."""

    findings: LogFindings
    report: Report | None
    records: tuple[OomRecord, ...]
    """Kills by the kernel: from the kernel log, the report and the build log."""
    ended: Ended
    again: tuple[Edge, ...] = ()
    """Tries that memory killed and after which the agent ran the edge again; nothing else here knows of them."""

    @property
    def exit_status(self) -> int | None:
        """How the command ended: as the step says, else as the report does."""
        if self.ended.exit_status is not None or self.ended.signal is not None:
            return self.ended.exit_status
        return self.report.outcome.exit_status if self.report else None

    @property
    def signal(self) -> int | None:
        """The signal that ended the command."""
        if self.ended.signal is not None or self.ended.exit_status is not None:
            return self.ended.signal
        return self.report.outcome.signal if self.report else None


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
    evidence: tuple[Evidence, ...] = field(default=())


def from_log(finding: Finding, why: str) -> Evidence:
    """A line of the log as evidence."""
    return Evidence("log", finding.line or None, finding.text, why)


def from_report(text: str, why: str) -> Evidence:
    """A fact of the report as evidence."""
    return Evidence("report", None, text, why)


def from_kernel(record: OomRecord, why: str) -> Evidence:
    """A record of the kernel as evidence."""
    return Evidence("kernel log", record.line or None, record.text, why)


def joined(*parts: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence in its order, none twice, not more than a person reads."""
    every: list[Evidence] = []
    for part in parts:
        every.extend(each for each in part if each not in every)
    return tuple(every[:MOST_EVIDENCE])
