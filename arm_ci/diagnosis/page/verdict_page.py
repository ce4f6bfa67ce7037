"""The page about one verdict: why, what would have fitted, the picture, the largest edges, and what could not be seen.

One HTML text for a browser or for a log of Buildbot: inline style, no scripts, nothing from elsewhere. What each part
says is prepared here and in the files beside this one; templates/verdict_page.html.j2 lays it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from arm_ci.agent.report import Report
from arm_ci.diagnosis.page.admission_section import admission_section
from arm_ci.diagnosis.page.cells import Fact, path_cell, size_cell
from arm_ci.diagnosis.page.largest_edges import largest_edges
from arm_ci.diagnosis.page.machine_section import machine_facts
from arm_ci.diagnosis.page.rendering import rendered
from arm_ci.diagnosis.page.timeline import picture
from arm_ci.diagnosis.verdict import CONFIDENCE_WORDS, Verdict

_SCOPE = {"system": "the machine's memory", "cgroup": "the cgroup's memory"}


@dataclass(frozen=True)
class Head:
    """What stands above everything: how sure it is, whose memory, and the figures."""

    tone: str
    """`ok`, `unknown` or `bad`, for the colour."""
    confidence: str
    scope: str
    facts: tuple[Fact, ...]


def page(verdict: Verdict, report: Report | None) -> str:
    """The whole page as HTML; `report` None: there was only a log. Raises PageError where no page can be made."""
    parts: dict[str, object] = {"verdict": verdict, "head": _head(verdict), "report": report}
    if report is not None:
        parts["picture"] = picture(report, verdict)
        parts["edges"] = largest_edges(report, verdict.edge_of(report))
        parts["admission"] = admission_section(report)
        parts["machine"] = machine_facts(report)
    return rendered("verdict_page.html.j2", **parts)


def _head(verdict: Verdict) -> Head:
    held = "held of addresses" if verdict.kind == "address-space" else "held in RAM and swap"
    return Head(
        tone=verdict.kind if verdict.kind in ("ok", "unknown") else "bad",
        confidence=f"{verdict.confidence}: {CONFIDENCE_WORDS[verdict.confidence]}",
        scope=_SCOPE.get(verdict.scope, ""),
        facts=(
            Fact("program", path_cell(verdict.program)),
            Fact("was making", path_cell(verdict.output)),
            Fact("asked for", size_cell(verdict.bytes)),
            Fact(held, size_cell(verdict.used_bytes)),
            Fact("limit", size_cell(verdict.had_bytes)),
        ),
    )
