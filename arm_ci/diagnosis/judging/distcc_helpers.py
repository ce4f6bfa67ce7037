"""Compiles that were sent to helpers by distcc: how many they did, and that one which they did not is no failure."""

from __future__ import annotations

from arm_ci.agent.edges.command_line import REMOTE
from arm_ci.agent.report import Report


def where_compiled(report: Report) -> str:
    """`24 compiled by helpers, 1 here`; a compile that no helper did counts once, as the one here."""
    compiles = [edge for edge in report.edges if edge.kind == "compile"]
    by_helpers = sum(edge.program == REMOTE and not edge.failed for edge in compiles)
    return f"{by_helpers} compiled by helpers, {sum(edge.program != REMOTE for edge in compiles)} here"


def without_refusals(report: Report) -> Report:
    """The report without edges that asked helpers in vain: the compiler's own, which follows each, says how it went."""
    return report._replace(edges=tuple(edge for edge in report.edges if edge.program != REMOTE or not edge.failed))
