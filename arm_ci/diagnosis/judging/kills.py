"""SIGKILL: whether it was the kernel for want of memory, whose memory that was, or somebody else."""

from __future__ import annotations

from dataclasses import replace

from arm_ci.agent.report import FILE_PAGES, OOM_KILL, Edge, OomRecord, Report
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.cause import Cause
from arm_ci.diagnosis.judging.draft_verdict import Draft, Facts, from_kernel, from_log, from_report, joined
from arm_ci.diagnosis.judging.failed_edge import Culprit, failed_edges, record_of, same_file
from arm_ci.diagnosis.judging.sentences import doing, killed, who
from arm_ci.diagnosis.verdict import Confidence, Evidence, Scope

_SPARE = 0.25
"""So much of the memory free in the last sample before the kill is memory to spare: it does not go in a second."""
_SCARCE = 0.10


def judge_kill(culprit: Culprit, facts: Facts) -> Draft:
    """A process that ended by SIGKILL."""
    record = record_of(culprit, facts.records)
    if record is not None:
        return _by_record(culprit, record, facts)
    evidence = _said(culprit)
    if facts.records:
        return _not_ours(culprit, facts, evidence)
    report = facts.report
    if report is None:
        return _by_words(culprit, evidence)
    return _by_counters(culprit, report, evidence, sum(edge.run_again == OOM_KILL for edge in facts.again))


def _who_ended(edge: Edge) -> str:
    return "the agent ended" if edge.run_again == FILE_PAGES else "memory killed"


def does_not_fit(facts: Facts, known: list[Cause]) -> Draft | None:
    """The edge that memory killed, or that stood still, though it ran alone, for which the agent ended the build; None:
    there was none."""
    report = facts.report
    output = report.admission.does_not_fit if report else ""
    if report is None or not output:
        return None
    named = [edge for edge in failed_edges(report) if output in (edge.output, *edge.argv[:1])]
    told = [each for each in known if each.finding.means == "killed" and same_file(each.output, output)]
    culprit = Culprit(told[-1] if told else None, named[-1] if named else None)
    stood_still = report.admission.stood_still
    draft = judge_kill(culprit, facts)
    if stood_still or draft.kind != "oom-kill":
        # The agent ended it, or saw the kernel's counter move, whoever else was killed beside it.
        had = report.admission.budget_bytes + report.admission.swap_bytes
        draft = _memory(culprit, report, "likely", "", _said(culprit))
        draft = replace(draft, output=culprit.output or output, had_bytes=had or None)
    alone = from_report(
        f"nothing else was let in beside {draft.output or output}", "fewer edges at once would not have helped"
    )
    earlier = [
        from_report(
            f"it held {size(held)} when {_who_ended(edge)} it before",
            f"try {edge.attempts} of it",
        )
        for edge in facts.again
        if same_file(edge.output, output) and (held := edge.peak_anonymous_swap_bytes)
    ]
    sentence = killed(
        draft.program,
        draft.output or output,
        draft.scope,
        draft.used_bytes,
        draft.had_bytes,
        "memory had run out",
        "though it ran alone",
        "stood still for want of memory and was ended" if stood_still else "was killed",
    )
    return replace(
        draft,
        sentence=f"{sentence}; the build was ended for it at once",
        evidence=joined(draft.evidence, [alone], earlier),
    )


def _said(culprit: Culprit) -> list[Evidence]:
    evidence: list[Evidence] = []
    if culprit.cause is not None:
        evidence.append(from_log(culprit.cause.finding, "the process ended by SIGKILL"))
    edge = culprit.edge
    if edge is not None and (edge.signal == 9 or edge.exit_status == 137):
        how = "signal 9" if edge.signal == 9 else "exit status 137"
        evidence.append(
            from_report(f"{edge.program} for {edge.output or 'no output'} ended by {how}", "that is SIGKILL")
        )
    if culprit.held_bytes:
        evidence.append(from_report(f"it held {size(culprit.held_bytes)} at most", "what it needed at least"))
    return evidence


