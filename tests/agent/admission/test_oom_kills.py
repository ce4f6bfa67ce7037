"""Whether the OOM killer took an edge: by the victim's number, or by a kill that no edge explains."""

from __future__ import annotations

from arm_ci.agent.admission.oom_kills import OomKills
from arm_ci.agent.report import OomRecord


class Kernel:
    def __init__(self, count: int | None = 5) -> None:
        self.count = count
        self.records: list[OomRecord] = []
        self.kills = OomKills(lambda: self.count, lambda: self.records)


def test_without_a_kill_since_the_beginning_it_took_none():
    kernel = Kernel()
    kernel.records.append(OomRecord("cc1plus", 7))  # older than the count says
    assert not kernel.kills.killed([7])


def test_a_victim_is_known_by_its_process():
    kernel = Kernel()
    kernel.count = 7
    kernel.records += [OomRecord("cc1plus", 8), OomRecord("cc1plus", 7)]
    assert kernel.kills.killed([6, 7])
    assert kernel.kills.killed([8])
    assert not kernel.kills.killed([9])


def test_a_kill_that_no_edge_explains_is_taken_for_the_one_that_failed():
    kernel = Kernel()
    kernel.count = 6
    assert kernel.kills.killed([7])
    assert not kernel.kills.killed([8])


def test_where_the_kernel_counts_no_kills_only_its_log_counts():
    kernel = Kernel(None)
    assert not kernel.kills.killed([7])
    kernel.records.append(OomRecord("cc1plus", 7))
    assert kernel.kills.killed([7])
