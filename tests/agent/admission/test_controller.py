"""Who is let in when: launchers ask, the budget decides, and what memory killed runs once more alone."""

from __future__ import annotations

import pytest
from requesting import KILLED, MB, Machine

from arm_ci.agent.edges.command_line import EdgeCommand


def test_edges_start_while_their_peaks_fit_the_budget(monkeypatch):
    machine = Machine(monkeypatch, a=400, b=450, c=400, d=150)
    machine.request(*"abcd")
    assert machine.running == "abd"  # d fits beside a and c as well, when b has ended
    machine.now = 7.0
    machine.controller.ended(ord("a"), 7.0, 0, 1.0, MB, lambda words: None)
    machine.answers[ord("a")].append(b"ended")
    assert machine.running == "bcd"
    assert machine.noted("c")[0]["waited_seconds"] == 7.0
    assert (machine.noted("c")[0]["expected_bytes"], machine.noted("c")[0]["expected_by"]) == (400 * MB, "history")


def test_no_more_edges_run_than_there_are_cores(monkeypatch):
    machine = Machine(monkeypatch, cores=2, a=1, b=1, c=1)
    machine.request(*"abc")
    assert machine.running == "ab"
    assert machine.controller.admission.most_waiting == 1


def test_something_always_runs_whatever_it_needs(monkeypatch):
    machine = Machine(monkeypatch, a=5000, b=5000)
    machine.request(*"ab")
    assert machine.running == "a"


def test_without_a_number_of_cores_everything_starts_at_once(monkeypatch):
    machine = Machine(monkeypatch, cores=0, a=900, b=900)
    machine.request(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    assert (machine.told("a"), machine.running) == (["go", "done"], "b")


def test_what_tries_out_or_makes_nothing_is_let_in_at_once(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=900)
    machine.request("a")
    trial = EdgeCommand(("g++", "conftest.cpp"), "/build", "link", "a.out")
    answers: list[bytes] = []
    machine.controller.request_start(1, 1, trial, 0.0, lambda words: answers.append(words[0]))
    assert answers == [b"go"]


def test_an_edge_that_memory_killed_runs_again_alone_and_the_build_goes_on(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300, c=300)
    machine.request(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "again"]
    machine.request("c")
    assert machine.told("c") == []  # it would keep the second try waiting
    machine.end("b")
    assert machine.told("a") == ["go", "again", "go"]
    assert machine.told("c") == []
    machine.end("a")
    assert machine.told("c") == ["go"]
    first, second = machine.noted("a")
    assert (first["run_again"], first["exit_status"], first["attempts"]) == ("oom-kill", 1, 1)
    assert (second["exit_status"], second["attempts"], second["alone"]) == (0, 2, True)
    assert machine.said == ["a.o: memory killed it when it held 0 MB; it runs again alone"]
    assert machine.ended == []


def test_a_compile_error_is_no_reason_to_run_again(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300)
    machine.request(*"ab")
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "done"]


def test_a_kill_counts_for_one_edge_only(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300)
    machine.request(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("b", KILLED)
    assert machine.told("b") == ["go", "done"]


def test_what_came_through_standard_input_cannot_run_again(monkeypatch):
    machine = Machine(monkeypatch)
    machine.request("a", more=("-",))
    machine.request("b")
    machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "done"]


@pytest.mark.parametrize("company", [True, False])
def test_what_does_not_fit_alone_ends_the_build_at_once(monkeypatch, company):
    machine = Machine(monkeypatch, a=300, b=300, c=300, d=300)
    machine.request("a")
    machine.kills = 1
    if company:
        machine.request("b")
        machine.end("a", KILLED)
        machine.end("b")
        machine.kills = 2
    machine.request("c")
    if not company:
        # It ran alone from its start, so a second try would be the same.
        machine = Machine(monkeypatch, a=1000, c=300)
        machine.request(*"ac")
        machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a")[-1] == "done"
    assert machine.ended == ["a.o"]
    assert machine.said[-1] == "a.o: memory killed it though it ran alone; the build ends here"
    assert machine.controller.admission.does_not_fit == "a.o"
    machine.controller.close()
    machine.request("d")
    assert machine.told("d") == ["refused"]