def held_by(record: OomRecord) -> int | None:
    """What the killed process held in RAM and swap."""
    known = [each for each in (record.anonymous_bytes, record.file_bytes, record.swap_bytes) if each is not None]
    return sum(known) or None


def _by_record(culprit: Culprit, record: OomRecord, facts: Facts) -> Draft:
    scope: Scope = "cgroup" if record.scope == "cgroup" else "system" if record.scope == "system" else ""
    held = held_by(record) or culprit.held_bytes
    had = record.limit_bytes
    if had is None and facts.report is not None:
        had = _limit(facts.report, scope)
    whose = {
        "cgroup": "the kernel's own record; a cgroup's limit",
        "system": "the kernel's own record; all memory was used up",
    }
    program = culprit.program or record.program
    return Draft(
        "oom-kill",
        "certain",
        killed(program, culprit.output, scope, held, had),
        scope=scope,
        program=program,
        output=culprit.output,
        edge=culprit.edge,
        used_bytes=held,
        had_bytes=had,
        evidence=joined([from_kernel(record, whose.get(scope, "the kernel's own record"))], _said(culprit)),
    )


def _limit(report: Report, scope: Scope) -> int | None:
    limits = report.limits
    if scope == "cgroup":
        return limits.cgroup_limit_bytes
    return limits.memory_bytes + limits.swap_bytes if scope == "system" and limits.memory_bytes else None


def _not_ours(culprit: Culprit, facts: Facts, evidence: list[Evidence]) -> Draft:
    record = facts.records[0]
    what = f"{who(culprit.program)} was killed{doing(culprit.program, culprit.output)}"
    text = f"killed-other: {what}, but not by the kernel for want of memory"
    return Draft(
        "killed-other",
        "likely",
        f"{text}: its OOM killer ended {record.program}",
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=joined(evidence, foreign(facts.records)),
    )


def foreign(records: tuple[OomRecord, ...]) -> list[Evidence]:
    """Kills that were none of the build's, as evidence."""
    return [
        from_kernel(each, "the kernel's OOM killer ended a process that is none of the failed edges'")
        for each in records[:3]
    ]


def _by_words(culprit: Culprit, evidence: list[Evidence]) -> Draft:
    finding = culprit.cause.finding if culprit.cause else None
    named = (
        finding is not None
        and finding.signal == 9
        and ((culprit.cause is not None and culprit.cause.attached) or bool(finding.program))
    )
    confidence: Confidence = "likely" if named else "possible"
    if finding is not None and finding.means == "oom-status":
        return _by_status(culprit, evidence)
    return Draft(
        "oom-kill",
        confidence,
        killed(
            culprit.program,
            culprit.output,
            "",
            None,
            None,
            "a SIGKILL in a build is nearly always the kernel's, for want of memory",
        ),
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=tuple(evidence),
    )


def _by_status(culprit: Culprit, evidence: list[Evidence]) -> Draft:
    assert culprit.cause is not None
    status = from_log(culprit.cause.finding, "whoever ran the build says that memory ran out")
    return Draft(
        "oom-kill",
        "certain",
        killed(culprit.program, culprit.output, "", None, None, "its container used up its memory"),
        scope="cgroup" if "OOMKilled" in status.text else "",
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=joined([status], evidence[1:]),
    )


