"""A step whose commands run under the agent: it reads the agent's report, and ends with the verdict.

The verdict's sentence is the step's and the build's; its page is a log, its machine form is build data.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

from buildbot.process.results import SUCCESS
from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.agent.report import Edge, Report, ReportError
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import Verdict
from arm_ci.plan import Command
from arm_ci.plan.agent_command import finish, report_path, watched
from arm_ci.steps.base import LineTaker, RecipeStep, fell_silent

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
_SOURCE = "arm_ci"


def how_ended(remote: Any) -> Ended:
    """How a finished remote command ended, for the judge."""
    status = remote.rc
    if status is None or status < 0:
        # Buildbot's worker gives -1 for any signal; that of the agent itself is nearly always SIGKILL.
        return Ended(exit_status=None, signal=9 if status == -1 else None, silent_seconds=_silence(remote))
    number = status - 128 if 128 < status < 128 + 65 else None
    return Ended(exit_status=status, signal=number, silent_seconds=_silence(remote))


def _silence(remote: Any) -> int | None:
    return int(remote.args["timeout"]) if fell_silent(remote) else None


def failed_link(verdict: Verdict, report: Report | None) -> Edge | None:
    """The link that the verdict is about; None when it is about something else."""
    edge = verdict.edge_of(report)
    return edge if edge is not None and edge.kind == "link" and edge.exit_status != 0 else None


class WatchedStep(RecipeStep):
    """Runs commands under the agent, one after the other, until one fails."""

    last_report: Report | None = None
    """Of the last command that ended and was not interrupted."""

    async def run_watched(self, commands: Sequence[Command], stage: str, take: LineTaker) -> Verdict:
        """The verdict of the last command that ran: `ok`, or why it failed. `stage` names the report on the worker."""
        verdict = None
        for command in commands:
            verdict, self.last_report, _ = await self.run_one(command, stage, take)
            await self.publish(verdict, self.last_report)
            if verdict.kind != "ok":
                break
        assert verdict
        return verdict

    async def run_one(self, command: Command, stage: str, take: LineTaker) -> tuple[Verdict, Report | None, Any]:
        """Runs one command: the verdict, the agent's report, and the finished remote command."""
        scanner = LogScanner()

        def take_both(line: str) -> None:
            scanner.feed(line.encode("utf-8", "replace") + b"\n")
            take(line)

        remote = await self.execute(watched(command, self.places, stage), take_both)
        report = await self.report(stage)
        verdict: Verdict = await deferToThread(judge, scanner.finish(), report, (), how_ended(remote))
        return verdict, report, remote

    async def report(self, stage: str) -> Report | None:
        """The agent's report, or None when there is none: the worker ran out of everything, or lost it."""
        path = str(report_path(self.places, stage))
        text = await self.getFileContentFromWorker(path)
        if text is None:
            remote = await self.execute(finish(self.places, stage), stdioLogName=None, collectStdout=True)
            # Where it could not be written, it was at least printed.
            text = await self.getFileContentFromWorker(path) or remote.stdout
        try:
            return Report.from_text(text if isinstance(text, str) else text.decode())
        except (ReportError, UnicodeDecodeError) as error:
            log.msg(f"{self.where}: no report of stage {stage}: {error}")
            return None

    async def publish(self, verdict: Verdict, report: Report | None) -> None:
        """The page as a log, the machine forms as build data."""
        if verdict.kind == "ok" and (report is None or not report.edges):
            return  # nothing to look at
        if VERDICT not in self.logs:
            await self.addHTMLLog(VERDICT, await deferToThread(page, verdict, report))
        await self.setBuildData(VERDICT, json.dumps(verdict.to_json()).encode(), _SOURCE)
        self.setProperty(VERDICT_PROPERTY, verdict.kind, self.name)
        if link := failed_link(verdict, report):
            self.setProperty(FAILED_LINK_PROPERTY, link.output, self.name)
            self.setProperty(FAILED_LINK_NUMBER_PROPERTY, link.number, self.name)
        if report is not None:
            packed = gzip.compress(json.dumps(report.to_json(), separators=(",", ":")).encode(), 6)
            await self.setBuildData(REPORT, packed, _SOURCE)

    def end_with(self, verdict: Verdict, well: str) -> int:
        """Ends the step: with the sentence `well`, or failed with the verdict's."""
        if verdict.kind != "ok":
            return self.fail(verdict.sentence)
        self.say(well)
        return int(SUCCESS)
