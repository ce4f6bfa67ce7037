"""SIGKILL: whether it was the kernel for want of memory, whose memory that was, or somebody else."""

from __future__ import annotations

from arm_ci.agent.report import OOM_KILL, OomRecord, Report
from arm_ci.diagnosis.figures import count, size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import (
    Draft,
    about,
    from_kernel,
    from_log,
    from_report,
    kills_of_others,
)
from arm_ci.diagnosis.judging.failed_edge import Culprit, ended_by_sigkill, record_of
from arm_ci.diagnosis.judging.sentences import doing, oom_kill_sentence, who
from arm_ci.diagnosis.verdict import Confidence, Evidence, Scope

_SPARE = 0.25
"""So much of the memory free in the last sample before the kill is memory to spare: it does not go in a second."""
_SCARCE = 0.10
_NEAR = 0.8
"""Who had used so much of a limit was near it, and a limit below so much of RAM is the lower one for sure."""


def judge_kill(culprit: Culprit, case: Case) -> Draft:
    """A process that ended by SIGKILL: by the kernel's record, else by its counters, else by what is usual."""
    record = record_of(culprit, case.records)
    if record is not None:
        return _by_record(culprit, record, case)
    if case.records:
        return _not_ours(culprit, case)
    if case.report is None:
        return _by_words(culprit)
    return _by_counters(culprit, case.report, sum(edge.run_again == OOM_KILL for edge in case.again))


def words_of_a_kill(culprit: Culprit) -> list[Evidence]:
    """What log and report say of a process that ended by SIGKILL."""
    evidence: list[Evidence] = []
    if culprit.cause is not None:
        evidence.append(from_log(culprit.cause.finding, "the process ended by SIGKILL"))
    edge = culprit.edge
    if edge is not None and ended_by_sigkill(edge):
        how = "signal 9" if edge.signal == 9 else "exit status 137"
        evidence.append(
            from_report(f"{edge.program} for {edge.output or 'no output'} ended by {how}", "that is SIGKILL")
        )
    if culprit.held_bytes:
        evidence.append(from_report(f"it held {size(culprit.held_bytes)} at most", "what it needed at least"))
    return evidence


# -- the kernel's record ------------------------------------------------------------------------------------------


def scope_of(record: OomRecord) -> Scope:
    """Whose memory was used up, as the kernel's record says it."""
    return "cgroup" if record.scope == "cgroup" else "system" if record.scope == "system" else ""


def held_by(record: OomRecord) -> int | None:
    """What the killed process held in RAM and swap."""
    known = [each for each in (record.anonymous_bytes, record.file_bytes, record.swap_bytes) if each is not None]
    return sum(known) or None


def _by_record(culprit: Culprit, record: OomRecord, case: Case) -> Draft:
    scope = scope_of(record)
    held = held_by(record) or culprit.held_bytes
    had = record.limit_bytes
    if had is None and case.report is not None:
        had = _limit(case.report, scope)
    why = {
        "cgroup": "the kernel's own record; a cgroup's limit",
        "system": "the kernel's own record; all memory was used up",
    }.get(scope, "the kernel's own record")
    program = culprit.program or record.program
    return about(
        culprit,
        "oom-kill",
        "certain",
        oom_kill_sentence(program, culprit.output, scope, held, had),
        [from_kernel(record, why)],
        words_of_a_kill(culprit),
        program=program,
        scope=scope,
        used_bytes=held,
        had_bytes=had,
    )


def _not_ours(culprit: Culprit, case: Case) -> Draft:
    what = f"{who(culprit.program)} was killed{doing(culprit.program, culprit.output)}"
    why = f"not by the kernel for want of memory: its OOM killer ended {case.records[0].program}"
    evidence = (words_of_a_kill(culprit), kills_of_others(case.records))
    return about(culprit, "killed-other", "likely", f"killed-other: {what}, but {why}", *evidence)


# -- words alone --------------------------------------------------------------------------------------------------


def _by_words(culprit: Culprit) -> Draft:
    cause = culprit.cause
    if cause is not None and cause.finding.means == "oom-status":
        return _by_status(culprit)
    named = cause is not None and cause.finding.signal == 9 and (cause.attached or bool(cause.finding.program))
    why = "a SIGKILL in a build is nearly always the kernel's, for want of memory"
    sentence = oom_kill_sentence(culprit.program, culprit.output, "", None, None, why)
    return about(culprit, "oom-kill", "likely" if named else "possible", sentence, words_of_a_kill(culprit))


def _by_status(culprit: Culprit) -> Draft:
    assert culprit.cause is not None
    status = from_log(culprit.cause.finding, "whoever ran the build says that memory ran out")
    why = "its container used up its memory"
    sentence = oom_kill_sentence(culprit.program, culprit.output, "", None, None, why)
    scope: Scope = "cgroup" if "OOMKilled" in status.text else ""
    # The first of the words is the same line.
    return about(culprit, "oom-kill", "certain", sentence, [status], words_of_a_kill(culprit)[1:], scope=scope)


# -- the kernel's counters and the samples ------------------------------------------------------------------------


def counted_kills(report: Report) -> int | None:
    """How many OOM kills the kernel counted at least; None: nobody saw its counters."""
    kernel = report.kernel
    return max([each for each in (kernel.oom_kills, kernel.cgroup_oom_kills) if each is not None], default=None)


