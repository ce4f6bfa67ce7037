"""What a build's machine was and what it could give when the command started, for its page."""

from __future__ import annotations

from arm_ci.agent.report import Limits, Report
from arm_ci.diagnosis.page.cells import Fact, number_cell, path_cell, size_cell

_HOST = ("model", "machine", "kernel", "cores")
_OVERCOMMIT = {
    0: "0, refuses what is obviously too much",
    1: "1, refuses nothing",
    2: "2, refuses beyond the commit limit",
}


def machine_facts(report: Report) -> tuple[Fact, ...]:
    """Names and values, in the order of the page."""
    host = (Fact(name, path_cell(str(report.host[name]))) for name in _HOST if report.host.get(name))
    return (
        *host,
        *_limits(report.limits),
        Fact("OOM kills on the machine", number_cell(report.kernel.oom_kills)),
        Fact("OOM kills in the cgroup", number_cell(report.kernel.cgroup_oom_kills)),
        Fact("command", path_cell(" ".join(report.command)), is_code=True),
    )


def _limits(limits: Limits) -> tuple[Fact, ...]:
    return (
        Fact("RAM", size_cell(limits.memory_bytes or None)),
        Fact("swap", _swap(limits)),
        Fact("address space", _addresses(limits)),
        Fact("RLIMIT_AS", size_cell(limits.rlimit_as_bytes)),
        Fact("RLIMIT_DATA", size_cell(limits.rlimit_data_bytes)),
        Fact("largest file", size_cell(limits.rlimit_fsize_bytes)),
        Fact("overcommit", _OVERCOMMIT.get(limits.overcommit_mode, str(limits.overcommit_mode))),
        Fact("commit limit", size_cell(limits.commit_limit_bytes) if limits.overcommit_mode == 2 else ""),
        Fact("cgroup limit", size_cell(limits.cgroup_limit_bytes)),
        Fact("swap of the cgroup", size_cell(limits.cgroup_swap_limit_bytes)),
        Fact("free disk", size_cell(limits.free_disk_bytes)),
        Fact("free for temporary files", size_cell(limits.free_temporary_bytes)),
    )


def _swap(limits: Limits) -> str:
    zram = f", {size_cell(limits.zram_bytes)} of it zram" if limits.zram_bytes else ""
    return size_cell(limits.swap_bytes) + zram if limits.swap_bytes else "none"


def _addresses(limits: Limits) -> str:
    has_top = limits.address_top_bytes and limits.address_bits < 64
    return f"{limits.address_bits} bits" + (f", up to {size_cell(limits.address_top_bytes)}" if has_top else "")
