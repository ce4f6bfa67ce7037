"""What of this machine the agent can see, and the limits that a command of ours would have here: for run and probe."""

from __future__ import annotations

import os
from typing import List, Optional

from ..report import Limits, Unseen, Visibility
from . import cgroup, facts, systemd_scope
from .kernel_log import KernelLog

_CGROUP = "memory cgroup of the build alone"


def limits_here(directory: str, own: Optional[cgroup.Hierarchy] = None) -> Limits:
    """The limits of a command in `directory` and in a cgroup (ours, when none is given)."""
    found = facts.limits(directory)
    own = own or cgroup.hierarchy()
    if own is None:
        return found
    memory, swap = cgroup.lowest_limits(own)
    return found._replace(
        cgroup_version=own.version,
        # A limit beyond all RAM is none.
        cgroup_limit_bytes=memory if memory is not None and memory < found.memory_bytes else None,
        cgroup_swap_limit_bytes=swap,
    )


def readable_sources(made: Optional[cgroup.Cgroup], refusal: str, log: KernelLog, more: List[Unseen]) -> Visibility:
    """Which sources are readable here, and for those that are not what would change that."""
    pressure = facts.pressure_seconds() is not None
    unseen = list(more)
    if made is None:
        cure = "cgroup_enable=memory cgroup_memory=1 in cmdline.txt"
        if cgroup.hierarchy() is not None:
            cure = "Delegate=yes in the worker's systemd unit"
        unseen.append(Unseen(_CGROUP, refusal, cure))
    if not log.source:
        cure = "kernel.dmesg_restrict=0 in /etc/sysctl.d, or the worker's user in group adm or systemd-journal"
        unseen.append(Unseen("kernel log", log.refusal or "not readable", cure))
    if not pressure:
        unseen.append(Unseen("memory pressure", "/proc/pressure/memory is not there", "psi=1 in cmdline.txt"))
    if "oom_kill" not in facts.counters():
        unseen.append(Unseen("number of OOM kills", "/proc/vmstat has no oom_kill", "Linux 4.13 or newer"))
    if not os.path.exists("/proc/{0}/task/{0}/children".format(os.getpid())):
        unseen.append(Unseen("children of processes", "every process is looked at instead", "CONFIG_PROC_CHILDREN"))
    return Visibility(
        cgroup=made.how if made else "",
        cgroup_path=made.path if made else "",
        kernel_log=log.source,
        pressure=pressure,
        unseen=tuple(unseen),
    )


def visibility_here() -> Visibility:
    """What a run would see here: a cgroup is made and removed to find out, or systemd is asked for one."""
    made, refusal = cgroup.make()
    try:
        found = readable_sources(made, refusal, KernelLog(), [])
    finally:
        if made is not None:
            made.remove()
    if made is None and cgroup.could_be_delegated() and not systemd_scope.refusal():
        unseen = tuple(each for each in found.unseen if each.what != _CGROUP)
        return found._replace(cgroup="systemd scope (v2)", unseen=unseen)
    return found
