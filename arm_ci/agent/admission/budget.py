"""The budget: what this machine can give to edges right now, beside the system, the worker and what else runs here."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from ..machine.cgroup import Hierarchy, limited
from ..machine.facts import memory_information, read_number, read_text

# For the file pages without which nothing runs: programs, headers, objects.
_RESERVE_PART = 0.05
_LEAST_RESERVE_BYTES = 32 << 20
_MOST_RESERVE_BYTES = 512 << 20
# File pages that the kernel gives up for others, in memory.stat of version 1 and 2 (cgroup-v2.rst, memory.rst).
_RECLAIMABLE = {1: ("total_inactive_file", "total_active_file"), 2: ("inactive_file", "active_file")}


def reserve_bytes(total_bytes: int) -> int:
    """What of so much RAM is left to file pages: 5 %, at least 32 MB, at most 512 MB."""
    return min(_MOST_RESERVE_BYTES, max(_LEAST_RESERVE_BYTES, int(total_bytes * _RESERVE_PART)))


class Budget(NamedTuple):
    """What edges may have, with what they hold already."""

    ram_bytes: int
    swap_bytes: int
    """Free swap; what of the edges is in swap already is not in it."""


class BudgetReader:
    """Reads the budget off the machine, and off the cgroups with a limit that the command is in."""

    def __init__(self, own: Optional[Hierarchy]) -> None:
        """`own`: the cgroup of the command, or of this process."""
        self._version = own.version if own else 0
        self._limited: List[str] = limited(own) if own else []

    def read(self, held_bytes: int) -> Budget:
        """The budget, when edges hold so much RAM now."""
        memory = memory_information()
        total = memory.get("MemTotal", 0)
        available = [memory.get("MemAvailable", memory.get("MemFree", 0))]
        swap = [memory.get("SwapFree", 0)]
        for directory in self._limited:
            self._read_cgroup(directory, available, swap)
            total = min(total, _limit(directory, self._version) or total)
        # What edges held at the last look may have been paged out since.
        return Budget(max(0, min(min(available) + held_bytes, total) - reserve_bytes(total)), max(0, min(swap)))

    def _read_cgroup(self, directory: str, available: List[int], swap: List[int]) -> None:
        limit = _limit(directory, self._version)
        used = read_number(directory + ("/memory.current" if self._version == 2 else "/memory.usage_in_bytes"))
        if limit is not None and used is not None:
            stat = _statistics(directory)
            files = sum(stat.get(name, 0) for name in _RECLAIMABLE[self._version])
            available.append(limit - used + files)
        free_swap = _free_swap(directory) if self._version == 2 else _free_swap_of_version_1(directory, limit, used)
        if free_swap is not None:
            swap.append(free_swap)


def _free_swap(directory: str) -> Optional[int]:
    most = read_number(directory + "/memory.swap.max")
    used = read_number(directory + "/memory.swap.current")
    return None if most is None or used is None else most - used


def _free_swap_of_version_1(directory: str, limit: Optional[int], used: Optional[int]) -> Optional[int]:
    """What is free of swap: version 1 limits and counts memory and swap together."""
    both_limit = read_number(directory + "/memory.memsw.limit_in_bytes")
    both_used = read_number(directory + "/memory.memsw.usage_in_bytes")
    if both_limit is None or both_used is None or limit is None or used is None:
        return None
    return both_limit - limit - (both_used - used)


def _limit(directory: str, version: int) -> Optional[int]:
    return read_number(directory + ("/memory.max" if version == 2 else "/memory.limit_in_bytes"))


def _statistics(directory: str) -> Dict[str, int]:
    found = {}
    for line in (read_text(directory + "/memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if value.isdigit():
            found[name] = int(value)
    return found
