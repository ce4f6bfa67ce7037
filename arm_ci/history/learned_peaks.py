"""Learned peaks in a file for each variant: what a build is given, and what its report adds.

Writing is for whoever runs the build, and says nothing itself: a file that cannot be read is set aside and no error.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from arm_ci.agent.peaks import Peaks, PeaksError, learned
from arm_ci.agent.report import Report
from arm_ci.agent.whole_file import write_whole

# Two builds of a variant may end at the same time, and each must keep what the other has shown.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class KnownPeaks:
    """What a file holds."""

    peaks: Peaks
    remark: str = ""
    """Why there is nothing although the file is there; empty: nothing is amiss."""


def known_peaks(path: Path, toolchain: str) -> KnownPeaks:
    """What earlier builds with this toolchain have shown; nothing when the last one had another.

    A file that cannot be read is set aside as PATH.unreadable.
    """
    try:
        peaks = Peaks.from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return KnownPeaks(Peaks(toolchain))
    except (OSError, UnicodeDecodeError, PeaksError) as error:
        return KnownPeaks(Peaks(toolchain), f"{path}: {error}; {_set_aside(path)}")
    return KnownPeaks(peaks if peaks.toolchain == toolchain else Peaks(toolchain))


def learn_peaks(path: Path, toolchain: str, report: Report) -> int:
    """Adds what a build has shown; of how many edges it has shown something. Raises OSError."""
    found = (learned(edge, report.directory, report.admission) for edge in report.edges)
    shown = len({each.output for each in found if each is not None})  # one that ran again is one edge
    if shown:
        with _LOCK:
            write_peaks(path, known_peaks(path, toolchain).peaks.with_report(report))
    return shown


def write_peaks(path: Path, peaks: Peaks) -> None:
    """Writes learned peaks, so that a reader finds the old ones or the new ones, whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), peaks.to_text().encode("utf-8"))


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.name}.unreadable")
    try:
        path.replace(aside)
    except OSError as error:
        return f"it cannot be set aside either: {error.strerror}"
    return f"set aside as {aside.name}"
