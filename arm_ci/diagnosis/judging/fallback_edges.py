"""Edges that were built differently from what the build asked for."""

from __future__ import annotations

from arm_ci.agent.report import Edge, Report


def edges_with_fallback(report: Report | None) -> list[Edge]:
    """The last try of every output whose command was changed for it, in the order of their start."""
    if report is None:
        return []
    last = {(edge.directory, edge.output): edge for edge in report.edges}
    return [edge for edge in last.values() if edge.fallback]
