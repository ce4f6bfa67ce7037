"""Builds that were lost with their worker: what the master saw, and what the agent had written down until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.advice.advise import advice
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.draft_verdict import from_report, joined
from arm_ci.diagnosis.judging.failed_edge import held
from arm_ci.diagnosis.judging.judge import judge
from arm_ci.diagnosis.verdict import MEMORY_KINDS, Advice, Evidence, Verdict


def worker_lost(
    sentence: str, losses: Mapping[int, str], found: Mapping[int, str], advice: Sequence[Advice] = ()
) -> Verdict:
    """The verdict on a lost build, from what the master saw.

    `losses` say how each build of its request was lost, by the build's number, and `found` what the build after it
    found on the worker; `advice` is that on what was found.
    """
    evidence = []
    for number, how in losses.items():
        evidence.append(Evidence("master", None, f"build {number}: {how}", "its worker was gone while it ran"))
        if number in found:
            why = f"what the agent of build {number} had written down"
            evidence.append(Evidence("report", None, found[number], why))
    return Verdict("worker-lost", "certain", sentence, evidence=joined(evidence), advice=tuple(advice))


def lost_build(report: Report) -> Verdict:
    """The verdict on a lost build, from the report that its agent had written until then."""
    found = judge(None, report)
    running = _running(report)
    edge = found.edge_of(report) or next(iter(running), None)
    verdict = replace(
        found,
        kind="worker-lost",
        confidence=found.confidence if _explains(found) else "certain",
        sentence=f"worker-lost: {what_was_found(found, report)}",
        output=found.output or (edge.output if edge is not None else None),
        edge=next((number for number, each in enumerate(report.edges) if each is edge), None),
        evidence=joined(found.evidence, [from_report(_what_ran(running), "nobody saw how it ended")]),
    )
    if found.kind in MEMORY_KINDS:
        return verdict
    return replace(verdict, advice=advice(Situation(verdict, report, edge)))


def what_was_found(found: Verdict, report: Report) -> str:
    """The verdict's sentence; where there is none, what ran when the agent's writing ended."""
    running = _running(report)
    if _explains(found):
        # A victim that was no edge, such as the worker itself, is rarely who took the memory.
        return f"{found.sentence}; {_what_ran(running)}" if running and not found.output else found.sentence
    return f"nothing says that memory ran out; {_what_ran(running)}"


def _explains(found: Verdict) -> bool:
    return found.kind not in ("unknown", "ok")


def _running(report: Report) -> list[Edge]:
    """The edges that ran when the agent's writing ended, the largest first."""
    # What ended without an exit status ran until the next build ended it.
    return sorted((edge for edge in report.edges if edge.exit_status is None), key=held, reverse=True)


def _what_ran(running: list[Edge]) -> str:
    """`2 edges ran, the largest b.o, which held 30 MB`."""
    if not running:
        return "no edge ran"
    largest = running[0]
    name = largest.output or largest.program
    seen = f", which held {size(held(largest))}" if held(largest) else ""
    return f"{count(len(running), 'edge')} ran, the largest {name}{seen}"
