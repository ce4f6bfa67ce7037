"""The failed edge: what the log says of it and what the report knows of the same one, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arm_ci.agent import tools
from arm_ci.agent.report import Edge, OomRecord, Report
from arm_ci.diagnosis.figures import usable
from arm_ci.diagnosis.judging.cause import Cause
from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.recognisers.recogniser import program_name

_KERNEL_NAME = 15
"""The kernel keeps so many characters of a process's name."""
_MOST_OF_32_BITS = 1 << 32
_PASSES_ON = ("make", "gmake", "ninja", "sh", "bash", "dash", "cmake", "ctest", "python3", "python", "libtool")


@dataclass(frozen=True)
class Culprit:
    """One failed edge; at least one of the two is there, unless nothing is known."""

    cause: Cause | None = None
    edge: Edge | None = None

    @property
    def program(self) -> str:
        """Its program: as the log says, else the heaviest process of the edge."""
        if self.cause is not None and self.cause.program:
            named = self.cause.program
            return named if named != tools.ANY_LINKER or self.edge is None else _linker(self.edge)
        if self.edge is None:
            return ""
        heaviest = program_name(self.edge.heaviest)
        if heaviest in (tools.ANY_LINKER, tools.LINK_DRIVER):
            return _linker(self.edge)
        return heaviest or program_name(self.edge.program)

    @property
    def output(self) -> str:
        """What it was making."""
        if self.cause is not None and self.cause.output:
            return self.cause.output
        return self.edge.output if self.edge is not None else ""

    @property
    def asked_bytes(self) -> int | None:
        """What the refused request asked for."""
        return self.cause.bytes if self.cause is not None else None

    @property
    def held_bytes(self) -> int | None:
        """What it held in RAM and swap, at most."""
        edge = self.edge
        if edge is None:
            return None
        known = [each for each in (edge.peak_anonymous_swap_bytes, edge.peak_rss_bytes) if each]
        return max(known) if known else None


def edge_of(cause: Cause, report: Report | None) -> Edge | None:
    """The report's edge that this cause is about; None when there is no such edge."""
    if report is None:
        return None
    named = edge_making(cause.output, report)
    if named is not None:
        return named
    proper = [edge for edge in report.edges if edge.failed and program_name(edge.program) not in _PASSES_ON]
    if len(proper) == 1:
        return proper[0]
    alike = [edge for edge in proper if same_program(edge.heaviest or edge.program, cause.program)]
    return alike[0] if len(alike) == 1 else None


def edge_making(output: str, report: Report | None) -> Edge | None:
    """The edge that makes this file: the first that failed, else the last."""
    named = [edge for edge in report.edges if same_file(edge.output, output)] if report is not None else []
    return next((edge for edge in named if edge.failed), named[-1] if named else None)


def largest_of(program: str, report: Report | None) -> Edge | None:
    """The largest edge of a program among those that failed or whose end nobody saw."""
    if report is None or not program:
        return None
    name = program[:_KERNEL_NAME]
    unwell = [edge for edge in report.edges if edge.failed or edge.end_seconds is None]
    alike = [edge for edge in unwell if name in (edge.heaviest, edge.program[:_KERNEL_NAME])]
    return max(alike, key=held, default=None)


def held(edge: Edge) -> int:
    """What an edge held in RAM and swap at most, as far as it was seen."""
    return int(usable(edge.peak_anonymous_swap_bytes) or usable(edge.peak_rss_bytes) or 0)


def ended_by_sigkill(edge: Edge) -> bool:
    """Whether an edge ended by SIGKILL, itself or a process whose end a shell passed on."""
    return edge.signal == 9 or edge.exit_status == 137


def addresses_seen(edge: Edge | None) -> int | None:
    """The most addresses that an edge had, as far as seen; what an emulator takes for itself does not count."""
    if edge is None or edge.peak_virtual_bytes is None:
        return None
    emulated = edge.address_bits == 32 and edge.peak_virtual_bytes > _MOST_OF_32_BITS
    return None if emulated else edge.peak_virtual_bytes


def failed_edges(report: Report | None) -> list[Edge]:
    """The report's edges that failed by themselves: no make or shell that only passed on a failure."""
    if report is None:
        return []
    failed = [edge for edge in report.edges if edge.failed]
    proper = [edge for edge in failed if program_name(edge.program) not in _PASSES_ON]
    return sorted(proper or failed, key=lambda edge: (edge.end_seconds is None, edge.end_seconds or 0.0))


def same_program(one: str, other: str) -> bool:
    """Whether two names are one program's: the kernel's is cut short, a linker has several."""
    one, other = program_name(one), program_name(other)
    if not one or not other:
        return False
    if one[:_KERNEL_NAME] == other[:_KERNEL_NAME]:
        return True
    if tools.is_linker(one) and tools.is_linker(other):
        return tools.ANY_LINKER in (one, other)
    compiler = tools.compiler_of_program(one)
    return compiler is not None and compiler.compiles_in_process and compiler == tools.compiler_of_program(other)


def _linker(edge: Edge) -> str:
    asked = tools.asked_linker(edge.argv)
    return asked.program if asked else tools.ANY_LINKER


def same_file(one: str, other: str) -> bool:
    """Whether two names are one output's, as seen from different directories."""
    if not one or not other:
        return False
    if one == other:
        return True
    return one.endswith("/" + other.removeprefix("./")) or other.endswith("/" + one.removeprefix("./"))


def record_of(culprit: Culprit, records: Iterable[OomRecord]) -> OomRecord | None:
    """The kernel's record of this edge's kill: by process id, else by name."""
    every = list(records)
    if culprit.edge is not None:
        for record in every:
            if record.pid in culprit.edge.pids:
                return record
    names = [culprit.program]
    if culprit.edge is not None:
        names += [culprit.edge.heaviest, culprit.edge.program]
    if culprit.cause is not None:
        names.append(logged_commands.program(culprit.cause.command))
    for record in every:
        if any(same_program(record.program, name) for name in names):
            return record
    return None
