"""The case: everything that a judgement rests on, and what every rule asks of it, found once.

Which failure the verdict is about is decided here; why that failed is for the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from arm_ci.agent.report import Edge, OomRecord, Report
from arm_ci.diagnosis.judging.attribution import failures
from arm_ci.diagnosis.judging.cause import Cause, cause_of, loose_cause
from arm_ci.diagnosis.judging.failed_edge import Culprit, edge_of, ended_by_sigkill, failed_edges
from arm_ci.diagnosis.judging.second_tries import settled, settled_log, settled_records, tries
from arm_ci.diagnosis.reading.findings import Failure, Finding, LogFindings, Means
from arm_ci.diagnosis.verdict import EXHAUSTED


@dataclass(frozen=True)
class Ended:
    """How the build command ended, as far as the step that ran it knows; all None: unknown."""

    exit_status: int | None = None
    signal: int | None = None
    silent_seconds: float | None = None
    """It was stopped because it printed nothing for so long."""


@dataclass(frozen=True)
class Case:
    """One build that is judged, without the tries of edges that ran again."""

    findings: LogFindings
    report: Report | None
    records: tuple[OomRecord, ...]
    """Kills by the kernel: from the kernel log, the report and the build log."""
    ended: Ended
    again: tuple[Edge, ...] = ()
    """Tries that memory killed and after which the agent ran the edge again; nothing else here knows of them."""

    @classmethod
    def of(cls, log: LogFindings, report: Report | None, kernel: Iterable[OomRecord], ended: Ended) -> Case:
        """The case of a build, with whatever is there of it."""
        return cls(
            settled_log(log, report),
            settled(report) if report is not None else None,
            settled_records(_every_record(log, report, kernel), report),
            ended,
            tuple(tries(report)),
        )

    # -- how it ended -----------------------------------------------------------------------------------------

    @property
    def exit_status(self) -> int | None:
        """How the command ended: as the step says, else as the report does."""
        if self.ended.exit_status is not None or self.ended.signal is not None:
            return self.ended.exit_status
        return self.report.outcome.exit_status if self.report else None

    @property
    def signal(self) -> int | None:
        """The signal that ended the command."""
        if self.ended.signal is not None or self.ended.exit_status is not None:
            return self.ended.signal
        return self.report.outcome.signal if self.report else None

    @cached_property
    def stop_words(self) -> Finding | None:
        """The words of whoever stopped the build because it was silent or took too long."""
        return self.last_loose("silent") or self.last_loose("timed-out")

    @cached_property
    def was_stopped(self) -> bool:
        """Whether somebody stopped the build. SIGKILL does not say so: the kernel sends it as well."""
        if self.ended.silent_seconds is not None or self.stop_words is not None:
            return True
        return self.signal in (1, 2, 15) or (self.report is not None and bool(self.report.outcome.stopped))

    def is_of_stop(self, finding: Finding) -> bool:
        """Whether a process may have ended only because the build was stopped: tools tell of that as of any end."""
        if finding.means == "terminated":
            return True
        if finding.means != "killed" or self.report is None:
            return False
        kernel = self.report.kernel
        return not (self.records or kernel.oom_kills or kernel.cgroup_oom_kills)

    # -- what failed, as the log says it ----------------------------------------------------------------------

    @cached_property
    def _attributed(self) -> tuple[list[Failure], list[Finding]]:
        failed, loose = failures(self.findings.findings)
        return [each for each in failed if each.output not in self.findings.rebuilt], loose

    @property
    def failures(self) -> list[Failure]:
        """The edges that the log calls failed, without those that were made later."""
        return self._attributed[0]

    @property
    def loose(self) -> list[Finding]:
        """What the log says of no edge in particular."""
        return self._attributed[1]

    def last_loose(self, means: Means) -> Finding | None:
        """The last line of this meaning that belongs to no edge."""
        return next((each for each in reversed(self.loose) if each.means == means), None)

    @cached_property
    def every_cause(self) -> list[Cause]:
        """Why each failed edge failed, as far as the log says it."""
        return [cause for cause in map(cause_of, self.failures) if cause is not None]

    @cached_property
    def causes(self) -> list[Cause]:
        """The same without what may have failed only because the build was stopped."""
        if not self.was_stopped:
            return self.every_cause
        return [cause for cause in self.every_cause if not self.is_of_stop(cause.finding)]

    @cached_property
    def told_causes(self) -> list[Cause]:
        """Those of them that the log tells; of the others it says only that an edge failed."""
        return [cause for cause in self.causes if not cause.guessed]

    @cached_property
    def exhausted(self) -> Cause | None:
        """The first failed edge of which the log says that memory or disk ran out: it explains those around it."""
        return next((cause for cause in self.told_causes if cause.kind in EXHAUSTED), None)

    @cached_property
    def cause(self) -> Cause | None:
        """What the log says of the failure that the verdict is about; None when it says nothing of any."""
        if self.told_causes:
            return self.exhausted or self.told_causes[0]
        loose = [each for each in self.loose if not (self.was_stopped and self.is_of_stop(each))]
        cause = loose_cause(loose)
        if cause is not None and self.stop_words is not None and cause.kind in ("killed-other", "oom-kill"):
            # Whoever stopped the build says how it ended, with a status of 137 or 143.
            return None
        return cause

    @property
    def other_causes(self) -> list[Cause]:
        """What the log says of the other failures."""
        return [cause for cause in self.causes if cause is not self.cause]

    # -- the failed edge --------------------------------------------------------------------------------------

    def culprit_of(self, cause: Cause) -> Culprit:
        """A failure of the log with the report's edge."""
        return Culprit(cause, edge_of(cause, self.report))

    @cached_property
    def culprit(self) -> Culprit:
        """The failure that the verdict is about, with the report's edge; an empty one where the log tells of none."""
        return self.culprit_of(self.cause) if self.cause is not None else Culprit()

    @cached_property
    def recorded_edge(self) -> Edge | None:
        """The edge that a record of the kernel names by a process id."""
        pids = {record.pid for record in self.records}
        return next((edge for edge in self._unwell if pids.intersection(edge.pids)), None)

    @cached_property
    def edge_ended_by_sigkill(self) -> Edge | None:
        """The first edge that ended by SIGKILL, as the report has it."""
        return next((edge for edge in self._unwell if ended_by_sigkill(edge)), None)

    @property
    def _unwell(self) -> list[Edge]:
        # Of what ran when the agent was killed as well nobody saw the end.
        running = [edge for edge in self.report.edges if edge.end_seconds is None] if self.report else []
        return [*failed_edges(self.report), *running]


def _every_record(log: LogFindings, report: Report | None, kernel: Iterable[OomRecord]) -> tuple[OomRecord, ...]:
    every = [*kernel]
    for more in (report.kernel.records if report else (), log.kernel):
        known = {(each.pid, each.program) for each in every}
        every += [each for each in more if (each.pid, each.program) not in known]
    return tuple(every)
