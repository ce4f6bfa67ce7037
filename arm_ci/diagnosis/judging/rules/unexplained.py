"""What nobody explains: the verdict still names the edge or quotes the line that most likely says why."""

from __future__ import annotations

from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_log, from_report, joined, kills_of_others
from arm_ci.diagnosis.judging.failed_edge import edge_making, failed_edges
from arm_ci.diagnosis.judging.sentences import cut, doing
from arm_ci.diagnosis.verdict import Evidence


def edge_of_the_log(case: Case) -> Draft | None:
    """An edge that the build tool calls failed, and nobody says why."""
    if not case.failures:
        return None
    output, line = case.failures[0].output, case.failures[0].build_tools_line
    said = [from_log(line, "the build tool says that it failed, and nobody why")] if line else []
    return Draft(
        "unknown",
        "possible",
        f"unknown: {output} failed, and the log does not say why",
        output=output,
        edge=edge_making(output, case.report),
        evidence=joined(said, kills_of_others(case.records)),
    )


def edge_of_the_report(case: Case) -> Draft | None:
    """An edge of the report that failed, and no log says why."""
    failed = failed_edges(case.report)
    if not failed:
        return None
    edge = failed[0]
    how = f"signal {edge.signal}" if edge.signal else f"exit status {edge.exit_status}"
    fact = from_report(
        f"{edge.program} for {edge.output or 'no output'} ended with {how}", "the first edge that failed"
    )
    what = f"{edge.program} failed{doing(edge.program, edge.output, edge.kind)}"
    return Draft(
        "unknown",
        "possible",
        f"unknown: {what} with {how}, and no log says why",
        program=edge.program,
        output=edge.output,
        edge=edge,
        evidence=joined([fact], kills_of_others(case.records)),
    )


def command(case: Case) -> Draft | None:
    """A command that failed, and nothing says why; its last line may tell a person more."""
    if case.exit_status is None:
        return None
    text = f"unknown: the command ended with exit status {case.exit_status}, and nothing says why"
    last, said = case.findings.last, []
    if last:
        said = [Evidence("log", case.findings.last_line, last, "the last line; it may tell a person more")]
        text += f"; its last line: {cut(last)}"
    return Draft("unknown", "possible", text, evidence=joined(said, kills_of_others(case.records)))


def nothing_said(case: Case) -> Draft:
    """Nothing that was given says that or why something failed."""
    text = "unknown: nothing in the input says that or why something failed"
    return Draft("unknown", "possible", text, evidence=joined(kills_of_others(case.records)))
