"""The edges that run right now: begun and ended by launchers, and what their processes hold, sampled in between."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

from .commands import describe, is_trial
from .process_tree import Held, ProcessTree, address_bits, command_line, held
from .report import Edge

_MOST_PIDS = 200
_NOTEWORTHY_BYTES = 20 << 20
"""A process that no launcher stands before becomes an edge of kind `other` when it holds so much."""


class _Peaks:
    """The largest figures of one edge so far."""

    def __init__(self) -> None:
        self.anonymous_swap: Optional[int] = None
        self.swap: Optional[int] = None
        self.virtual: Optional[int] = None
        self.rss: Optional[int] = None
        self.heaviest = ""
        self.bits: Optional[int] = None
        self.pids: List[int] = []
        self.now = 0
        self._largest = -1

    def take(self, processes: List[Held]) -> None:
        """The processes of the edge at one moment."""
        self.now = sum(each.anonymous_bytes + each.swap_bytes for each in processes)
        if not processes:
            return
        self.anonymous_swap = max(self.anonymous_swap or 0, self.now)
        self.swap = max(self.swap or 0, sum(each.swap_bytes for each in processes))
        self.virtual = max(self.virtual or 0, max(each.virtual_bytes for each in processes))
        self.rss = max(self.rss or 0, max(each.rss_bytes for each in processes))
        for each in processes:
            if each.pid not in self.pids and len(self.pids) < _MOST_PIDS:
                self.pids.append(each.pid)
            size = max(each.rss_bytes, each.anonymous_bytes + each.swap_bytes)
            if size > self._largest:
                self._largest = size
                if each.name != self.heaviest:
                    self.heaviest = each.name
                    self.bits = address_bits(each.pid)


class RunningEdge:
    """One edge between its begin and its end."""

    def __init__(self, edge: Edge, pid: int) -> None:
        self.edge = edge
        self.pid = pid
        """The launcher's process, or the process itself where there is no launcher."""
        self.peaks = _Peaks()

    def figures(self) -> Dict[str, Any]:
        """What is known of it so far, as the report's fields."""
        peaks = self.peaks
        return {
            "number": self.edge.number,
            "peak_rss_bytes": peaks.rss,
            "peak_anonymous_swap_bytes": peaks.anonymous_swap,
            "peak_swap_bytes": peaks.swap,
            "peak_virtual_bytes": peaks.virtual,
            "heaviest": peaks.heaviest,
            "address_bits": peaks.bits,
            "pids": list(peaks.pids),
        }


class Edges:
    """Every running edge; hands what the journal is to hold to `note(kind, value)`."""

    def __init__(self, note: Any, directory: str, ignore: Tuple[int, ...] = ()) -> None:
        self._note = note
        self._directory = directory
        self._ignore = ignore
        self._count = 0
        self._running: Dict[Any, RunningEdge] = {}
        self._others: Dict[int, RunningEdge] = {}

    def __len__(self) -> int:
        return len(self._running)

    @property
    def held_bytes(self) -> int:
        """Anonymous memory and swap of all that run, at the last look."""
        everything = [*self._running.values(), *self._others.values()]
        return sum(each.peaks.now for each in everything)

    def begin(self, key: Any, pid: int, directory: str, argv: List[str], seconds: float) -> None:
        """A launcher says what it is about to run."""
        kind, output = describe(argv)
        # A compiler that makes nothing is asked about itself; what configuration tries out fails on purpose.
        edge = Edge(self._count, tuple(argv), directory, os.path.basename(argv[0]), output, kind, seconds)
        self._count += 1
        self._running[key] = RunningEdge(edge, pid)
        if not self._is_passing(edge):
            document = dict(edge._asdict(), argv=argv, pids=[pid])
            self._note("edge", document)

    @staticmethod
    def _is_passing(edge: Edge) -> bool:
        return (edge.kind == "other" and not edge.output) or is_trial(edge.output, edge.directory)

    def end(self, key: Any, seconds: float, status: Optional[int], cpu_seconds: Optional[float], rss: Any) -> None:
        """A launcher says how it ended, or is gone without a word (all None)."""
        running = self._running.pop(key, None)
        if running is None:
            return
        signal = None if status is None else (status & 0x7F) or None
        if self._is_passing(running.edge):
            if signal != 9:
                return
            # A trial fails by its exit status; one that was killed is news.
            self._note("edge", dict(running.edge._asdict(), argv=list(running.edge.argv), pids=[running.pid]))
        found = running.figures()
        found.update(end_seconds=seconds, cpu_seconds=cpu_seconds, signal=signal)
        found["exit_status"] = None if status is None or signal else status >> 8
        if rss is not None:
            found["peak_rss_bytes"] = max(rss, running.peaks.rss or 0)
        self._note("end", found)

    def sample(self, tree: ProcessTree) -> None:
        """Looks at the processes of every edge."""
        for running in self._running.values():
            pids = tree.below(running.pid)
            running.peaks.take([found for found in map(held, pids) if found is not None])

    def sample_others(self, tree: ProcessTree, root: int, seconds: float) -> None:
        """Looks at every other process below `root`: what holds much becomes an edge of kind `other`."""
        launchers = tuple(running.pid for running in self._running.values())
        pids = [pid for pid in tree.below(root, without=launchers) if pid not in self._ignore]
        seen = set()
        for found in map(held, pids):
            if found is None:
                continue
            seen.add(found.pid)
            running = self._others.get(found.pid)
            if running is None and found.anonymous_bytes + found.swap_bytes >= _NOTEWORTHY_BYTES:
                running = self._others[found.pid] = self._unannounced(found, seconds)
            if running is not None:
                running.peaks.take([found])
        for pid in [pid for pid in self._others if pid not in seen]:
            self._finish_other(self._others.pop(pid), seconds)

    def _unannounced(self, found: Held, seconds: float) -> RunningEdge:
        argv = command_line(found.pid) or [found.name]
        edge = Edge(self._count, tuple(argv), self._directory, os.path.basename(argv[0]), "", "other", seconds)
        self._count += 1
        self._note("edge", dict(edge._asdict(), argv=argv, pids=[found.pid]))
        return RunningEdge(edge, found.pid)

    def _finish_other(self, running: RunningEdge, seconds: float) -> None:
        self._note("end", dict(running.figures(), end_seconds=seconds))

    def note_running(self) -> None:
        """Writes down what is known of the edges that run: should everything end now, that is what remains."""
        for running in [*self._running.values(), *self._others.values()]:
            if not self._is_passing(running.edge):
                self._note("end", running.figures())
