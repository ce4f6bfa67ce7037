"""How a build was fitted into memory, for its page: what was known, what waited, was stopped or ran again, and what
was built differently."""

from __future__ import annotations

from collections.abc import Sequence

from arm_ci.agent.peaks import need_bytes
from arm_ci.agent.report import FILE_PAGES, OOM_KILL, Admission, Edge, Report
from arm_ci.diagnosis.figures import count, usable
from arm_ci.diagnosis.judging.fallback_edges import built_differently
from arm_ci.diagnosis.judging.second_tries import ran_again
from arm_ci.diagnosis.page.markup import escaped
from arm_ci.diagnosis.page.pieces import (
    LONGEST_PATH,
    LONGEST_TEXT,
    definitions,
    ended,
    seconds_cell,
    section,
    size_cell,
    table,
)

LONGEST_WAITS = 20
_REPEATED = 20
_HELD = 20
_NOTICED_SECONDS = 0.05
"""Who waited less was let in at once."""
_BY = {
    "history": "earlier builds",
    "kin": "edges like it",
    "inputs": "the size of its inputs",
    "default": "nothing known",
}
_WHY = {OOM_KILL: "memory killed it", FILE_PAGES: "it left no room for file pages and was ended"}


def admission_sections(report: Report) -> list[str]:
    """Sections as HTML; an empty text for each that has nothing to say."""
    return [_fitted(report), _repeated(report), _held(report), _differently(report)]


def _fitted(report: Report) -> str:
    admission = report.admission
    if not admission.cores:
        return ""
    known = count(admission.learned, "edge") if admission.learned else "no edge: peaks were guessed"
    again = ran_again(report)
    facts = [
        ("edges at once at most", str(admission.cores)),
        ("RAM for them", size_cell(admission.budget_bytes)),
        ("swap for them", size_cell(admission.swap_bytes) if admission.swap_bytes else "none"),
        ("known from earlier builds", known),
        ("waited at once at most", count(admission.most_waiting, "edge")),
        ("ran again", count(again, "edge") if again else ""),
        ("started before all was free that they need", _started_in_part(admission)),
        ("stopped because the machine paged", count(admission.holds, "time") if admission.holds else ""),
        ("does not fit alone", escaped(admission.does_not_fit, LONGEST_PATH)),
    ]
    waited = [edge for edge in report.edges if edge.waited_seconds >= _NOTICED_SECONDS]
    rows = [_wait_row(edge) for edge in sorted(waited, key=_waited, reverse=True)[:LONGEST_WAITS]]
    head = (
        '<th>waited longest</th><th class="number">waited</th><th class="number">expected</th><th>because of</th>'
        '<th class="number">took</th>'
    )
    note = f"{len(rows)} of {count(len(waited), 'edge')} that waited" if waited else "no edge had to wait"
    return section(
        "How the build was fitted into memory", definitions(facts) + (table(head, rows) if rows else ""), note
    )


def _started_in_part(admission: Admission) -> str:
    if not admission.part_starts:
        return ""
    stops = f", stopped {count(admission.part_holds, 'time')} until it was" if admission.part_holds else ""
    return count(admission.part_starts, "edge") + stops


def _waited(edge: Edge) -> float:
    return usable(edge.waited_seconds) or 0.0


def _wait_row(edge: Edge) -> str:
    expected = "" if edge.expected_bytes is None else size_cell(edge.expected_bytes)
    return (
        f"<td>{_name(edge)}</td>"
        f'<td class="number">{seconds_cell(edge.waited_seconds)}</td><td class="number">{expected}</td>'
        f"<td>{escaped(_BY.get(edge.expected_by, edge.expected_by), 40)}{', alone' if edge.alone else ''}</td>"
        f'<td class="number">{size_cell(need_bytes(edge))}</td>'
    )


def _name(edge: Edge) -> str:
    return escaped(edge.output or edge.program, LONGEST_PATH)


def _repeated(report: Report) -> str:
    """Edges whose command was run again. That a build makes an output twice by itself, as libtool does, is its own."""
    runs: dict[tuple[str, str], list[Edge]] = {}
    for edge in report.edges:
        if edge.output:
            runs.setdefault((edge.directory, edge.output), []).append(edge)
    again = [edges for edges in runs.values() if any(edge.run_again or edge.attempts > 1 for edge in edges)]
    if not again:
        return ""
    rows = [
        f"<td>{_name(edges[-1])}</td>"
        f'<td class="number">{max(len(edges), edges[-1].attempts)}</td>'
        f"<td>{escaped(', then '.join(map(ended, edges[-5:])))}</td><td>{escaped(_why(edges[-5:]))}</td>"
        for edges in again[:_REPEATED]
    ]
    head = '<th>output</th><th class="number">times</th><th>ended</th><th>because</th>'
    return section("Edges that ran more than once", table(head, rows), _of(len(rows), len(again), "output"))


def _why(edges: Sequence[Edge]) -> str:
    """Why the tries were not the last: `memory killed it when it held 300 MB`."""
    reasons = []
    for edge in edges:
        if edge.run_again:
            held = size_cell(edge.peak_anonymous_swap_bytes)
            alone = " though it ran alone" if edge.alone else ""
            reasons.append(
                f"{_WHY.get(edge.run_again, edge.run_again)}{f' when it held {held}' if held else ''}{alone}"
            )
    return "; ".join(reasons)


def _held(report: Report) -> str:
    held = sorted((edge for edge in report.edges if edge.held_seconds), key=lambda edge: -edge.held_seconds)
    if not held:
        return ""
    rows = [
        f'<td>{_name(edge)}</td><td class="number">{seconds_cell(edge.held_seconds)}</td>'
        f'<td class="number">{seconds_cell(edge.wall_seconds)}</td>'
        f"<td>{_why_held(edge, report)}</td>"
        f'<td class="number">{size_cell(need_bytes(edge))}</td>'
        for edge in held[:_HELD]
    ]
    head = (
        '<th>output</th><th class="number">stopped</th><th class="number">of</th><th>because</th>'
        '<th class="number">took</th>'
    )
    note = _of(len(rows), len(held), "edge")
    return section("Edges that were stopped for a while", table(head, rows), note)


def _why_held(edge: Edge, report: Report) -> str:
    # Without swap nothing is stopped because of paging: that would give nothing back.
    is_short = edge.in_part or not report.admission.swap_bytes
    return "what it would take next was not free" if is_short else "the machine paged too much"


def _differently(report: Report) -> str:
    """Every output that was built differently, however many: nobody is to find that out later."""
    edges = built_differently(report)
    if not edges:
        return ""
    rows = [
        f"<td>{escaped(edge.output, LONGEST_PATH)}</td><td>{escaped(edge.fallback, LONGEST_TEXT)}</td>"
        f'<td class="short">{escaped(ended(edge))}</td>'
        for edge in edges
    ]
    head = "<th>output</th><th>how</th><th>ended</th>"
    return section("Edges that were built differently", table(head, rows), count(len(edges), "output"))


def _of(shown: int, there: int, what: str) -> str:
    return count(there, what) if shown == there else f"{shown} of {count(there, what)}"
