"""The report while it is being made: lines of JSON in a file that survives the agent, and the report made of them.

Space is reserved ahead, so that a full disk does not stop the journal. A line that was cut off by a kill is left out.
"""

from __future__ import annotations

import errno
import json
import os
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .peaks import fingerprint
from .report import SAMPLE_COLUMNS, Kernel, Outcome, Report, ReportError, Samples, plain

JOURNAL = ".journal"
"""Added to the report's path."""
_RESERVE_BYTES = 1 << 20
_REFILL_BYTES = 1 << 18
_LAST_BYTES = 1 << 16
_LONGEST_COMMAND = 1000
MOST_SAMPLES = 3600
"""Rows of a report's samples; a longer run is thinned to half as often as it passes."""


class JournalWriter:
    """Appends to the journal. What cannot be written is dropped, and counted: the build goes on."""

    def __init__(self, path: str) -> None:
        self._at = 0
        self._reserved = 0
        self._is_full = False
        self.dropped = 0
        self.refusal = ""
        """Why there is no journal at all, when there is none."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self._file = -1
            self.refusal = "{}: {}".format(path, error.strerror)

    def _reserve(self) -> None:
        try:
            os.posix_fallocate(self._file, 0, self._at + _RESERVE_BYTES)
            self._reserved = self._at + _RESERVE_BYTES
        except OSError as error:
            self._is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)

    def write(self, kind: str, value: Any, is_last: bool = False) -> None:
        """One line: its kind and its value. Where space has run out, the last lines still have what was kept."""
        data = (json.dumps({kind: value}, separators=(",", ":")) + "\n").encode("ascii")
        end = self._at + len(data)
        if end + _REFILL_BYTES > self._reserved:
            self._reserve()
        if self._is_full and not is_last and self._reserved - _LAST_BYTES < end <= self._reserved:
            self.dropped += 1
            return
        try:
            if os.pwrite(self._file, data, self._at) == len(data):
                self._at += len(data)
                return
        except OSError:
            pass
        self.dropped += 1

    def close(self) -> None:
        """Cuts the reserve off."""
        if self._file >= 0:
            try:
                os.ftruncate(self._file, self._at)
            except OSError:
                pass
            os.close(self._file)


def read_journal(path: str) -> Iterator[Tuple[str, Any]]:
    """The lines of a journal up to the first that is not whole. Raises OSError."""
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n") or line[:1] != b"{":
                return
            try:
                ((kind, value),) = json.loads(line.decode("ascii")).items()
            except (ValueError, AttributeError):
                return
            yield kind, value


class SampleKeeper:
    """Rows of samples, thinned to every second one when there are too many."""

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        """`most` is an even number."""
        self._most = most
        self._every = 1
        self._count = 0
        self._rows: List[Tuple[Optional[float], ...]] = []

    def add(self, row: Tuple[Optional[float], ...]) -> None:
        """Takes the next row; between kept rows the worst values are carried over."""
        if self._count % self._every:
            self._rows[-1] = _worst(self._rows[-1], row)
        else:
            if len(self._rows) == self._most:
                self._rows = [_worst(first, second) for first, second in zip(self._rows[::2], self._rows[1::2])]
                self._every *= 2
            self._rows.append(row)
        self._count += 1

    def samples(self) -> Samples:
        """What was kept."""
        return Samples(SAMPLE_COLUMNS, tuple(self._rows))


_WORST_IS_LEAST = ("memory_available_bytes", "free_disk_bytes", "free_temporary_bytes")


def _worst(first: Tuple[Optional[float], ...], second: Tuple[Optional[float], ...]) -> Tuple[Optional[float], ...]:
    """One row for two: the time of the first, of every other value the worse."""
    merged: List[Optional[float]] = [first[0]]
    for name, one, other in list(zip(SAMPLE_COLUMNS, first, second))[1:]:
        if one is None or other is None:
            merged.append(other if one is None else one)
        else:
            merged.append(min(one, other) if name in _WORST_IS_LEAST else max(one, other))
    return tuple(merged)


def report_of_journal(path: str) -> Report:
    """The report that a journal makes. Raises OSError and ReportError; a killed agent's is not `complete`."""
    parts: Dict[str, Any] = {}
    keeper = SampleKeeper()
    edges: Dict[int, Any] = {}
    for kind, value in read_journal(path):
        if kind == "sample":
            row = tuple(value)
            if len(row) == len(SAMPLE_COLUMNS):
                keeper.add(row)
        elif kind in ("edge", "end", "drop"):
            _take_edge(edges, kind, value)
        else:
            parts[kind] = value
    report = Report.from_json(_document(parts, [edges[number] for number in sorted(edges)]))
    samples = keeper.samples()
    if not report.outcome.seconds and samples.rows:
        report = report._replace(outcome=report.outcome._replace(seconds=samples.rows[-1][0] or 0.0))
    return report._replace(samples=samples)


def _document(parts: Dict[str, Any], edges: List[Any]) -> Dict[str, Any]:
    """The report's JSON object, without its samples. Raises ReportError."""
    if "begin" not in parts:
        raise ReportError("the journal has no beginning")
    document = dict(parts["begin"], outcome=plain(Outcome()), kernel=plain(Kernel()))
    document.update({name: parts[name] for name in ("outcome", "kernel", "visibility", "admission") if name in parts})
    return dict(document, edges=[_shortened(edge) for edge in edges])


def _take_edge(edges: Dict[int, Any], kind: str, value: Any) -> None:
    """What a line says of an edge: that it began, what is known of it by now, or that it was none."""
    if kind == "edge":
        edges[value["number"]] = value
    elif kind == "drop":
        edges.pop(value, None)
    elif value.get("number") in edges:
        edges[value["number"]].update(value)


def _shortened(edge: Dict[str, Any]) -> Dict[str, Any]:
    """Of a compile that went well the whole command line is in the build's own log; links and failures are repeated."""
    if edge.get("kind") not in ("compile", "archive") or edge.get("exit_status") != 0:
        return edge
    words = []
    length = 0
    for word in edge["argv"]:
        length += len(word)
        if length > _LONGEST_COMMAND:
            words.append("...")
            break
        words.append(word)
    return dict(edge, argv=words, fingerprint=fingerprint(edge["argv"], edge["kind"]))
