"""A step that may end with a verdict: its sentence is the step's and the build's, its page is a log.

Its machine form is build data, its kind a property of the build.
"""

from __future__ import annotations

import gzip
import json

from buildbot.process.results import SUCCESS
from twisted.internet.threads import deferToThread

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.verdict import Verdict
from arm_ci.steps.base import RecipeStep

VERDICT = "verdict"
"""Name of the log with the page, and of the build data with the machine form."""
REPORT = "report"
"""Build data: the agent's report as gzipped JSON."""
VERDICT_PROPERTY = "verdict"
"""Property of the build: the kind of its verdict."""
FAILED_LINK_PROPERTY = "failed_link"
"""Property of the build: the output of the link that the verdict is about, if it is about one."""
FAILED_LINK_NUMBER_PROPERTY = "failed_link_number"
"""Property of the build: the number that the report gives to that link."""
SOURCE = "arm_ci"
"""Who has set a build's data."""


def failed_link(verdict: Verdict, report: Report | None) -> Edge | None:
    """The link that the verdict is about; None when it is about something else."""
    edge = verdict.edge_of(report)
    return edge if edge is not None and edge.kind == "link" and edge.exit_status != 0 else None


class VerdictStep(RecipeStep):
    """Publishes a verdict, and ends with it."""

    async def publish(self, verdict: Verdict, report: Report | None) -> None:
        """The page as a log, the machine forms as build data."""
        if verdict.kind == "ok" and (report is None or not report.edges):
            return  # nothing to look at
        if VERDICT not in self.logs:
            await self.addHTMLLog(VERDICT, await deferToThread(page, verdict, report))
        await self.setBuildData(VERDICT, json.dumps(verdict.to_json()).encode(), SOURCE)
        self.setProperty(VERDICT_PROPERTY, verdict.kind, self.name)
        if link := failed_link(verdict, report):
            self.setProperty(FAILED_LINK_PROPERTY, link.output, self.name)
            self.setProperty(FAILED_LINK_NUMBER_PROPERTY, link.number, self.name)
        if report is not None:
            packed = gzip.compress(json.dumps(report.to_json(), separators=(",", ":")).encode(), 6)
            await self.setBuildData(REPORT, packed, SOURCE)

    def end_with(self, verdict: Verdict, well: str) -> int:
        """Ends the step: with the sentence `well`, or failed with the verdict's."""
        if verdict.kind != "ok":
            return self.fail(verdict.sentence)
        self.say(well)
        return int(SUCCESS)
