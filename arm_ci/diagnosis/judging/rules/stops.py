"""Builds that were stopped for silence or for taking too long: swapping themselves to death, or not for memory."""

from __future__ import annotations

from dataclasses import replace

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.figures import duration, size
from arm_ci.diagnosis.judging.case import Case
from arm_ci.diagnosis.judging.draft_verdict import Draft, from_log, from_report
from arm_ci.diagnosis.judging.swapping import LastMinutes, last_minutes
from arm_ci.diagnosis.verdict import Evidence


def swapping(case: Case) -> Draft | None:
    """A stopped or killed build whose machine did nothing but swap, and no tool says why anything failed."""
    if case.told_causes or not (case.was_stopped or case.signal == 9):
        return None
    if case.report is None:
        return _swapping_perhaps(case)
    last = last_minutes(case.report)
    if last is None or not (last.swaps or last.stalls):
        return None
    return _swapping(case.report, last, _stop_words(case))


def _swapping(report: Report, last: LastMinutes, evidence: list[Evidence]) -> Draft:
    limit = report.limits.cgroup_limit_bytes if last.in_cgroup else None
    why = f"the cgroup's limit was {size(limit)}" if limit is not None else ""
    heaviest = _heaviest(report)
    text = f"thrashing: the machine was swapping ({_rate(last)}){_over(heaviest)} until the build was stopped"
    draft = Draft(
        "thrashing",
        "certain" if last.swaps and last.stalls else "likely",
        f"{text}: {why}" if why else text,
        scope="cgroup" if last.in_cgroup else "",
        had_bytes=limit or report.limits.memory_bytes or None,
        evidence=(*evidence, *_figures(last, why)),
    )
    if heaviest is None:
        return draft
    return replace(
        draft,
        program=heaviest.heaviest or heaviest.program,
        output=heaviest.output,
        edge=heaviest,
        used_bytes=heaviest.peak_anonymous_swap_bytes,
    )


def _heaviest(report: Report) -> Edge | None:
    """The largest of the edges that ran until the build was stopped."""
    running = [edge for edge in report.edges if edge.end_seconds is None]
    return max(running, key=lambda edge: edge.peak_anonymous_swap_bytes or edge.peak_rss_bytes or 0, default=None)


def _over(edge: Edge | None) -> str:
    return f" over {edge.output}" if edge is not None and edge.output else ""


def _rate(last: LastMinutes) -> str:
    if last.swaps and last.swapped_per_second is not None:
        return f"{size(last.swapped_per_second)} a second"
    return f"waiting for memory {last.stalled or 0:.0%} of the time"


def _figures(last: LastMinutes, limit: str) -> list[Evidence]:
    """What the samples show; `limit` are words about the cgroup's, where that was reached."""
    evidence = []
    if last.swapped_per_second is not None:
        swapped = f"{size(last.swapped_per_second)} a second were swapped in and out"
        evidence.append(from_report(f"{swapped} over the last {duration(last.seconds)}", "the disk did little else"))
    if last.stalls:
        waited = f"every task waited for memory in {last.stalled:.0%} of that time"
        evidence.append(from_report(waited, "nothing else got done"))
    if limit:
        evidence.append(from_report(limit, "more than that had to be swapped"))
    elif last.free is not None:
        evidence.append(from_report(f"{last.free:.0%} of the memory was free", "memory had run out"))
    return evidence


def _swapping_perhaps(case: Case) -> Draft | None:
    """Without a report: a build that fell silent may have been swapping."""
    silent, said = case.ended.silent_seconds, case.stop_words
    if silent is None and (said is None or said.means != "silent"):
        return None
    how = f"{duration(silent)} without output" if silent is not None else "a long time without output"
    but = "a machine that swaps looks so, but nothing shows that it did"
    text = f"thrashing: the build was stopped after {how}; {but}"
    return Draft("thrashing", "possible", text, evidence=tuple(_stop_words(case)))


def stopped(case: Case) -> Draft | None:
    """A build that somebody stopped, and it was not swapping."""
    if not case.was_stopped:
        return None
    evidence = _stop_words(case)
    last = last_minutes(case.report) if case.report is not None else None
    if last is not None and last.free is not None:
        evidence.append(from_report(f"{last.free:.0%} of the memory was free at the end", "memory to spare"))
    text = f"killed-other: the build did not fail by itself: {_why_stopped(case)}"
    return Draft("killed-other", "likely", text, evidence=tuple(evidence))


def _why_stopped(case: Case) -> str:
    if case.ended.silent_seconds is not None:
        return f"it was stopped after {duration(case.ended.silent_seconds)} without output"
    if case.stop_words is not None:
        silent = case.stop_words.means == "silent"
        why = "it printed nothing for too long" if silent else "it took too long or was cancelled"
        return f"it was stopped because {why}"
    if case.signal is not None:
        return f"it ended by signal {case.signal}"
    return f"it was stopped by {case.report.outcome.stopped}" if case.report is not None else "it was stopped"


def _stop_words(case: Case) -> list[Evidence]:
    return [from_log(case.stop_words, "the build was stopped")] if case.stop_words is not None else []