def _by_counters(culprit: Culprit, report: Report, evidence: list[Evidence], again: int) -> Draft:
    kernel = report.kernel
    counted = [each for each in (kernel.oom_kills, kernel.cgroup_oom_kills) if each is not None]
    if counted and not any(counted):
        why = "so it was not the kernel, and not for want of memory"
        if again:
            evidence.append(
                from_report(f"the kernel counted {count(again, 'OOM kill')}, all of edges that ran again", why)
            )
            return _other(culprit, "certain", "the kernel killed only edges that ran again", evidence)
        evidence.append(from_report("the kernel's counter of OOM kills did not move", why))
        return _other(culprit, "certain", "the kernel counted no OOM kill", evidence)
    spare = _spare(culprit, report)
    if counted:
        evidence.append(
            from_report(
                f"the kernel counted {count(max(counted), 'OOM kill')}",
                "one of them fits this SIGKILL",
            )
        )
        scope = _scope(culprit, report)
        if scope:
            evidence.append(from_report(_scope_words(report), "whose memory was used up"))
        return _memory(culprit, report, "likely", scope, evidence)
    if spare is not None and spare >= _SPARE:
        evidence.append(from_report(f"{spare:.0%} of the memory was free just before", "memory to spare"))
        return _other(culprit, "likely", f"{spare:.0%} of the memory was free", evidence)
    if spare is not None and spare <= _SCARCE:
        evidence.append(from_report(f"{spare:.0%} of the memory was free just before", "memory had run out"))
        return _memory(culprit, report, "likely", "", evidence)
    return _memory(culprit, report, "possible", "", evidence)


def _memory(culprit: Culprit, report: Report, confidence: Confidence, scope: Scope, evidence: list[Evidence]) -> Draft:
    had = _limit(report, scope)
    return Draft(
        "oom-kill",
        confidence,
        killed(culprit.program, culprit.output, scope, culprit.held_bytes, had, "memory had run out"),
        scope=scope,
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        used_bytes=culprit.held_bytes,
        had_bytes=had,
        evidence=tuple(evidence),
    )


def _other(culprit: Culprit, confidence: Confidence, why: str, evidence: list[Evidence]) -> Draft:
    text = (
        f"killed-other: {who(culprit.program)} was killed from outside{doing(culprit.program, culprit.output)}: {why}"
    )
    return Draft(
        "killed-other",
        confidence,
        text,
        program=culprit.program,
        output=culprit.output,
        edge=culprit.edge,
        evidence=tuple(evidence),
    )


def _scope(culprit: Culprit, report: Report) -> Scope:
    """Whose memory was used up, as far as counters tell: only a cgroup that hit its own limit is sure of it."""
    kernel = report.kernel
    if kernel.cgroup_limit_hits:
        return "cgroup"
    limit = report.limits.cgroup_limit_bytes
    if kernel.cgroup_oom_kills and kernel.cgroup_limit_hits is None and limit:
        peaks = [each for each in report.samples.column("cgroup_bytes") if each is not None]
        peak = max([culprit.held_bytes or 0, *peaks])
        if peak >= 0.8 * limit and limit < 0.8 * (report.limits.memory_bytes or 1 << 62):
            return "cgroup"
    return ""


def _scope_words(report: Report) -> str:
    hits = report.kernel.cgroup_limit_hits
    if hits:
        return f"the command's cgroup hit its own limit {hits} time{'s' if hits > 1 else ''}"
    return f"the command's cgroup was near its limit of {size(report.limits.cgroup_limit_bytes or 0)}"


def _spare(culprit: Culprit, report: Report) -> float | None:
    """Which part of RAM, or of the cgroup's limit if less was left of that, was free in the last sample before it."""
    times = report.samples.column("seconds")
    end = culprit.edge.end_seconds if culprit.edge and culprit.edge.end_seconds is not None else float("inf")
    rows = [number for number, time in enumerate(times) if time is not None and time <= end]
    if not rows:
        return None
    parts: list[float] = []
    available = report.samples.column("memory_available_bytes")
    if available and available[rows[-1]] is not None and report.limits.memory_bytes:
        parts.append(float(available[rows[-1]] or 0) / report.limits.memory_bytes)
    used = report.samples.column("cgroup_bytes")
    limit = report.limits.cgroup_limit_bytes
    if limit and used and used[rows[-1]] is not None:
        parts.append(1 - float(used[rows[-1]] or 0) / limit)
    return min(parts) if parts else None
