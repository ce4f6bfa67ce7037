"""Learned peaks in a file for each variant: what a build is given, and what its report adds.

Writing is for whoever runs the build, and says nothing itself: a file that cannot be read is set aside and no error.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from arm_ci.agent.peaks import Peaks, PeaksError, learned
from arm_ci.agent.report import Report

# Two builds of a variant may end at the same time, and each must keep what the other has shown.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Known:
    """What a file holds."""

    peaks: Peaks
    remark: str = ""
    """Why there is nothing although the file is there; empty: nothing is amiss."""


def known(path: Path, toolchain: str) -> Known:
    """What earlier builds with this toolchain have shown; nothing when the last one had another.

    A file that cannot be read is set aside as PATH.unreadable.
    """
    try:
        peaks = Peaks.from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Known(Peaks(toolchain))
    except (OSError, UnicodeDecodeError, PeaksError) as error:
        return Known(Peaks(toolchain), f"{path}: {error}; {_set_aside(path)}")
    return Known(peaks if peaks.toolchain == toolchain else Peaks(toolchain))


def learn(path: Path, toolchain: str, report: Report) -> int:
    """Adds what a build has shown; of how many edges it has shown something. Raises OSError."""
    found = (learned(edge, report.directory, report.admission) for edge in report.edges)
    shown = len({each.output for each in found if each is not None})  # one that ran again is one edge
    if shown:
        with _LOCK:
            write(path, known(path, toolchain).peaks.with_report(report))
    return shown


def write(path: Path, peaks: Peaks) -> None:
    """Writes learned peaks as `write_text` does. Raises OSError."""
    write_text(path, peaks.to_text())


def write_text(path: Path, text: str) -> None:
    """Writes a file so that a reader finds the old one or the new one, whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.name}.unreadable")
    try:
        path.replace(aside)
    except OSError as error:
        return f"it cannot be set aside either: {error.strerror}"
    return f"set aside as {aside.name}"
