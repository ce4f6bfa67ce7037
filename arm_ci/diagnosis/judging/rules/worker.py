"""A worker that was lost, as the log of some other service says it."""

from __future__ import annotations

from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_log
from arm_ci.diagnosis.verdict import EXHAUSTED


def connection_lost(case: Case) -> Draft | None:
    """A service says that the connection to the worker broke off, and nothing had run out before."""
    lost = case.last_loose("worker-lost")
    if lost is None or any(each.kind in EXHAUSTED and each.finding.line < lost.line for each in case.every_cause):
        return None
    text = "worker-lost: the connection to the worker broke off"
    return Draft("worker-lost", "likely", text, evidence=(from_log(lost, "the service's own words"),))
