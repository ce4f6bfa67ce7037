"""What the report of a build says that was lost with its worker: nobody was left to see how it ended."""

from __future__ import annotations

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.failed_edge import held
from arm_ci.diagnosis.verdict import Verdict


def lost_sentence(verdict: Verdict, report: Report) -> str:
    """The verdict's sentence; where there is none, what ran when the agent's writing ended."""
    # What ended without an exit status ran until the next build ended it.
    running = sorted((edge for edge in report.edges if edge.exit_status is None), key=held, reverse=True)
    if verdict.kind not in ("unknown", "ok"):
        # A victim that was no edge, such as the worker itself, is rarely who took the memory.
        return f"{verdict.sentence}; {_what(running)}" if running and not verdict.output else verdict.sentence
    return f"nothing says that memory ran out; {_what(running)}"


def _what(running: list[Edge]) -> str:
    """`2 edges ran, the largest b.o, which held 30 MB`."""
    if not running:
        return "no edge ran"
    largest = running[0]
    name = largest.output or largest.program
    seen = f", which held {size(held(largest))}" if held(largest) else ""
    return f"{count(len(running), 'edge')} ran, the largest {name}{seen}"
