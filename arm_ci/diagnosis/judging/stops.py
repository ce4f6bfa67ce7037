"""A build that was stopped because it took too long or was silent: swapping itself to death, or not for memory."""

from __future__ import annotations

from arm_ci.agent.report import Report, Samples
from arm_ci.diagnosis.figures import count, duration, size
from arm_ci.diagnosis.judging.draft_verdict import Draft, Ended, Facts, from_kernel, from_log, from_report
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.verdict import Evidence, Scope

_LAST_SECONDS = 600.0
_LEAST_SECONDS = 20.0
_SWAPPED_PER_SECOND = 2 << 20
"""Bytes in and out together: a board's card or disk does little else at that rate."""
_IN_SWAP = 8 << 20
"""So much of the build's own in swap is more than what a kernel puts there in advance."""
_STALLED = 0.3
"""Part of the time in which every task waited for memory."""
_LITTLE_FREE = 0.15


def was_stopped(facts: Facts, said: Finding | None) -> bool:
    """Whether somebody stopped the build: it was silent, took too long, or was asked to end.

    SIGKILL is none of these: the kernel sends it as well.
    """
    if facts.ended.silent_seconds is not None or said is not None:
        return True
    if facts.signal in (1, 2, 15):
        return True
    return facts.report is not None and bool(facts.report.outcome.stopped)


def thrashing(facts: Facts, said: Finding | None) -> Draft | None:
    """The verdict on a stopped build whose machine did nothing but swap; None when it did not, or nothing shows it."""
    report = facts.report
    evidence = _stop_evidence(facts.ended, said)
    if report is None:
        return _by_words(facts.ended, said, evidence)
    figures = _figures(report)
    if figures is None:
        return None
    rate, stalled, free, seconds = figures
    # In a cgroup with a limit it swaps while the machine has memory to spare.
    in_cgroup = _swaps_in_cgroup(report) and (free is None or free > _LITTLE_FREE)
    swaps = rate is not None and rate >= _SWAPPED_PER_SECOND and (in_cgroup or free is None or free <= _LITTLE_FREE)
    stalls = stalled is not None and stalled >= _STALLED
    if not (swaps or stalls):
        return None
    if rate is not None:
        evidence.append(
            from_report(
                f"{size(rate)} a second were swapped in and out over the last {duration(seconds)}",
                "the disk did little else",
            )
        )
    if stalled is not None and stalls:
        evidence.append(
            from_report(f"every task waited for memory in {stalled:.0%} of that time", "nothing else got done")
        )
    limit = report.limits.cgroup_limit_bytes if in_cgroup else None
    why = ""
    if limit is not None:
        why = f"the cgroup's limit was {size(limit)}"
        evidence.append(from_report(why, "more than that had to be swapped"))
    elif free is not None:
        evidence.append(from_report(f"{free:.0%} of the memory was free", "memory had run out"))
    running = [edge for edge in report.edges if edge.end_seconds is None]
    heaviest = max(running, key=lambda edge: edge.peak_anonymous_swap_bytes or edge.peak_rss_bytes or 0, default=None)
    held = heaviest.peak_anonymous_swap_bytes if heaviest else None
    had = limit or report.limits.memory_bytes or None
    doing = f" over {heaviest.output}" if heaviest is not None and heaviest.output else ""
    what = (
        f"{size(rate)} a second" if swaps and rate is not None else f"waiting for memory {stalled or 0:.0%} of the time"
    )
    return Draft(
        "thrashing",
        "certain" if swaps and stalls else "likely",
        f"thrashing: the machine was swapping ({what}){doing} until the build was stopped"
        + (f": {why}" if why else ""),
        scope="cgroup" if in_cgroup else "",
        program=(heaviest.heaviest or heaviest.program) if heaviest else "",
        output=heaviest.output if heaviest else "",
        edge=heaviest,
        used_bytes=held,
        had_bytes=had,
        evidence=tuple(evidence),
    )


def _swaps_in_cgroup(report: Report) -> bool:
    """Whether the build had a limit and was in swap, as its cgroup or, where that is not its own, an edge shows."""
    swapped = [*report.samples.column("cgroup_swap_bytes"), *(edge.peak_swap_bytes for edge in report.edges)]
    return report.limits.cgroup_limit_bytes is not None and max(each or 0 for each in [*swapped, 0]) >= _IN_SWAP


