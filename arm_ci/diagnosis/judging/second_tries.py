"""Edges that memory killed and that the agent ran again: neither they nor what was said of them is a failure.

What is judged is the report and the log without them; how often it happened is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from arm_ci.agent.report import OOM_KILL, Edge, OomRecord, Report
from arm_ci.diagnosis.judging.failed_edge import same_file, same_program
from arm_ci.diagnosis.reading.findings import Finding, LogFindings

_WITH_IT = ("linker-failed", "assembler", "driver", "compile")
_NEAR_LINES = 3
"""So near to a kill stands what the same program says of it: its driver below, its assembler (`-pipe`) above."""


def tries(report: Report | None) -> list[Edge]:
    """The edges that ran again after this try."""
    return [edge for edge in report.edges if edge.run_again] if report is not None else []


def memory_kills(report: Report | None) -> list[Edge]:
    """Those of them that memory killed; others the agent has ended itself."""
    return [edge for edge in tries(report) if edge.run_again == OOM_KILL]


def ran_again(report: Report | None) -> int:
    """How many edges ran more than once."""
    # A later try may have another command (Edge.fallback).
    return len({(edge.directory, edge.output or edge.argv) for edge in tries(report)})


def settled(report: Report) -> Report:
    """The report as if the tries that were repeated had not been, nor their kills."""
    if not tries(report):
        return report
    kernel, kills = report.kernel, len(memory_kills(report))
    return report._replace(
        edges=tuple(edge for edge in report.edges if not edge.run_again),
        kernel=kernel._replace(
            oom_kills=_less(kernel.oom_kills, kills),
            cgroup_oom_kills=_less(kernel.cgroup_oom_kills, kills),
            records=settled_records(kernel.records, report),
        ),
    )


def _less(number: int | None, by: int) -> int | None:
    return None if number is None else max(0, number - by)


def settled_records(records: Sequence[OomRecord], report: Report | None) -> tuple[OomRecord, ...]:
    """The kernel's records without those of tries that were repeated: by process id, else by name."""
    left = list(records)
    for edge in memory_kills(report):
        own = [record for record in left if record.pid in edge.pids]
        if not any(record.pid in edge.pids for record in records):
            own = [record for record in left if same_program(record.program, edge.heaviest or edge.program)]
        if own:
            left.remove(own[0])
    return tuple(left)


def settled_log(log: LogFindings, report: Report | None) -> LogFindings:
    """The log without what was said of kills after which the edge ran again."""
    # A program that was killed itself, as clang is, said nothing.
    void = _lines_of([edge for edge in tries(report) if edge.signal is None], log)
    return replace(log, findings=tuple(each for each in log.findings if each.line not in void)) if void else log


def _lines_of(spoke: list[Edge], log: LogFindings) -> set[int]:
    """The lines in which these tries were said to be killed: in ninja's blocks of their outputs, else the first."""
    void: set[int] = set()
    loose = list(log.findings)
    for block in [each for each in log.findings if each.means == "edge-failed"]:
        own = [edge for edge in spoke if same_file(edge.output, block.output)]
        inside, _ = _split(log.findings, block)
        void.update(_first_kills(inside, len(own)))
        spoke = [edge for edge in spoke if edge not in own]
        _, loose = _split(loose, block)
    return void | _first_kills(loose, len(spoke))


def _split(findings: Iterable[Finding], block: Finding) -> tuple[list[Finding], list[Finding]]:
    """The lines within what ninja printed of a failed edge, and the others."""
    inside: list[Finding] = []
    outside: list[Finding] = []
    for each in findings:
        (inside if block.line < each.line <= block.last_line else outside).append(each)
    return inside, outside


def _first_kills(findings: Sequence[Finding], number: int) -> set[int]:
    """The lines of the first so many kills, with what was said beside each."""
    kills = [each.line for each in findings if each.means == "killed" and each.signal in (0, 9)][:number]
    beside = [each.line for each in findings if each.means in _WITH_IT and not each.source]
    return {*kills, *(line for line in beside if any(abs(line - kill) <= _NEAR_LINES for kill in kills))}
