"""The table of the largest edges of a build, for its page: what each took, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.figures import count, usable
from arm_ci.diagnosis.judging.failed_edge import held
from arm_ci.diagnosis.page.cells import ended, path_cell, seconds_cell, size_cell
from arm_ci.diagnosis.page.shown_text import LONGEST_NAME, shortened

LARGEST = 20


@dataclass(frozen=True)
class EdgeRow:
    """One edge. `bar_percent`: what it held in RAM and swap, of what the largest held."""

    name: str
    program: str
    kind: str
    wall: str
    cpu: str
    rss: str
    anonymous_swap: str
    bar_percent: int
    swap: str
    virtual: str
    ended: str
    is_failed: bool


@dataclass(frozen=True)
class LargestEdges:
    """The table, and in words how many edges there are in all."""

    rows: tuple[EdgeRow, ...]
    note: str


def largest_edges(report: Report, failed: Edge | None) -> LargestEdges:
    """The largest edges, and always the failed one."""
    largest = sorted(report.edges, key=_held, reverse=True)[:LARGEST]
    if failed is not None and failed not in largest:
        largest[-1] = failed
    most = max(map(_held, largest), default=0.0) or 1.0
    rows = tuple(_row(edge, most, edge is failed) for edge in largest)
    return LargestEdges(rows, f"{len(rows)} of {count(len(report.edges), 'edge')}")


def _held(edge: Edge) -> float:
    return usable(held(edge)) or 0.0


def _row(edge: Edge, most: float, is_culprit: bool) -> EdgeRow:
    program = edge.program if not edge.heaviest or edge.heaviest == edge.program else f"{edge.program}: {edge.heaviest}"
    return EdgeRow(
        name=path_cell(edge.output or " ".join(edge.argv)),
        program=shortened(program, LONGEST_NAME),
        kind=shortened(edge.kind, LONGEST_NAME),
        wall=seconds_cell(edge.wall_seconds),
        cpu=seconds_cell(edge.cpu_seconds),
        rss=size_cell(edge.peak_rss_bytes),
        anonymous_swap=size_cell(edge.peak_anonymous_swap_bytes),
        bar_percent=round(100 * _held(edge) / most),
        swap=size_cell(edge.peak_swap_bytes),
        virtual=size_cell(edge.peak_virtual_bytes),
        ended=ended(edge) + (", ran again" if edge.run_again else ""),
        is_failed=is_culprit or (edge.failed and not edge.run_again),
    )
