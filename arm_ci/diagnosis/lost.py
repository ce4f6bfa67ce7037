"""What the report of a build says that was lost with its worker: nobody was left to see how it ended."""

from __future__ import annotations

from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.situation import held
from arm_ci.diagnosis.verdict import Verdict


def lost_sentence(verdict: Verdict, report: Report) -> str:
    """The verdict's sentence; where there is none, what ran when the agent's writing ended."""
    if verdict.kind not in ("unknown", "ok"):
        return verdict.sentence
    # What ended without an exit status ran until the next build ended it.
    running = sorted((edge for edge in report.edges if edge.exit_status is None), key=held, reverse=True)
    if not running:
        return "nothing says that memory ran out; no edge ran"
    largest = running[0]
    name = largest.output or largest.program
    seen = f", which held {size(held(largest))}" if held(largest) else ""
    return f"nothing says that memory ran out; {count(len(running), 'edge')} ran, the largest {name}{seen}"
