"""How a build was fitted into memory, for its page: what was known, what waited, was suspended or ran again, and what
was built differently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from arm_ci.agent.peaks import need_bytes
from arm_ci.agent.report import FILE_PAGES, OOM_KILL, Admission, Edge, Report
from arm_ci.diagnosis.figures import count, usable
from arm_ci.diagnosis.judging.fallback_edges import edges_with_fallback
from arm_ci.diagnosis.judging.second_tries import ran_again
from arm_ci.diagnosis.page.cells import Fact, ended, path_cell, seconds_cell, size_cell
from arm_ci.diagnosis.page.shown_text import LONGEST_NAME, shortened

LONGEST_WAITS = 20
_MOST_REPEATED = 20
_MOST_SUSPENDED = 20
_MOST_TRIES = 5
_NOTICED_SECONDS = 0.05
"""Who waited less was let in at once."""
_EXPECTED_BY = {
    "history": "earlier builds",
    "similar": "edges like it",
    "inputs": "the size of its inputs",
    "default": "nothing known",
}
_RAN_AGAIN_BECAUSE = {OOM_KILL: "memory killed it", FILE_PAGES: "it left no room for file pages and was ended"}

Row = TypeVar("Row")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """Rows of a table, and in words how many there are in all."""

    rows: tuple[Row, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class WaitRow:
    """An edge that waited before it was let in."""

    name: str
    waited: str
    expected: str
    expected_by: str
    took: str


@dataclass(frozen=True)
class RepeatedRow:
    """An output whose command ran more than once."""

    name: str
    times: int
    ended: str
    because: str


@dataclass(frozen=True)
class SuspendedRow:
    """An edge that was suspended for a while."""

    name: str
    suspended: str
    wall: str
    because: str
    took: str


@dataclass(frozen=True)
class FallbackRow:
    """An output that was built differently from what the build asked for."""

    name: str
    how: str
    ended: str


@dataclass(frozen=True)
class AdmissionSection:
    """All of it. What has no rows, and no facts, is not shown."""

    facts: tuple[Fact, ...]
    waits: Listing[WaitRow]
    repeated: Listing[RepeatedRow]
    suspended: Listing[SuspendedRow]
    fallbacks: Listing[FallbackRow]


def admission_section(report: Report) -> AdmissionSection:
    """What a report says about admission."""
    return AdmissionSection(
        _facts(report), _waits(report.edges), _repeated(report.edges), _suspended(report), _fallbacks(report)
    )


def _facts(report: Report) -> tuple[Fact, ...]:
    admission = report.admission
    if not admission.cores:
        return ()
    known = count(admission.learned, "edge") if admission.learned else "no edge: peaks were guessed"
    return (
        Fact("edges at once at most", str(admission.cores)),
        Fact("RAM for them", size_cell(admission.budget_bytes)),
        Fact("swap for them", size_cell(admission.swap_bytes) if admission.swap_bytes else "none"),
        Fact("known from earlier builds", known),
        Fact("waited at once at most", count(admission.most_waiting, "edge")),
        Fact("ran again", _if_any(ran_again(report), "edge")),
        Fact("started before all was free that they need", _started_in_part(admission)),
        Fact("suspended because the machine paged", _if_any(admission.suspensions, "time")),
        Fact("does not fit alone", path_cell(admission.does_not_fit)),
    )


def _if_any(number: int, one: str) -> str:
    return count(number, one) if number else ""


def _started_in_part(admission: Admission) -> str:
    if not admission.partial_starts:
        return ""
    stops = (
        f", suspended {count(admission.partial_start_suspensions, 'time')} until it was"
        if admission.partial_start_suspensions
        else ""
    )
    return count(admission.partial_starts, "edge") + stops


def _waits(edges: Iterable[Edge]) -> Listing[WaitRow]:
    waited = sorted((edge for edge in edges if edge.waited_seconds >= _NOTICED_SECONDS), key=_waited, reverse=True)
    rows = tuple(map(_wait_row, waited[:LONGEST_WAITS]))
    return Listing(rows, f"{len(rows)} of {count(len(waited), 'edge')} that waited" if rows else "no edge had to wait")


def _waited(edge: Edge) -> float:
    return usable(edge.waited_seconds) or 0.0


def _wait_row(edge: Edge) -> WaitRow:
    by = shortened(_EXPECTED_BY.get(edge.expected_by, edge.expected_by), LONGEST_NAME)
    return WaitRow(
        name=_name(edge),
        waited=seconds_cell(edge.waited_seconds),
        expected=size_cell(edge.expected_bytes),
        expected_by=by + (", alone" if edge.alone else ""),
        took=size_cell(need_bytes(edge)),
    )


def _name(edge: Edge) -> str:
    return path_cell(edge.output or edge.program)


def _repeated(edges: Iterable[Edge]) -> Listing[RepeatedRow]:
    """Edges whose command was run again. That a build makes an output twice by itself, as libtool does, is its own."""
    runs: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        if edge.output:
            runs.setdefault((edge.directory, edge.output), []).append(edge)
    again = [tries for tries in runs.values() if any(edge.run_again or edge.attempts > 1 for edge in tries)]
    rows = tuple(map(_repeated_row, again[:_MOST_REPEATED]))
    return Listing(rows, _of(len(rows), len(again), "output"))


def _repeated_row(tries: Sequence[Edge]) -> RepeatedRow:
    last = tries[-_MOST_TRIES:]
    return RepeatedRow(
        name=_name(tries[-1]),
        times=max(len(tries), tries[-1].attempts),
        ended=", then ".join(map(ended, last)),
        because=shortened("; ".join(_why_again(edge) for edge in last if edge.run_again)),
    )


def _why_again(edge: Edge) -> str:
    """Why a try was not the last: `memory killed it when it held 300 MB`."""
    reason = _RAN_AGAIN_BECAUSE.get(edge.run_again, edge.run_again)
    held = size_cell(edge.peak_anonymous_swap_bytes)
    return reason + (f" when it held {held}" if held else "") + (" though it ran alone" if edge.alone else "")


def _suspended(report: Report) -> Listing[SuspendedRow]:
    suspended = sorted(
        (edge for edge in report.edges if edge.suspended_seconds), key=lambda edge: -edge.suspended_seconds
    )
    rows = tuple(_suspended_row(edge, report) for edge in suspended[:_MOST_SUSPENDED])
    return Listing(rows, _of(len(rows), len(suspended), "edge"))


def _suspended_row(edge: Edge, report: Report) -> SuspendedRow:
    # Without swap nothing is suspended because of paging: that would give nothing back.
    is_short = edge.partial_start or not report.admission.swap_bytes
    return SuspendedRow(
        name=_name(edge),
        suspended=seconds_cell(edge.suspended_seconds),
        wall=seconds_cell(edge.wall_seconds),
        because="what it would take next was not free" if is_short else "the machine paged too much",
        took=size_cell(need_bytes(edge)),
    )


def _fallbacks(report: Report) -> Listing[FallbackRow]:
    """Every output that was built differently, however many: nobody is to find that out later."""
    edges = edges_with_fallback(report)
    rows = tuple(FallbackRow(path_cell(edge.output), shortened(edge.fallback), ended(edge)) for edge in edges)
    return Listing(rows, count(len(rows), "output"))


def _of(shown: int, there: int, what: str) -> str:
    return count(there, what) if shown == there else f"{shown} of {count(there, what)}"
