"""Programs that ended by SIGKILL; whether that was for want of memory is told by judging/sigkill.py."""

from __future__ import annotations

from dataclasses import replace

from arm_ci.agent.report import FILE_PAGES, Edge, Report
from arm_ci.diagnosis.figures import size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_kernel, from_report, joined, with_others
from arm_ci.diagnosis.judging.failed_edge import Culprit, failed_edges, same_file
from arm_ci.diagnosis.judging.sentences import oom_kill_sentence
from arm_ci.diagnosis.judging.sigkill import held_by, judge_kill, memory_ran_out, scope_of, words_of_a_kill
from arm_ci.diagnosis.verdict import Evidence


def edge_does_not_fit(case: Case) -> Draft | None:
    """The agent ended the build for an edge that memory killed, or that stood still, though it ran alone."""
    report = case.report
    output = report.admission.does_not_fit if report else ""
    if report is None or not output:
        return None
    draft = _killed_alone(_edge_alone(case, report, output), report, case)
    draft = replace(draft, output=draft.output or output)
    sentence = oom_kill_sentence(
        draft.program,
        draft.output,
        draft.scope,
        draft.used_bytes,
        draft.had_bytes,
        "memory had run out",
        "though it ran alone",
        "stood still for want of memory and was ended" if report.admission.stood_still else "was killed",
    )
    alone = from_report(f"nothing else was let in beside {draft.output}", "fewer edges at once would not have helped")
    earlier = [each for edge in case.again if same_file(edge.output, output) for each in _earlier_try(edge)]
    draft = replace(
        draft,
        sentence=f"{sentence}; the build was ended for it at once",
        evidence=joined(draft.evidence, [alone], earlier),
    )
    others = [each for each in case.every_cause if each.output != draft.output and not case.is_of_stop(each.finding)]
    return with_others(draft, others, case.records)


def _killed_alone(culprit: Culprit, report: Report, case: Case) -> Draft:
    draft = judge_kill(culprit, case)
    if draft.kind == "oom-kill" and not report.admission.stood_still:
        return draft
    # The agent ended it, or saw the kernel's counter move, whoever else was killed beside it.
    had = report.admission.budget_bytes + report.admission.swap_bytes
    draft = memory_ran_out(culprit, report, "likely", "", words_of_a_kill(culprit))
    return replace(draft, had_bytes=had or None)


def _edge_alone(case: Case, report: Report, output: str) -> Culprit:
    """The edge that does not fit, which the report names by its output, and what the log says of it."""
    named = [edge for edge in failed_edges(report) if output in (edge.output, *edge.argv[:1])]
    told = [each for each in case.every_cause if each.finding.means == "killed" and same_file(each.output, output)]
    return Culprit(told[-1] if told else None, named[-1] if named else None)


def _earlier_try(edge: Edge) -> list[Evidence]:
    held = edge.peak_anonymous_swap_bytes
    if not held:
        return []
    who = "the agent ended" if edge.run_again == FILE_PAGES else "memory killed"
    return [from_report(f"it held {size(held)} when {who} it before", f"try {edge.attempts} of it")]


def edge_of_the_kernels_record(case: Case) -> Draft | None:
    """The kernel's record names an edge by its process id, and no tool says what ran out."""
    edge = case.recorded_edge
    return judge_kill(Culprit(None, edge), case) if edge is not None and case.exhausted is None else None


def edge_killed(case: Case) -> Draft | None:
    """An edge ended by SIGKILL in a build that nobody stopped, and no tool says of any edge why it failed."""
    edge = case.edge_ended_by_sigkill
    if edge is None or case.told_causes or case.was_stopped:
        return None
    return judge_kill(Culprit(None, edge), case)


def program_killed(case: Case) -> Draft | None:
    """The log says that a program was killed, or whoever ran the build that memory ran out."""
    if case.cause is None or case.cause.finding.means not in ("killed", "oom-status"):
        return None
    return with_others(judge_kill(case.culprit, case), case.other_causes, case.records)


def command_killed(case: Case) -> Draft | None:
    """The command itself ended by SIGKILL, and nothing says which program was killed."""
    return judge_kill(Culprit(), case) if case.signal == 9 else None


def kernels_record_alone(case: Case) -> Draft | None:
    """Nothing failed but for the kernel's own record: the verdict is about whom it killed."""
    if not case.records or case.failures or failed_edges(case.report):
        return None
    record = case.records[0]
    held, had = held_by(record), record.limit_bytes
    return Draft(
        "oom-kill",
        "likely",
        oom_kill_sentence(record.program, "", record.scope, held, had),
        scope=scope_of(record),
        program=record.program,
        used_bytes=held,
        had_bytes=had,
        evidence=(from_kernel(record, "the kernel's own record"),),
    )


def status_of_a_kill(case: Case) -> Draft | None:
    """The command ended with exit status 137, as a shell says it of a program that was killed."""
    return judge_kill(Culprit(), case) if case.exit_status == 137 and not case.failures else None
