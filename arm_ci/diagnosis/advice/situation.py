"""The facts that advice rests on, from a verdict and a report: who failed, what it needed, what there was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from arm_ci.agent import tools
from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.advice.measured import LINKERS, LinkerCosts
from arm_ci.diagnosis.figures import usable
from arm_ci.diagnosis.judging.failed_edge import addresses_seen, held
from arm_ci.diagnosis.reading.recognisers.recogniser import program_name
from arm_ci.diagnosis.verdict import Verdict

_AT_ONCE_SECONDS = 0.2
"""Edges whose ends are so near to a kill still held their memory then."""
_GROWTH = {"compile": 1.25, "link": 2.0}
"""A killed program would have grown on; how far is not known. A link may still have had most of its input before it."""


@dataclass(frozen=True)
class Situation:
    """One verdict with its report. Sizes are in bytes; None and empty: not known."""

    verdict: Verdict
    report: Report | None
    edge: Edge | None
    """The edge of the report that failed."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The failed edge's command."""
        return self.edge.argv if self.edge else ()

    @property
    def program(self) -> str:
        """The program that failed, without directory."""
        return PurePosixPath(self.verdict.program or (self.edge.heaviest if self.edge else "")).name

    @cached_property
    def stage(self) -> str:
        """`compile`, `link`, or `other`."""
        if self.edge is not None and self.edge.kind in ("compile", "link"):
            return self.edge.kind
        name = program_name(self.program)
        if tools.is_linker(name) or name in tools.LINK_HELPERS:
            return "link"
        if tools.is_driver(name) or name in (*tools.COMPILE_HELPERS, tools.ASSEMBLER):
            output = self.verdict.output or ""
            return "link" if output and not output.endswith((".o", ".obj", ".lo", ".s")) else "compile"
        return "other"

    @cached_property
    def linker(self) -> str | None:
        """Name of the linker of a failed link, in the table of tools; `ld` without more is the default one."""
        names = [self.program, self.edge.heaviest if self.edge else ""]
        named = next(filter(None, map(tools.linker_of_program, names)), None) or tools.asked_linker(self.argv)
        if named is None and any(map(tools.is_linker, names)):
            return tools.DEFAULT_LINKER
        return named.name if named else None

    @property
    def sparing(self) -> tuple[str, ...]:
        """The memory options of that linker."""
        return tools.sparing_options(tools.linker_named(self.linker), "") if self.linker else ()

    @property
    def costs(self) -> LinkerCosts | None:
        """What that linker was measured to take; None: it is not known, or was not measured."""
        return LINKERS.get(self.linker) if self.linker else None

    @cached_property
    def compiler(self) -> str | None:
        """The family of the compiler of a failed compile."""
        names = [self.program, *((self.edge.heaviest, self.edge.program) if self.edge else ())]
        found = next(filter(None, map(tools.compiler_of_program, names)), None)
        return found.family if found else None

    def has(self, *words: str) -> bool:
        """Whether the failed edge's command already has all these words, also within `-Wl,`."""
        parts = {
            part for word in self.argv for part in ([word] if not word.startswith("-Wl,") else word.split(",")[1:])
        }
        return all(word in parts for word in words)

    @property
    def links_archives(self) -> bool:
        """Whether the failed link reads static archives; true when its command is not known."""
        return not self.argv or any(word.endswith(".a") for word in self.argv)

    @property
    def keeps_debug(self) -> bool:
        """Whether the failed compile makes debug information; true when its command is not known."""
        debug = [word for word in self.argv if re.match(r"-g(?!roup)", word)]
        return not self.argv or bool(debug and debug[-1] != "-g0")

    # -- what it needed ---------------------------------------------------------------------------------------

    @cached_property
    def needed(self) -> int | None:
        """What the culprit held in RAM and swap when it ended, or at most: it needed at least that."""
        edge = self.edge
        known = [edge.peak_anonymous_swap_bytes or 0 if edge else 0]
        if self.verdict.kind != "address-space":
            known.append(self.verdict.used_bytes or 0)
        return max(known) or None

    @cached_property
    def addresses(self) -> int | None:
        """The address space that the culprit had and asked for together."""
        had = max(self.verdict.used_bytes or 0, addresses_seen(self.edge) or 0)
        return had + (self.verdict.bytes or 0) or None

    @property
    def needed_whole(self) -> float | None:
        """What it would have needed to end well, a guess: a killed program would have grown on."""
        if self.needed is None:
            return None
        return self.needed if self.verdict.kind == "thrashing" else self.needed * _GROWTH.get(self.stage, 1.25)

    @cached_property
    def at_the_end(self) -> tuple[Edge, ...]:
        """The edges that ran when the culprit ended (without a culprit: the first that failed), the largest first."""
        if self.report is None:
            return ()
        ends = [edge.end_seconds for edge in self.report.edges if edge.failed and edge.end_seconds is not None]
        moment = self.report.outcome.seconds if not ends else min(ends)
        if self.edge is not None:
            moment = self.report.outcome.seconds if self.edge.end_seconds is None else self.edge.end_seconds
        running = [edge for edge in self.report.edges if _ran_at(edge, moment)]
        return tuple(sorted(running, key=self.wanted, reverse=True))

    def held(self, edge: Edge) -> int:
        """What an edge held in RAM and swap at most, as far as it was seen."""
        return max(held(edge), self.needed or 0) if edge is self.edge else held(edge)

    def wanted(self, edge: Edge) -> float:
        """What an edge needs to end well."""
        return self.needed_whole or 0 if edge is self.edge else held(edge)

    @property
    def together(self) -> int:
        """What the edges of that moment held at most, summed."""
        return sum(map(self.held, self.at_the_end))

    @property
    def beside(self) -> int:
        """The same without the culprit."""
        return sum(held(edge) for edge in self.at_the_end if edge is not self.edge) if self.edge else 0

    @property
    def wanted_together(self) -> float | None:
        """RAM and swap with which all of them would have ended well; None: not known."""
        if self.edge is None or self.edge not in self.at_the_end:
            return self.needed_whole
        return sum(map(self.wanted, self.at_the_end)) or None

    # -- what there was ---------------------------------------------------------------------------------------

    @property
    def in_cgroup(self) -> bool:
        """Whether a cgroup's limit was reached, not the machine's."""
        return self.verdict.scope == "cgroup"

    @cached_property
    def ram(self) -> int | None:
        """RAM for the edges: the cgroup's limit, or what was available when the command started."""
        if self.report is None:
            return self.verdict.had_bytes
        limits = self.report.limits
        if self.in_cgroup:
            known = [value for value in (limits.cgroup_limit_bytes, self._record_limit()) if value]
            return min(known) if known else self.verdict.had_bytes
        available = self._seen("memory_available_bytes")
        return available[0] if available else limits.memory_bytes or None

    def _record_limit(self) -> int | None:
        records = self.report.kernel.records if self.report else ()
        return next((record.limit_bytes for record in records if record.scope == "cgroup" and record.limit_bytes), None)

    @cached_property
    def swap(self) -> int:
        """Swap that the edges could use."""
        if self.report is None:
            return 0
        limits = self.report.limits
        if self.in_cgroup and limits.cgroup_swap_limit_bytes is not None:
            return min(limits.cgroup_swap_limit_bytes, limits.swap_bytes)
        return limits.swap_bytes

    @property
    def cgroup(self) -> str:
        """The cgroup whose limit was reached, as the kernel's log names it; empty: not known."""
        records = self.report.kernel.records if self.report else ()
        return next((record.cgroup for record in records if record.scope == "cgroup"), "")

    @property
    def address_limit(self) -> int | None:
        """What addresses the culprit could have."""
        if self.verdict.had_bytes:
            return self.verdict.had_bytes
        return self.report.limits.address_top_bytes if self.report and self.address_bits == 32 else None

    @property
    def committed_most(self) -> int:
        """The largest Committed_AS that was seen."""
        if self.report is None:
            return 0
        return max(self._seen("committed_bytes"), default=self.report.limits.committed_bytes or 0)

    def least(self, column: str) -> int | None:
        """The least that a column of the samples showed."""
        return min(self._seen(column), default=None)

    def _seen(self, column: str) -> list[int]:
        """What of a column of the samples was seen."""
        values = map(usable, self.report.samples.column(column)) if self.report else ()
        return [int(value) for value in values if value is not None]

    @property
    def ran_out(self) -> bool:
        """Whether the last sample shows the machine without memory."""
        available, swapped = self._seen("memory_available_bytes"), self._seen("swap_used_bytes")
        if self.report is None or not available:
            return False
        limits = self.report.limits
        swap_gone = not limits.swap_bytes or (bool(swapped) and swapped[-1] >= limits.swap_bytes * 9 / 10)
        return swap_gone and available[-1] < limits.memory_bytes / 10

    @property
    def budget(self) -> int | None:
        """RAM and swap for the edges together; RAM alone where swap was there and too slow."""
        if self.ram is None or self.verdict.kind == "thrashing":
            return self.ram
        return self.ram + self.swap

    @property
    def address_bits(self) -> int | None:
        """Size of a pointer of the culprit."""
        if self.edge is not None and self.edge.address_bits:
            return self.edge.address_bits
        return self.report.limits.address_bits if self.report else None

    @property
    def fitting_jobs(self) -> int:
        """How many of the edges that ran would have fitted together, the largest ones; 0: not even one."""
        if self.budget is None:
            return 0
        total = 0.0
        for number, edge in enumerate(self.at_the_end):
            total += self.wanted(edge)
            if total > self.budget:
                return number
        return len(self.at_the_end)


def _ran_at(edge: Edge, moment: float) -> bool:
    if edge.start_seconds > moment:
        return False
    return edge.end_seconds is None or edge.end_seconds >= moment - _AT_ONCE_SECONDS
