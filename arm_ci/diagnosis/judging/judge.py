"""From a report, a log and the kernel's records, any of which may be absent, to the verdict.

The order of the rules is the order of what explains what: an edge that memory killed explains the errors around it;
what no build tool calls failed explains nothing while something that it calls failed can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from arm_ci.agent.report import Edge, OomRecord, Report
from arm_ci.diagnosis.advice.advise import advice
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.judging.attribution import failures
from arm_ci.diagnosis.judging.cause import Cause, cause_of, loose_cause
from arm_ci.diagnosis.judging.disk_full import judge_disk
from arm_ci.diagnosis.judging.distcc_helpers import without_refusals
from arm_ci.diagnosis.judging.draft_verdict import Draft, Ended, Facts, from_kernel, from_log, joined
from arm_ci.diagnosis.judging.failed_edge import Culprit, edge_of, failed_edges, largest_of
from arm_ci.diagnosis.judging.kills import does_not_fit, foreign, held_by, judge_kill
from arm_ci.diagnosis.judging.other_failures import judge_other, nothing_known, succeeded
from arm_ci.diagnosis.judging.refusals import crash_regime, judge_refusal, judge_too_large
from arm_ci.diagnosis.judging.second_tries import settled, settled_log, settled_records, tries
from arm_ci.diagnosis.judging.sentences import killed
from arm_ci.diagnosis.judging.stops import agent_killed, stopped, thrashing, was_stopped
from arm_ci.diagnosis.reading.findings import Failure, Finding, LogFindings
from arm_ci.diagnosis.verdict import MEMORY_KINDS, Verdict

__all__ = ["Ended", "judge"]

_EXHAUSTED = (*MEMORY_KINDS, "disk-full")
"""Kinds that explain the failures around them."""


def judge(
    findings: LogFindings | None,
    report: Report | None = None,
    kernel_records: Iterable[OomRecord] = (),
    ended: Ended = Ended(),  # noqa: B008  (frozen)
) -> Verdict:
    """The verdict on one build. Never raises for what stands in its input."""
    whole = without_refusals(report) if report is not None else None
    log = settled_log(findings or LogFindings(), whole)
    records = settled_records(_records(log, whole, kernel_records), whole)
    settled_report = settled(whole) if whole is not None else None
    draft = _draft(Facts(log, settled_report, records, ended, tuple(tries(whole))))
    unseen: tuple[str, ...] = ()
    if report is not None:
        unseen = tuple(
            f"{each.what}: {each.why}" + (f" ({each.cure} would show it)" if each.cure else "")
            for each in report.how.unseen
        )
    edge = draft.edge or largest_of(draft.program, settled_report)
    verdict = Verdict(
        kind=draft.kind,
        confidence=draft.confidence,
        sentence=draft.sentence,
        scope=draft.scope,
        program=draft.program or None,
        output=draft.output or None,
        edge=_number_of(edge, report),
        bytes=draft.bytes,
        used_bytes=draft.used_bytes,
        had_bytes=draft.had_bytes,
        evidence=joined(draft.evidence),
        unseen=unseen,
    )
    return replace(verdict, advice=advice(Situation(verdict, settled_report, edge)))


def _number_of(edge: Edge | None, report: Report | None) -> int | None:
    """The place of this very edge in the whole report, where edges may stand that look the same."""
    edges = report.edges if report is not None else ()
    return next((number for number, each in enumerate(edges) if each is edge), None)


def _records(log: LogFindings, report: Report | None, kernel: Iterable[OomRecord]) -> tuple[OomRecord, ...]:
    every = [*kernel]
    for more in (report.kernel.records if report else (), log.kernel):
        every += [
            each for each in more if not any(each.pid == known.pid and each.program == known.program for known in every)
        ]
    return tuple(every)


def _draft(facts: Facts) -> Draft:
    failed, loose = failures(facts.findings.findings)
    failed = [each for each in failed if each.output not in facts.findings.rebuilt]
    causes = [(each, cause_of(each)) for each in failed]
    known = [cause for _, cause in causes if cause is not None]
    broken = _too_large(known, facts.findings.findings)
    if broken is not None:
        return judge_too_large(_culprit(broken, facts), facts)
    if facts.exit_status == 0:
        return succeeded(facts, known)
    alone = does_not_fit(facts, known)
    if alone is not None:
        others = [each for each in known if each.output != alone.output and not _is_of_stop(each.finding, facts)]
        return _with_others(alone, others, facts)
    lost = _last(loose, "lost")
    if lost is not None and not any(cause.kind in _EXHAUSTED and cause.finding.line < lost.line for cause in known):
        return Draft(
            "worker-lost",
            "likely",
            "worker-lost: the connection to the worker broke off",
            evidence=(from_log(lost, "the service's own words"),),
        )
    return _by_causes(facts, known, loose) or _without_cause(facts, failed, loose)


def _by_causes(facts: Facts, known: list[Cause], loose: list[Finding]) -> Draft | None:
    said = _said_of_stop(loose)
    stop = was_stopped(facts, said)
    if stop:
        known = [cause for cause in known if not _is_of_stop(cause.finding, facts)]
        loose = [each for each in loose if not _is_of_stop(each, facts)]
    sure = [cause for cause in known if not cause.guessed]
    first = next((cause for cause in sure if cause.kind in _EXHAUSTED), None)
    if first is None:
        draft = _killed(facts, any_signal=not sure and not stop)
        if draft is not None:
            return draft
        first = sure[0] if sure else None
    if first is None:
        swapping = thrashing(facts, said) if stop or facts.signal == 9 else None
        if swapping is not None:
            return swapping
        first = loose_cause(loose)
        if first is not None and said is not None and first.kind in ("killed-other", "oom-kill"):
            # Whoever stopped the build says how it ended, with a status of 137 or 143.
            first = None
    if first is None:
        return None
    return _with_others(_judge_cause(first, facts), [cause for cause in known if cause is not first], facts)


def _with_others(draft: Draft, others: list[Cause], facts: Facts) -> Draft:
    """With what else failed as evidence."""
    more = [from_log(each.finding, f"another failure ({each.output or each.kind})") for each in others[:4]]
    strangers = [] if draft.kind == "oom-kill" else foreign(facts.records)
    return replace(draft, evidence=joined(draft.evidence, more, strangers))


def _said_of_stop(loose: list[Finding]) -> Finding | None:
    return _last(loose, "silent") or _last(loose, "timed-out")


def _is_of_stop(finding: Finding, facts: Facts) -> bool:
    """Whether a process ended only because the build was stopped: tools tell of that as of any other end."""
    if finding.means == "terminated":
        return True
    if finding.means != "killed" or facts.report is None:
        return False
    kernel = facts.report.kernel
    return not (facts.records or kernel.oom_kills or kernel.cgroup_oom_kills)


def _judge_cause(cause: Cause, facts: Facts) -> Draft:
    culprit = _culprit(cause, facts)
    means = cause.finding.means
    if means in ("killed", "oom-status"):
        return judge_kill(culprit, facts)
    if means in ("refused", "fork-refused"):
        return judge_refusal(culprit, facts)
    if means in ("crashed", "not-loaded"):
        limited = crash_regime(culprit, facts)
        if limited is not None:
            return limited
        if means == "not-loaded":
            return judge_refusal(culprit, facts)
    if cause.kind == "disk-full" or (means == "crashed" and cause.finding.signal == 7):
        return judge_disk(culprit, facts)
    return judge_other(culprit, facts)


def _culprit(cause: Cause, facts: Facts) -> Culprit:
    return Culprit(cause, edge_of(cause, facts.report))


def _too_large(known: list[Cause], findings: tuple[Finding, ...]) -> Cause | None:
    """A linker that says its output is broken, whether or not it claims success."""
    for cause in known:
        if cause.finding.means == "too-large":
            return cause
    return loose_cause([each for each in findings if each.means == "too-large"])


def _killed(facts: Facts, any_signal: bool) -> Draft | None:
    """What is said of the edge that the kernel's record names, the agent that was killed, an edge killed by anybody."""
    edge = _killed_edge(facts, any_signal=False)
    if edge is None:
        draft = agent_killed(facts)
        if draft is not None:
            return draft
        edge = _killed_edge(facts, any_signal)
    return judge_kill(edge, facts) if edge is not None else None


