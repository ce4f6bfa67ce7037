"""Builds that ended because the agent around them was killed."""

from __future__ import annotations

from arm_ci.agent.report import Report
from arm_ci.diagnosis.figures import count
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_kernel, from_report
from arm_ci.diagnosis.judging.sigkill import counted_kills, counted_words, scope_of
from arm_ci.diagnosis.verdict import Evidence

_MOST_NAMED = 3


def agent_killed(case: Case) -> Draft | None:
    """The agent was killed, and with it the build; no tool says what ran out."""
    report = case.report
    if report is None or report.outcome.complete or not report.command:
        return None
    if case.exhausted is not None or case.ended.signal != 9:
        return None
    evidence = _what_ran(report)
    record = next((each for each in case.records if each.program.startswith("python")), None)
    if record is None:
        return _by_counter(counted_kills(report), bool(case.records), evidence)
    return Draft(
        "oom-kill",
        "likely",
        "oom-kill: the agent itself was killed, and the build with it",
        scope=scope_of(record),
        program=record.program,
        evidence=(from_kernel(record, "the agent is such a program"), *evidence),
    )


def _by_counter(kills: int | None, others: bool, evidence: list[Evidence]) -> Draft:
    """Without a record of the agent; `others`: the kernel's records name other programs."""
    if kills is None:
        text = "killed-other: the agent was killed, and the build with it; nothing says by whom"
        return Draft("killed-other", "possible", text, evidence=tuple(evidence))
    if kills and not others:
        text = "oom-kill: the agent itself was killed, and the build with it"
        return Draft("oom-kill", "likely", text, evidence=(counted_words(kills), *evidence))
    if not kills:
        evidence = [
            *evidence,
            from_report("the kernel's counter of OOM kills did not move", "so it was not the kernel"),
        ]
    text = "killed-other: the agent was killed from outside, and the build with it"
    return Draft("killed-other", "likely", text, evidence=tuple(evidence))


def _what_ran(report: Report) -> list[Evidence]:
    evidence = [from_report("the report has no end", "the agent did not live to write it")]
    running = [edge for edge in report.edges if edge.exit_status is None]
    if running:
        names = ", ".join(edge.output or edge.program for edge in running[:_MOST_NAMED])
        evidence.append(from_report(f"{count(len(running), 'edge')} ran: {names}", "it did not fail by itself"))
    return evidence
