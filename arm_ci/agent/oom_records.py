"""The kernel's OOM killer in its own words: which process it killed, which limit stopped it, what was there.

Reads what dmesg, journalctl -k or /dev/kmsg show of kernels 3.x to 6.x (mm/oom_kill.c, mm/memcontrol.c).
"""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Optional


class OomRecord(NamedTuple):
    """One kill."""

    program: str
    """Name of the killed process as the kernel knows it (15 characters)."""
    pid: int
    scope: str = ""
    """`system`, `cgroup`, or empty when the log does not say."""
    cgroup: str = ""
    """The cgroup whose limit was reached (`oom_memcg`), for scope `cgroup`."""
    task_cgroup: str = ""
    total_virtual_bytes: Optional[int] = None
    anonymous_bytes: Optional[int] = None
    file_bytes: Optional[int] = None
    swap_bytes: Optional[int] = None
    """Swap of the killed process, from the list of tasks."""
    limit_bytes: Optional[int] = None
    """Limit of that cgroup; for scope `system` the machine's RAM when the log gives it."""
    free_swap_bytes: Optional[int] = None
    seconds: Optional[float] = None
    """Time stamp of the line, since boot."""
    text: str = ""
    """The line that says whom it killed, without time stamp."""
    line: int = 0
    """Number of that line in the log it was read from, from 1."""


def parse_oom_records(lines: Iterable[str]) -> List[OomRecord]:
    """Every kill in these lines, in their order."""
    raise NotImplementedError