def agent_killed(facts: Facts) -> Draft | None:
    """The verdict on a build whose agent was killed, and with it the build; None when it was not."""
    report = facts.report
    if report is None or report.outcome.complete or not report.command or facts.ended.signal != 9:
        return None
    evidence = [from_report("the report has no end", "the agent did not live to write it")]
    running = [edge for edge in report.edges if edge.exit_status is None]
    if running:
        names = ", ".join(edge.output or edge.program for edge in running[:3])
        evidence.append(from_report(f"{count(len(running), 'edge')} ran: {names}", "it did not fail by itself"))
    record = next((each for each in facts.records if each.program.startswith("python")), None)
    if record is not None:
        scope: Scope = "cgroup" if record.scope == "cgroup" else "system" if record.scope == "system" else ""
        return Draft(
            "oom-kill",
            "likely",
            "oom-kill: the agent itself was killed, and the build with it",
            scope=scope,
            program=record.program,
            evidence=(from_kernel(record, "the agent is such a program"), *evidence),
        )
    counted = [each for each in (report.kernel.oom_kills, report.kernel.cgroup_oom_kills) if each is not None]
    if not counted:
        text = "killed-other: the agent was killed, and the build with it; nothing says by whom"
        return Draft("killed-other", "possible", text, evidence=tuple(evidence))
    if any(counted) and not facts.records:
        fact = from_report(f"the kernel counted {count(max(counted), 'OOM kill')}", "one of them fits this SIGKILL")
        text = "oom-kill: the agent itself was killed, and the build with it"
        return Draft("oom-kill", "likely", text, evidence=(fact, *evidence))
    if not any(counted):
        evidence.append(from_report("the kernel's counter of OOM kills did not move", "so it was not the kernel"))
    text = "killed-other: the agent was killed from outside, and the build with it"
    return Draft("killed-other", "likely", text, evidence=tuple(evidence))


def stopped(facts: Facts, said: Finding | None) -> Draft:
    """The verdict on a stopped build that was not swapping."""
    evidence = _stop_evidence(facts.ended, said)
    if facts.report is not None:
        figures = _figures(facts.report)
        if figures is not None and figures[2] is not None:
            evidence.append(from_report(f"{figures[2]:.0%} of the memory was free at the end", "memory to spare"))
    if facts.ended.silent_seconds is not None:
        why = f"it was stopped after {duration(facts.ended.silent_seconds)} without output"
    elif said is not None and said.means == "silent":
        why = "it was stopped because it printed nothing for too long"
    elif said is not None:
        why = "it was stopped because it took too long or was cancelled"
    elif facts.signal is not None:
        why = f"it ended by signal {facts.signal}"
    elif facts.report is not None and facts.report.outcome.stopped:
        why = f"it was stopped by {facts.report.outcome.stopped}"
    else:
        why = "it was stopped"
    return Draft(
        "killed-other", "likely", f"killed-other: the build did not fail by itself: {why}", evidence=tuple(evidence)
    )


def _stop_evidence(ended: Ended, said: Finding | None) -> list[Evidence]:
    return [from_log(said, "the build was stopped")] if said is not None else []


def _by_words(ended: Ended, said: Finding | None, evidence: list[Evidence]) -> Draft | None:
    if ended.silent_seconds is None and (said is None or said.means != "silent"):
        return None
    silent = (
        f"{duration(ended.silent_seconds)} without output"
        if ended.silent_seconds is not None
        else "a long time without output"
    )
    return Draft(
        "thrashing",
        "possible",
        f"thrashing: the build was stopped after {silent}; a machine that swaps looks so, but nothing shows that "
        f"it did",
        evidence=tuple(evidence),
    )


def _figures(report: Report) -> tuple[float | None, float | None, float | None, float] | None:
    """Bytes swapped per second, part of the time stalled, part of RAM free over the last minutes; how many seconds."""
    samples = report.samples
    times = samples.column("seconds")
    known = [(number, time) for number, time in enumerate(times) if time is not None]
    if len(known) < 2:
        return None
    last, end = known[-1]
    first, begin = next((each for each in known if each[1] >= end - _LAST_SECONDS), known[0])
    seconds = end - begin
    if seconds < _LEAST_SECONDS:
        return None
    swapped = [_growth(samples, name, first, last) for name in ("swapped_in_bytes", "swapped_out_bytes")]
    moved = [each for each in swapped if each is not None]
    stalled = _growth(samples, "pressure_full_seconds", first, last)
    available = [each for each in samples.column("memory_available_bytes")[first : last + 1] if each is not None]
    free = (
        min(1.0, sorted(available)[len(available) // 2] / report.limits.memory_bytes)
        if available and report.limits.memory_bytes
        else None
    )
    return (
        sum(moved) / seconds if moved else None,
        stalled / seconds if stalled is not None else None,
        free,
        seconds,
    )


def _growth(samples: Samples, name: str, first: int, last: int) -> float | None:
    column = samples.column(name)
    if not column:
        return None
    begin, end = column[first], column[last]
    return None if begin is None or end is None else max(0.0, end - begin)
