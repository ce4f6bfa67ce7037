"""The edges that run right now: begun and ended by launchers, and what their processes hold, sampled in between.

What runs without a launcher, called by its absolute path, becomes an edge when it holds much memory.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional

from ..machine.process_tree import Held, ProcessTree, address_bits, age_seconds, command_line, held
from ..report import Edge
from .command_line import EdgeCommand, is_edge_program, kind_and_output

_MOST_PIDS = 200
_NOTEWORTHY_BYTES = 20 << 20
"""A process that no launcher stands before becomes an edge when it holds so much."""
_PAUSES = (0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2)
"""Seconds before the first looks at an edge: a short one is to be seen too."""
_PAUSE = 0.25
WATCHED_PAUSE = 0.1
"""Of an edge that may have to be stopped in time."""
_KILLED = 9


class _EdgePeaks:
    """The largest figures of one edge so far."""

    def __init__(self) -> None:
        self.anonymous_swap: Optional[int] = None
        self.swap: Optional[int] = None
        self.virtual: Optional[int] = None
        self.rss: Optional[int] = None
        self.heaviest = ""
        self.bits: Optional[int] = None
        self.pids: List[int] = []
        self.file: Optional[int] = None
        self.now = 0
        self.grew = 0
        """By how much `now` is more than at the look before."""
        self.resident_now = 0
        self._largest = -1

    def update(self, processes: List[Held]) -> None:
        """The processes of the edge at one moment."""
        before = self.now
        self.now = sum(each.anonymous_bytes + each.swap_bytes for each in processes)
        self.grew = max(0, self.now - before)
        self.resident_now = sum(each.anonymous_bytes for each in processes)
        if not processes:
            return
        self.anonymous_swap = _larger(self.anonymous_swap, self.now)
        self.swap = _larger(self.swap, sum(each.swap_bytes for each in processes))
        self.virtual = _larger(self.virtual, max(each.virtual_bytes for each in processes))
        self.rss = _larger(self.rss, max(each.rss_bytes for each in processes))
        for each in processes:
            if each.pid not in self.pids and len(self.pids) < _MOST_PIDS:
                self.pids.append(each.pid)
            self._compare(each)

    def _compare(self, process: Held) -> None:
        """Notes a process that is the heaviest so far."""
        size = max(process.rss_bytes, process.anonymous_bytes + process.swap_bytes)
        if size < self._largest:
            return
        self._largest = size
        self.file = _larger(self.file, process.file_bytes)
        if process.name != self.heaviest:
            self.heaviest = process.name
            self.bits = address_bits(process.pid)


def _larger(before: Optional[int], now: int) -> int:
    return now if before is None else max(before, now)


class RunningEdge:
    """One edge between its begin and its end."""

    def __init__(self, edge: Edge, pid: int, is_passing: bool = False) -> None:
        self.edge = edge
        self.pid = pid
        """The launcher's process, or the edge's own first process where there is no launcher."""
        self.peaks = _EdgePeaks()
        self.is_passing = is_passing
        """Whether it is not worth a word."""
        self.suspended_seconds = 0.0
        self.pause = _PAUSE
        """Seconds between two looks once it runs for a while."""
        self.look_at = edge.start_seconds + _PAUSES[0]
        self._looks = 0

    def look(self, tree: ProcessTree, seconds: float) -> None:
        """Looks at its processes."""
        self._looks += 1
        pause = _PAUSES[self._looks] if self._looks < len(_PAUSES) else self.pause
        self.look_at = seconds + min(pause, self.pause)
        self.peaks.update([found for found in map(held, tree.below(self.pid)) if found is not None])

    def begun(self) -> Dict[str, Any]:
        """What it is, as the report's fields."""
        return dict(self.edge._asdict(), argv=list(self.edge.argv), pids=[self.pid])

    def figures(self) -> Dict[str, Any]:
        """What is known of it so far, as the report's fields."""
        peaks = self.peaks
        return {
            "number": self.edge.number,
            "peak_rss_bytes": peaks.rss,
            "peak_anonymous_swap_bytes": peaks.anonymous_swap,
            "peak_swap_bytes": peaks.swap,
            "peak_virtual_bytes": peaks.virtual,
            "peak_file_bytes": peaks.file,
            "heaviest": peaks.heaviest,
            "address_bits": peaks.bits,
            "pids": [self.pid, *(pid for pid in peaks.pids if pid != self.pid)],
        }


