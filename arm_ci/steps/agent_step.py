"""A step whose commands run under the agent: it reads the agent's report, and ends with the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.agent.report import Report, ReportError
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import Verdict
from arm_ci.plan import Command
from arm_ci.plan.agent_command import collect_report, report_path, watched
from arm_ci.steps.base import LineTaker, fell_silent
from arm_ci.steps.verdict_step import VerdictStep


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


class WatchedStep(VerdictStep):
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
            remote = await self.execute(collect_report(self.places, stage), stdioLogName=None, collectStdout=True)
            # Where it could not be written, it was at least printed.
            text = await self.getFileContentFromWorker(path) or remote.stdout
        try:
            return Report.from_text(text if isinstance(text, str) else text.decode())
        except (ReportError, UnicodeDecodeError) as error:
            log.msg(f"{self.where}: no report of stage {stage}: {error}")
            return None