def _killed_edge(facts: Facts, any_signal: bool = True) -> Culprit | None:
    """An edge of the report that the kernel's record names, or (`any_signal`) one that ended by SIGKILL."""
    # Of what ran when the agent was killed as well nobody saw the end.
    unended = [edge for edge in facts.report.edges if edge.end_seconds is None] if facts.report else []
    for edge in [*failed_edges(facts.report), *unended]:
        by_pid = any(record.pid in edge.pids for record in facts.records)
        if by_pid or (any_signal and (edge.signal == 9 or edge.exit_status == 137)):
            return Culprit(None, edge)
    return None


def _without_cause(facts: Facts, failed: list[Failure], loose: list[Finding]) -> Draft:
    """No tool said why."""
    said = _said_of_stop(loose)
    if was_stopped(facts, said):
        return stopped(facts, said)
    edge = _killed_edge(facts)
    if edge is not None:
        return judge_kill(edge, facts)
    if facts.signal == 9:
        return judge_kill(Culprit(None, None), facts)
    guessed = next((cause for cause in map(cause_of, failed) if cause is not None), None)
    if guessed is not None:
        return judge_other(_culprit(guessed, facts), facts)
    if facts.records and not failed and not failed_edges(facts.report):
        return _only_kernel(facts)
    if facts.exit_status == 137 and not failed:
        return judge_kill(Culprit(None, None), facts)
    return nothing_known(facts, failed)


def _only_kernel(facts: Facts) -> Draft:
    """Nothing but the kernel's own record: the verdict is about whom it killed."""
    record = facts.records[0]
    scope = "cgroup" if record.scope == "cgroup" else "system" if record.scope == "system" else ""
    held = held_by(record)
    return Draft(
        "oom-kill",
        "likely",
        killed(record.program, "", scope, held, record.limit_bytes),
        scope=scope,  # type: ignore[arg-type]
        program=record.program,
        used_bytes=held,
        had_bytes=record.limit_bytes,
        evidence=(from_kernel(record, "the kernel's own record"),),
    )


def _last(findings: list[Finding], means: str) -> Finding | None:
    return next((each for each in reversed(findings) if each.means == means), None)
