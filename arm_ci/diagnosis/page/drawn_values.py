"""What the picture of a build shows, before it has places: the memory curves, the edges and the moments of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import usable
from arm_ci.diagnosis.judging.failed_edge import held
from arm_ci.diagnosis.page.curves import Point, curve, usable_seconds

_MOST_EDGES = 8
_MOST_MOMENTS = 12
_LONGEST_OUTPUT = 40


@dataclass(frozen=True)
class MemoryCurves:
    """Memory over time, of the build's cgroup or of the whole machine. Bytes; a limit of 0 is not known."""

    name: str
    limit_name: str
    ram: Sequence[Point]
    swap: Sequence[Point]
    limit: float

    @property
    def has_swap(self) -> bool:
        """Whether any swap was ever in use."""
        return any(value for _, value in self.swap)

    @property
    def together(self) -> Sequence[Point]:
        """RAM and swap."""
        swap = dict(self.swap)
        return [(at, value + swap.get(at, 0)) for at, value in self.ram]


def memory_curves(report: Report, situation: Situation) -> MemoryCurves:
    """The cgroup's memory where that and its limit are known, otherwise the machine's."""
    samples, limits = report.samples, report.limits
    ram = curve(samples, "cgroup_bytes")
    limit = usable(situation.ram) if situation.in_cgroup else usable(limits.cgroup_limit_bytes)
    if ram and limit:
        swap = curve(samples, "cgroup_swap_bytes")
        return MemoryCurves("Memory of the build's cgroup", "limit of the cgroup", ram, swap, limit)
    total = usable(limits.memory_bytes) or 0
    ram = [(at, max(total - free, 0)) for at, free in curve(samples, "memory_available_bytes")]
    return MemoryCurves("Memory of the machine", "RAM", ram, curve(samples, "swap_used_bytes"), total)


def last_moment(report: Report) -> float:
    """The last moment that anything is known of, in seconds; never 0."""
    times = [usable_seconds(report.outcome.seconds)]
    times += [usable_seconds(at) for at in report.samples.column("seconds")]
    for edge in report.edges:
        times += [usable_seconds(edge.start_seconds), usable_seconds(edge.end_seconds)]
    return max([at for at in times if at is not None] + [0.1])


def drawn_edges(edges: Sequence[Edge], culprit: Edge | None) -> list[Edge]:
    """The culprit and the largest edges, in the order of their start."""
    largest = sorted(edges, key=lambda edge: (edge is culprit, usable(held(edge)) or 0.0), reverse=True)[:_MOST_EDGES]
    return sorted(largest, key=lambda edge: usable_seconds(edge.start_seconds) or 0.0)


def moments(report: Report, situation: Situation) -> list[tuple[float, str]]:
    """When something was killed or failed, in seconds; the one that the verdict is about has words."""
    if situation.verdict.kind == "ok":
        return []
    return (_verdicts_moment(report, situation) + _kills(report, situation.edge))[:_MOST_MOMENTS]


def _verdicts_moment(report: Report, situation: Situation) -> list[tuple[float, str]]:
    kind, culprit = situation.verdict.kind, situation.edge
    if culprit is None:
        return [(last_moment(report), kind)] if report.edges or report.samples.rows else []
    end = usable_seconds(culprit.end_seconds)
    if end is None:
        end = usable_seconds(report.outcome.seconds) or 0.0
    where = f" making {culprit.output[-_LONGEST_OUTPUT:]}" if culprit.output else ""
    return [(end, f"{kind}: {situation.program or culprit.program}{where}")]


def _kills(report: Report, culprit: Edge | None) -> list[tuple[float, str]]:
    """Of edges that did not run again and are not the culprit."""
    killed = {record.pid for record in report.kernel.records}
    found = []
    for edge in report.edges:
        at = usable_seconds(edge.end_seconds)
        is_other = edge is not culprit and not edge.run_again
        if is_other and at is not None and (edge.signal == 9 or killed.intersection(edge.pids)):
            found.append((at, ""))
    return found
