"""The lines that the agent says in a build's output: how each is written, and how the two that others need are read.

The agent puts PREFIX before each. `arm_ci.plan` shows who waits and what runs again; `arm_ci.diagnosis` passes all of
them over, for what they say of an edge is in the report.
"""

from __future__ import annotations

import re
from typing import Optional

from .report import FILE_PAGES
from .units import MEBIBYTE

PREFIX = "arm_ci: "
_MEMORY_KILLED = "memory killed it"
_WAS_ENDED = "it was ended"
_RUNS_AGAIN = "; it runs again"
_EDGE_RUNS_AGAIN = re.compile(
    "{}(.+): (?:{}|{}) .*{}\\b".format(*map(re.escape, (PREFIX, _MEMORY_KILLED, _WAS_ENDED, _RUNS_AGAIN)))
)
_EDGES_WAIT = re.compile(r"{}\d+ of \d+ edges run and .*; (\d+) wait$".format(re.escape(PREFIX)))


def runs_again(output: str, reason: str, held_bytes: int, has_fallback: bool) -> str:
    """An edge runs again, for a `reason` as the report has it (`run_again`); it held so much when it ended.

    `has_fallback`: it is built differently from now on, for it ran alone already.
    """
    what = _WAS_ENDED + " to make room for file pages" if reason == FILE_PAGES else _MEMORY_KILLED
    how = " though it ran alone{}, built differently" if has_fallback else "{} alone"
    return "{}: {} when it held {} MB{}".format(output, what, held_bytes // MEBIBYTE, how.format(_RUNS_AGAIN))


def edge_that_runs_again(line: str) -> str:
    """The output of the edge of which the agent says in this line that it runs again; else empty."""
    match = _EDGE_RUNS_AGAIN.match(line)
    return match.group(1) if match else ""


def edges_run_and_wait(running: int, cores: int, needed_bytes: int, budget_bytes: int, waiting: int) -> str:
    """So many of so many edges run and are expected to need so much of the budget; others wait for memory."""
    return "{} of {} edges run and are expected to need {} of {} MB; {} wait".format(
        running, cores, needed_bytes // MEBIBYTE, budget_bytes // MEBIBYTE, waiting
    )


def waiting_edges(line: str) -> Optional[int]:
    """How many edges wait for memory, when the agent says so in this line."""
    match = _EDGES_WAIT.match(line)
    return int(match.group(1)) if match else None


def build_ends(output: str, reason: str) -> str:
    """An edge does not fit alone, for a `reason` as in `runs_again`, and no candidate for it is left."""
    what = _WAS_ENDED + ", for it stood still for want of memory" if reason == FILE_PAGES else _MEMORY_KILLED
    return "{}: {} though it ran alone; the build ends here".format(output, what)


def built_with(output: str, fallback: str) -> str:
    """An edge is built with a fallback, which is said by its name and what it changes."""
    return "{} is built with {}".format(output, fallback)


def fallback_left_out(name: str, why: str) -> str:
    """This machine cannot build anything with a fallback."""
    return "fallback `{}` is left out: {}".format(name, why)


def suspended(output: str) -> str:
    """An edge is suspended because the machine pages."""
    return "{}: suspended for a while, the machine pages too much".format(output)
