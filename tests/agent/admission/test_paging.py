"""When a machine pages: nothing new starts, then the newest edge is suspended, and resumed when that has helped."""

from __future__ import annotations

import pytest

from arm_ci.agent.admission import paging
from arm_ci.agent.admission.paging import MOST_OVER, Stalls, Throttle


class Edges:
    """Edges that are suspended and resumed by their keys."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.can_suspend = True
        self.throttle = Throttle(self.suspend, lambda key: self.done.append(("give up", key)))

    def suspend(self, key: int) -> bool:
        self.done.append(("suspend", key))
        return self.can_suspend

    def look(self, stalled: float, *seconds: int, running=(1, 2, 3), wanted=True, still=False) -> None:
        for now in seconds:
            before = set(self.throttle.suspended)
            self.throttle.look(float(now), stalled, list(running), wanted, still)
            self.done += [("resume", key) for key in sorted(before - set(self.throttle.suspended)) if key in running]


@pytest.fixture
def edges() -> Edges:
    return Edges()


def test_a_little_waiting_for_memory_changes_nothing(edges):
    edges.look(0.15, *range(60))
    assert (edges.throttle.is_shut, edges.done) == (False, [])


def test_much_waiting_lets_nothing_new_in_until_it_has_become_little(edges):
    edges.look(0.25, 0)
    assert edges.throttle.is_shut
    edges.look(0.15, 1)
    assert edges.throttle.is_shut
    edges.look(0.05, 2)
    assert not edges.throttle.is_shut


def test_when_it_lasts_the_newest_is_suspended_one_after_the_other_but_never_the_oldest(edges):
    edges.look(0.9, *range(4))
    assert edges.done == []
    edges.look(0.9, *range(4, 60))
    assert edges.done == [("suspend", 3), ("suspend", 2)]
    assert edges.throttle.suspensions == 2


def test_when_it_has_helped_the_older_is_resumed_first(edges):
    edges.look(0.9, *range(10))
    edges.look(0.05, *range(10, 13))
    assert [what for what, _ in edges.done] == ["suspend", "suspend"]
    edges.look(0.05, *range(13, 30))
    assert edges.done[2:] == [("resume", 2), ("resume", 3)]


def test_when_only_suspended_edges_are_left_the_oldest_is_resumed_at_once(edges):
    edges.look(0.9, *range(10))
    edges.look(0.9, 10, running=(2, 3))
    assert edges.done[-1] == ("resume", 2)


def test_without_swap_a_suspended_edge_would_give_nothing_back_so_the_newest_is_given_up(edges):
    edges.throttle.has_swap = False
    edges.look(0.5, *range(60))
    assert (edges.throttle.is_shut, edges.done) == (True, [])
    edges.look(0.9, *range(60, 68))
    assert edges.done == []
    edges.look(0.9, 68)
    edges.look(0.9, *range(69, 200), running=(1,))
    assert edges.done == [("give up", 3)]


def test_without_swap_one_that_does_not_get_on_alone_for_a_minute_is_given_up(edges):
    edges.throttle.has_swap = False
    edges.look(0.98, *range(59), running=(1,), still=True)
    edges.look(0.98, 59, running=(1,), still=False)
    edges.look(0.98, *range(60, 120), running=(1,), still=True)
    assert edges.done == []
    edges.look(0.98, 120, running=(1,), still=True)
    assert edges.done == [("give up", 1)]


def test_with_swap_one_that_does_not_get_on_alone_has_all_the_time_that_it_takes(edges):
    edges.look(0.98, *range(300), running=(1,), still=True)
    assert edges.done == []


def test_an_edge_that_cannot_be_suspended_is_not_counted(edges):
    edges.can_suspend = False
    edges.look(0.9, *range(6))
    assert (edges.throttle.suspensions, edges.throttle.suspended) == (0, {})


def test_more_is_paged_while_that_costs_nothing_and_less_at_once_when_it_does(edges):
    edges.look(0.0, *range(10))
    assert edges.throttle.over == pytest.approx(0.30)
    edges.look(0.3, 10)
    assert edges.throttle.over == pytest.approx(0.15)
    edges.look(0.0, *range(11, 200))
    assert edges.throttle.over == MOST_OVER


def test_nothing_more_is_paged_while_no_edge_waits_for_memory(edges):
    edges.look(0.0, *range(10), wanted=False)
    assert edges.throttle.over == 0.0


@pytest.fixture
def kernel(monkeypatch) -> dict:
    known: dict = {"pressure": None, "swapped": 0, "files": {}, "times": [0] * 8}
    monkeypatch.setattr(paging, "pressure_seconds", lambda: known["pressure"])
    monkeypatch.setattr(paging, "counters", lambda: {"pswpin": known["swapped"], **known["files"]})
    monkeypatch.setattr(paging.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(paging, "_processor_times", lambda: list(known["times"]))
    return known


def test_pressure_says_which_part_of_the_time_tasks_waited(kernel):
    kernel["pressure"] = [10.0, 1.0]
    stalls = Stalls()
    kernel["pressure"] = [10.5, 1.0]
    assert stalls.since(2.0, 2, True) == 0.25


@pytest.mark.parametrize(
    ("came_back", "part"),
    [
        ({"swapped": 1000}, 0.6),
        ({"files": {"workingset_refault_file": 1000, "workingset_refault": 0}}, 0.6),
        ({"files": {"workingset_refault": 1000}}, 0.6),
        ({"swapped": 10}, 0.0),
    ],
)
def test_without_pressure_the_kernel_and_the_disk_count_while_pages_come_back(kernel, came_back, part):
    stalls = Stalls()
    kernel.update(times=[20, 0, 10, 20, 50, 0, 0, 0], **came_back)
    assert stalls.since(1.0, 2, True) == part


def test_one_edge_that_stalls_is_told_from_the_idle_processors_beside_it(kernel):
    stalls = Stalls()
    kernel.update(times=[0, 0, 18, 50, 32, 0, 0, 0], swapped=1000)
    assert stalls.since(1.0, 1, True) == 1.0


# Measured with one edge that stood still beside stopped ones: some 800 MB of file pages came back each second.
@pytest.mark.parametrize(("has_swap", "part"), [(False, 0.98), (True, 0.2)])
def test_without_swap_what_pressure_does_not_tell_of_file_pages_counts_as_well(kernel, has_swap, part):
    kernel["pressure"] = [10.0, 1.0]
    stalls = Stalls()
    kernel.update(times=[2, 0, 31, 100, 67, 0, 0, 0], files={"workingset_refault_file": 200_000}, pressure=[10.2, 1.2])
    assert stalls.since(1.0, 1, has_swap) == pytest.approx(part)
    assert stalls.are_still is not has_swap


@pytest.mark.parametrize("times", [[12, 0, 40, 100, 58, 0, 0, 0], [0, 0, 0, 200, 0, 0, 0, 0]])
def test_a_program_that_gets_on_is_not_still_nor_is_a_machine_that_only_waits(kernel, times):
    stalls = Stalls()
    kernel.update(times=times, files={"workingset_refault_file": 200_000})
    stalls.since(1.0, 1, False)
    assert not stalls.are_still


def test_without_swap_pressure_counts_though_little_comes_back(kernel):
    kernel["pressure"] = [10.0, 1.0]
    stalls = Stalls()
    kernel.update(times=[2, 0, 31, 100, 67, 0, 0, 0], pressure=[10.3, 1.2])
    assert stalls.since(1.0, 1, False) == pytest.approx(0.3)