class Edges:
    """Every running edge; hands what the journal is to hold to `note(kind, value)`."""

    def __init__(self, note: Callable[[str, Any], None], directory: str) -> None:
        self._note = note
        self.directory = directory
        """The build tree."""
        self._count = 0
        self._running: Dict[int, RunningEdge] = {}
        self._unlaunched: Dict[int, RunningEdge] = {}

    def __len__(self) -> int:
        return len(self._running) + len(self._unlaunched)

    @property
    def held_bytes(self) -> int:
        """Anonymous memory and swap of all that run, at the last look."""
        return sum(each.peaks.now for each in self._all())

    @property
    def resident_bytes(self) -> int:
        """Anonymous memory in RAM of those that launchers stand before, at the last look."""
        return sum(each.peaks.resident_now for each in self._running.values())

    @property
    def look_at(self) -> Optional[float]:
        """When the next edge is to be looked at; None: none runs."""
        return min((each.look_at for each in self._running.values()), default=None)

    def _all(self) -> List[RunningEdge]:
        return [*self._running.values(), *self._unlaunched.values()]

    def _new(self, command: EdgeCommand, seconds: float) -> Edge:
        self._count += 1
        return Edge(
            number=self._count - 1,
            argv=command.argv,
            directory=command.directory,
            program=os.path.basename(command.argv[0]),
            output=command.output,
            kind=command.kind,
            start_seconds=round(seconds, 3),
            inputs=command.inputs,
            inputs_bytes=command.inputs_bytes,
        )

    def begin(self, key: int, pid: int, command: EdgeCommand, seconds: float, **terms: Any) -> None:
        """The command of a launcher, known by `key`, begins; `terms`: how it was let in, as fields of the report's."""
        if key in self._running:
            return
        running = RunningEdge(self._new(command, seconds)._replace(**terms), pid, command.is_passing)
        self._running[key] = running
        if not running.is_passing:
            self._note("edge", running.begun())

    def running(self, key: int) -> Optional[RunningEdge]:
        """The edge of a launcher; None when it runs none."""
        return self._running.get(key)

    def end(
        self,
        key: int,
        seconds: float,
        status: int,
        cpu_seconds: float,
        rss_bytes: int,
        run_again: str = "",
        alone: Optional[bool] = None,
    ) -> Optional[Edge]:
        """A launcher says how its command ended: the status of wait(2), and what it took.

        `run_again`: why it is; `alone`: whether it turned out that nothing ran beside it.
        """
        signal = (status & 0x7F) or None
        exit_status = None if signal else status >> 8
        figures: Dict[str, Any] = {"exit_status": exit_status, "signal": signal, "cpu_seconds": cpu_seconds}
        if run_again:
            figures["run_again"] = run_again
        if alone is not None:
            figures["alone"] = alone
        return self._end(key, seconds, figures, rss_bytes)

    def end_killed(self, key: int, seconds: float) -> None:
        """A launcher is gone without a word. Only SIGKILL does that, and who started it sees just that."""
        self._end(key, seconds, {"signal": _KILLED}, None)

    def _end(self, key: int, seconds: float, figures: Dict[str, Any], rss_bytes: Optional[int]) -> Optional[Edge]:
        running = self._running.pop(key, None)
        if running is None:
            return None
        if running.is_passing:
            if figures["signal"] != _KILLED:
                return None
            # A trial fails by its exit status; one that was killed is news.
            self._note("edge", running.begun())
        found = dict(running.figures(), end_seconds=round(seconds, 3), **figures)
        if rss_bytes is not None:
            found["peak_rss_bytes"] = max(rss_bytes, running.peaks.rss or 0)
            if running.peaks.virtual is not None:
                # What was resident has addresses: it grew after the last look.
                found["peak_virtual_bytes"] = max(rss_bytes, running.peaks.virtual)
        if running.suspended_seconds:
            found["suspended_seconds"] = round(running.suspended_seconds, 3)
        self._note("end", found)
        return running.edge._replace(**dict(found, pids=tuple(found["pids"])))

    def forget(self, key: int) -> None:
        """A launcher could not start the program: it was none."""
        running = self._running.pop(key, None)
        if running is not None and not running.is_passing:
            self._note("drop", running.edge.number)

    def look(self, tree: ProcessTree, seconds: float) -> None:
        """Looks at the edges whose turn it is."""
        for running in self._running.values():
            if running.look_at <= seconds:
                running.look(tree, seconds)

    def look_at_unlaunched(self, tree: ProcessTree, root: int, seconds: float) -> None:
        """Looks at every process below `root` that no launcher stands before."""
        launchers = tuple(running.pid for running in self._running.values())
        seen: Dict[int, List[Held]] = {pid: [] for pid in self._unlaunched}
        for process in filter(None, map(held, tree.below(root, without=launchers, of_threads=True))):
            owner = self._owner(process, tree.lineage(process.pid), seconds)
            if owner is not None:
                seen.setdefault(owner, []).append(process)
        for pid, processes in seen.items():
            if processes:
                self._unlaunched[pid].peaks.update(processes)
            else:
                running = self._unlaunched.pop(pid)
                self._note("end", dict(running.figures(), end_seconds=round(seconds, 3)))

    def _owner(self, process: Held, lineage: List[int], seconds: float) -> Optional[int]:
        """First process of the edge that a process belongs to, which begins when it holds much; None: to none."""
        known = next((pid for pid in lineage if pid in self._unlaunched), None)
        if known is None and process.anonymous_bytes + process.swap_bytes >= _NOTEWORTHY_BYTES:
            return self._add_unlaunched(lineage, seconds)
        return known

    def _add_unlaunched(self, lineage: List[int], seconds: float) -> int:
        """Makes an edge of a process, or of the compiler above it that started it; that one's process id."""
        commands = ((pid, command_line(pid)) for pid in lineage)
        drivers = ((pid, argv) for pid, argv in commands if argv and is_edge_program(os.path.basename(argv[0])))
        pid, argv = next(drivers, (lineage[0], command_line(lineage[0]) or ["?"]))
        directory = self.directory
        try:
            directory = os.readlink("/proc/{}/cwd".format(pid))
        except OSError:
            pass
        kind, output = ("other", "")
        if is_edge_program(os.path.basename(argv[0])):
            kind, output = kind_and_output(argv, directory)
        started = max(0.0, seconds - age_seconds(pid))
        running = RunningEdge(self._new(EdgeCommand(tuple(argv), directory, kind, output), started), pid)
        self._unlaunched[pid] = running
        self._note("edge", running.begun())
        return pid

    def note_running(self) -> None:
        """Writes down what is known of the edges that run: should everything end now, that is what remains."""
        for running in self._all():
            if not running.is_passing:
                self._note("end", running.figures())
