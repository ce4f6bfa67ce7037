"""What stands in the cells and facts of the page: figures for people, empty where they are not known."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass

from arm_ci.agent.report import Edge
from arm_ci.diagnosis.figures import duration, size, usable
from arm_ci.diagnosis.page.shown_text import LONGEST_PATH, shortened


@dataclass(frozen=True)
class Fact:
    """A name and its value. One without a value is not shown."""

    name: str
    value: str
    is_code: bool = False


def size_cell(size_bytes: float | None) -> str:
    """A size for people; empty: not known, or no size."""
    number = usable(size_bytes)
    return "" if number is None else size(number)


def seconds_cell(seconds: float | None) -> str:
    """A duration for people; empty: not known, or none."""
    number = usable(seconds)
    return "" if number is None else duration(number)


def number_cell(number: int | None) -> str:
    """A number; empty: not known."""
    return "" if number is None else str(number)


def path_cell(path: str | None) -> str:
    """A path, or another text of others that stands in a narrow place; empty: not known."""
    return shortened(path or "", LONGEST_PATH)


def ended(edge: Edge) -> str:
    """How an edge ended, in words: `well`, `exit status 1`, `SIGKILL`, `still ran`."""
    if edge.end_seconds is None:
        return "still ran"
    if edge.signal:
        try:
            return signals.Signals(edge.signal).name
        except ValueError:
            return f"signal {edge.signal}"
    if edge.exit_status is None:
        return "not known"
    return f"exit status {edge.exit_status}" if edge.exit_status else "well"
