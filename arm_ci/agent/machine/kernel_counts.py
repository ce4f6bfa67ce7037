"""What the kernel counts and logs, before a command and after it: also after an agent that was killed in between."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ..report import Kernel
from . import facts
from .cgroup import Cgroup, Hierarchy
from .kernel_log import KernelLog, Mark
from .oom_records import parse_oom_records


def before(made: Optional[Cgroup], log: KernelLog) -> Dict[str, Any]:
    """The counts when a command starts, as the journal has them."""
    return {
        "oom_kill": facts.counters().get("oom_kill"),
        "kernel_log": list(log.mark),
        "cgroup": list(made.found) if made else None,
        "cgroup_events": list(made.events()) if made else [None, None],
    }


def since(counts: Dict[str, Any], made: Optional[Cgroup], log: KernelLog) -> Kernel:
    """What has happened since `before` counted."""
    kills, limit_hits = map(_grown, counts.get("cgroup_events", [None, None]), made.events() if made else (None, None))
    return Kernel(
        oom_kills=_grown(counts.get("oom_kill"), facts.counters().get("oom_kill")),
        cgroup_oom_kills=kills,
        cgroup_limit_hits=limit_hits,
        records=tuple(parse_oom_records(log.lines())),
    )


def since_killed(counts: Dict[str, Any]) -> Kernel:
    """The same, from another process than the one that counted; the cgroup that was left behind is removed."""
    found: Optional[List[Any]] = counts.get("cgroup")
    left = Cgroup(Hierarchy(*found), "") if found else None
    mark: Optional[List[Any]] = counts.get("kernel_log")
    kernel = since(counts, left, KernelLog(mark=Mark(*mark) if mark else None))
    if left:
        left.remove()
    return kernel


def _grown(first: Optional[int], then: Optional[int]) -> Optional[int]:
    # A counter that is smaller began again: the machine was started anew.
    return None if first is None or then is None or then < first else then - first