def counted_words(kills: int) -> Evidence:
    """The kernel's counter as evidence for a kill without a record."""
    return from_report(f"the kernel counted {count(kills, 'OOM kill')}", "one of them fits this SIGKILL")


def _by_counters(culprit: Culprit, report: Report, again: int) -> Draft:
    evidence = words_of_a_kill(culprit)
    kills = counted_kills(report)
    if kills == 0:
        return _without_kills(culprit, evidence, again)
    if kills is not None:
        evidence.append(counted_words(kills))
        scope = _scope(culprit, report)
        if scope:
            evidence.append(from_report(_scope_words(report), "whose memory was used up"))
        return memory_ran_out(culprit, report, "likely", scope, evidence)
    spare = _spare(culprit, report)
    if spare is not None and spare >= _SPARE:
        evidence.append(from_report(f"{spare:.0%} of the memory was free just before", "memory to spare"))
        return _killed_from_outside(culprit, "likely", f"{spare:.0%} of the memory was free", evidence)
    if spare is not None and spare <= _SCARCE:
        evidence.append(from_report(f"{spare:.0%} of the memory was free just before", "memory had run out"))
        return memory_ran_out(culprit, report, "likely", "", evidence)
    return memory_ran_out(culprit, report, "possible", "", evidence)


def _without_kills(culprit: Culprit, evidence: list[Evidence], again: int) -> Draft:
    """The kernel's counter did not move, but for `again` edges that ran again."""
    fact, why = "the kernel's counter of OOM kills did not move", "the kernel counted no OOM kill"
    if again:
        fact = f"the kernel counted {count(again, 'OOM kill')}, all of edges that ran again"
        why = "the kernel killed only edges that ran again"
    evidence = [*evidence, from_report(fact, "so it was not the kernel, and not for want of memory")]
    return _killed_from_outside(culprit, "certain", why, evidence)


def memory_ran_out(
    culprit: Culprit, report: Report, confidence: Confidence, scope: Scope, evidence: list[Evidence]
) -> Draft:
    """A kill for want of memory of which the kernel's record was not seen."""
    held, had = culprit.held_bytes, _limit(report, scope)
    sentence = oom_kill_sentence(culprit.program, culprit.output, scope, held, had, "memory had run out")
    return about(culprit, "oom-kill", confidence, sentence, evidence, scope=scope, used_bytes=held, had_bytes=had)


def _killed_from_outside(culprit: Culprit, confidence: Confidence, why: str, evidence: list[Evidence]) -> Draft:
    what = f"{who(culprit.program)} was killed from outside{doing(culprit.program, culprit.output)}"
    return about(culprit, "killed-other", confidence, f"killed-other: {what}: {why}", evidence)


def _limit(report: Report, scope: Scope) -> int | None:
    limits = report.limits
    if scope == "cgroup":
        return limits.cgroup_limit_bytes
    return limits.memory_bytes + limits.swap_bytes if scope == "system" and limits.memory_bytes else None


def _scope(culprit: Culprit, report: Report) -> Scope:
    """Whose memory was used up, as far as counters tell: only a cgroup that hit its own limit is sure of it."""
    kernel = report.kernel
    if kernel.cgroup_limit_hits:
        return "cgroup"
    limit = report.limits.cgroup_limit_bytes
    if not (kernel.cgroup_oom_kills and kernel.cgroup_limit_hits is None and limit):
        return ""
    peaks = [each for each in report.samples.column("cgroup_bytes") if each is not None]
    near = max([culprit.held_bytes or 0, *peaks]) >= _NEAR * limit
    is_lower = not report.limits.memory_bytes or limit < _NEAR * report.limits.memory_bytes
    return "cgroup" if near and is_lower else ""


def _scope_words(report: Report) -> str:
    hits = report.kernel.cgroup_limit_hits
    if hits:
        return f"the command's cgroup hit its own limit {count(hits, 'time')}"
    return f"the command's cgroup was near its limit of {size(report.limits.cgroup_limit_bytes or 0)}"


def _spare(culprit: Culprit, report: Report) -> float | None:
    """Which part of RAM, or of the cgroup's limit if less was left of that, was free in the last sample before it."""
    row = _last_sample(culprit, report)
    if row is None:
        return None
    parts: list[float] = []
    available, used = _value(report, "memory_available_bytes", row), _value(report, "cgroup_bytes", row)
    if available is not None and report.limits.memory_bytes:
        parts.append(available / report.limits.memory_bytes)
    if used is not None and report.limits.cgroup_limit_bytes:
        parts.append(1 - used / report.limits.cgroup_limit_bytes)
    return min(parts, default=None)


def _last_sample(culprit: Culprit, report: Report) -> int | None:
    """The number of the last sample before the culprit ended."""
    end = culprit.edge.end_seconds if culprit.edge is not None else None
    times = report.samples.column("seconds")
    rows = [row for row, time in enumerate(times) if time is not None and (end is None or time <= end)]
    return rows[-1] if rows else None


def _value(report: Report, name: str, row: int) -> float | None:
    column = report.samples.column(name)
    value = column[row] if column else None
    return None if value is None else float(value)