def test_a_launcher_that_is_killed_while_it_waits_keeps_nobody_waiting(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1, c=1)
    machine.request(*"abc")
    machine.controller.gone(ord("b"), 1.0)
    machine.end("a")
    machine.answers[ord("a")].append(b"ended")
    assert machine.running == "c"
    assert machine.noted("b") == []


def test_a_launcher_that_is_killed_while_its_command_runs_gives_its_place_away(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1)
    machine.request(*"ab")
    machine.controller.gone(ord("a"), 1.0)
    assert machine.told("b") == ["go"]
    assert machine.noted("a")[0]["signal"] == 9


def test_a_guess_is_made_anew_when_kin_have_shown_more(monkeypatch):
    machine = Machine(monkeypatch, cores=4, ram_mb=900)
    machine.request(*"abc")
    assert machine.running == "a"  # 512 MB each, nothing is known
    machine.end("a")
    assert (machine.told("b"), machine.told("c")) == (["go"], ["go"])


def test_once_a_minute_it_says_who_runs_and_who_waits(monkeypatch):
    machine = Machine(monkeypatch, a=600, b=1100)
    machine.request(*"ab")
    machine.controller.look_at_machine(59.0)
    machine.controller.look_at_machine(61.0)
    machine.controller.look_at_machine(62.0)
    assert machine.said == ["1 of 4 edges run and are expected to need 600 of 1000 MB; 1 wait"]


def test_without_swap_the_newest_is_given_up_for_file_pages_and_runs_again_alone(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.admission.controller.ProcessTree.below", lambda self, pid: [pid + 1, pid + 2])
    monkeypatch.setattr("arm_ci.agent.admission.controller.os.kill", lambda pid, number: killed.append(pid))
    monkeypatch.setattr("arm_ci.agent.admission.paging.Stalls.since", lambda *_: 0.9)
    machine.request(*"ab")
    for second in range(10):
        machine.controller.look_at_machine(float(second))
    assert killed == [1000 + ord("b") + 2, 1000 + ord("b") + 1]
    machine.end("b", KILLED)
    assert machine.told("b") == ["go", "again"]
    assert machine.noted("b")[0]["run_again"] == "file pages"
    assert machine.said == ["b.o: it was ended to make room for file pages when it held 0 MB; it runs again alone"]
    machine.end("a")
    machine.controller.look_at_machine(11.0)
    assert machine.told("b") == ["go", "again", "go"]


def test_without_swap_what_stands_still_alone_does_not_fit_and_ends_the_build(monkeypatch):
    machine = Machine(monkeypatch, a=300)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.admission.controller.ProcessTree.below", lambda self, pid: [pid + 1])
    monkeypatch.setattr("arm_ci.agent.admission.controller.os.kill", lambda pid, number: killed.append(pid))

    def still(stalls, *_: object) -> float:
        stalls.are_still = True
        return 0.98

    monkeypatch.setattr("arm_ci.agent.admission.paging.Stalls.since", still)
    machine.request("a")
    for second in range(62):
        machine.controller.look_at_machine(float(second))
    assert killed == [1000 + ord("a") + 1]
    machine.end("a", KILLED)
    assert (machine.told("a"), machine.ended) == (["go", "done"], ["a.o"])
    assert machine.said[-1] == (
        "a.o: it was ended, for it stood still for want of memory though it ran alone; the build ends here"
    )
    assert (machine.controller.admission.does_not_fit, machine.controller.admission.stood_still) == ("a.o", True)


def test_when_the_build_ends_whoever_waits_is_refused(monkeypatch):
    machine = Machine(monkeypatch, cores=1)
    machine.request(*"ab")
    machine.controller.close()
    assert machine.told("b") == ["refused"]


def test_after_a_fault_of_the_agents_own_nobody_is_left_waiting(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1)
    machine.request(*"ab")
    monkeypatch.setattr("arm_ci.agent.admission.controller.choose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        machine.controller.look_at_machine(1.0)
    assert machine.told("b") == ["go"]
    machine.request("c")
    assert machine.told("c") == ["go"]
