"""The machine at one moment, as a row of the report's samples."""

from __future__ import annotations

from typing import List, Optional, Tuple

from . import facts
from .cgroup import Cgroup

Row = Tuple[Optional[float], ...]


class Sampler:
    """Reads the machine; counters are told as what they grew by since it was made."""

    def __init__(self, directory: str, cgroup: Optional[Cgroup]) -> None:
        """`directory` is where the command builds."""
        self._directory = directory
        self._cgroup = cgroup
        self._before = facts.counters()
        self._pressure = facts.pressure_seconds()

    def row(self, seconds: float, edges_running: int, edges_bytes: int) -> Row:
        """A row of SAMPLE_COLUMNS."""
        memory = facts.memory_information()
        swap, free = memory.get("SwapTotal"), memory.get("SwapFree")
        used = self._cgroup.used_bytes() if self._cgroup else (None, None)
        return (
            round(seconds, 3),
            memory.get("MemAvailable"),
            None if swap is None or free is None else swap - free,
            memory.get("Committed_AS"),
            *self._swapped(),
            *self._waited(),
            *used,
            edges_running,
            edges_bytes,
            facts.free_bytes(self._directory),
            facts.free_bytes(facts.temporary_directory()),
        )

    def _swapped(self) -> List[Optional[float]]:
        now, before = facts.counters(), self._before
        return [
            (now[name] - before[name]) * facts.PAGE_BYTES if name in now and name in before else None
            for name in ("pswpin", "pswpout")
        ]

    def _waited(self) -> List[Optional[float]]:
        now = facts.pressure_seconds()
        if not now or not self._pressure:
            return [None, None]
        return [round(after - before, 3) for after, before in zip(now, self._pressure)]
