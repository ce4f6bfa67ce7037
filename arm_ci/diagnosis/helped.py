"""Where a build's compiles ran: on helpers by distcc, or on the board itself."""

from __future__ import annotations

from arm_ci.agent.commands import REMOTE
from arm_ci.agent.report import Report


def where_compiled(report: Report) -> str:
    """`24 compiled by helpers, 1 here`; a compile that no helper did counts once, as the one here."""
    compiles = [edge for edge in report.edges if edge.kind == "compile"]
    helped = sum(edge.program == REMOTE and edge.exit_status == 0 for edge in compiles)
    return f"{helped} compiled by helpers, {sum(edge.program != REMOTE for edge in compiles)} here"
