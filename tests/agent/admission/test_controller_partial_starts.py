"""What starts before all is free that it needs is stopped in time, and goes on."""

from __future__ import annotations

import pytest
from requesting import MB, Machine


class Stopped:
    """In the place of a Suspender: remembers who is stopped."""

    def __init__(self) -> None:
        self.now: set[int] = set()
        self.is_closed = False

    def suspend(self, launcher: int) -> bool:
        self.now.add(launcher)
        return True

    def resume(self, launcher: int) -> None:
        self.now.discard(launcher)

    def close(self) -> None:
        self.now.clear()
        self.is_closed = True


@pytest.fixture
def suspender(monkeypatch) -> Stopped:
    found = Stopped()
    monkeypatch.setattr("arm_ci.agent.admission.suspensions.Suspender", lambda: found)
    return found


def hold(machine: Machine, **held_mb: int) -> None:
    """What running edges hold at a look."""
    for name, held in held_mb.items():
        running = machine.controller._edges.running(ord(name))
        running.peaks.now = held * MB
    machine.controller.check_partial_starts(machine.now)


def test_an_edge_whose_need_is_half_free_starts_and_is_stopped_until_the_older_has_ended(monkeypatch, suspender):
    machine = Machine(monkeypatch, a=600, b=600)
    machine.request(*"ab")
    assert machine.running == "ab"
    hold(machine, a=100, b=300)
    assert suspender.now == set()
    hold(machine, a=200, b=380)
    assert suspender.now == {1000 + ord("b")}
    machine.now = 4.0
    machine.end("a")
    assert suspender.now == set()
    machine.end("b")
    (noted,) = machine.noted("b")
    assert (noted["partial_start"], noted["suspended_seconds"]) == (True, 4.0)
    assert machine.noted("a")[0]["partial_start"] is False
    assert (machine.controller.admission.partial_starts, machine.controller.admission.partial_start_suspensions) == (
        1,
        1,
    )


def test_beside_an_edge_whose_need_is_a_guess_none_starts_in_part(monkeypatch, suspender):
    machine = Machine(monkeypatch, ram_mb=900, b=600)
    machine.request(*"xb")
    assert machine.running == "x"


def test_without_swap_the_newest_is_given_up_though_it_is_stopped_for_it_holds_its_memory(monkeypatch, suspender):
    machine = Machine(monkeypatch, a=600, b=600)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.admission.controller.ProcessTree.below", lambda self, pid: [pid + 1])
    monkeypatch.setattr("arm_ci.agent.admission.controller.os.kill", lambda pid, number: killed.append(pid))
    monkeypatch.setattr("arm_ci.agent.admission.paging.Stalls.since", lambda *_: 0.9)
    machine.request(*"ab")
    hold(machine, a=300, b=390)
    assert suspender.now == {1000 + ord("b")}
    for second in range(10):
        machine.controller.look_at_machine(float(second))
    assert killed == [1000 + ord("b") + 1]


def test_when_the_build_ends_whoever_was_short_goes_on(monkeypatch, suspender):
    machine = Machine(monkeypatch, a=600, b=600)
    machine.request(*"ab")
    hold(machine, a=200, b=390)
    machine.controller.close()
    assert suspender.is_closed


def test_after_a_fault_in_sharing_everybody_goes_on(monkeypatch, suspender):
    machine = Machine(monkeypatch, a=600, b=600, c=600)
    machine.request(*"abc")
    hold(machine, a=200, b=390)
    monkeypatch.setattr("arm_ci.agent.admission.suspensions.to_suspend", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        machine.controller.check_partial_starts(1.0)
    assert suspender.is_closed
    assert machine.running == "abc"
