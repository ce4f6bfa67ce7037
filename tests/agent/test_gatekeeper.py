"""Who is let in when: launchers ask, the budget decides, and what memory killed runs once more alone."""

from __future__ import annotations

from typing import Any

import pytest

from arm_ci.agent.budget import Budget
from arm_ci.agent.commands import Asked
from arm_ci.agent.edges import Edges
from arm_ci.agent.expectation import Expectation
from arm_ci.agent.gatekeeper import Gatekeeper
from arm_ci.agent.kills import Kills
from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.agent.relief import Relief
from arm_ci.agent.reliefs import Reliefs

MB = 1 << 20
KILLED = 1 << 8
"""The status of a g++ whose cc1plus was killed: exit status 1."""


class Machine:
    """A machine with a budget, and the launchers that ask."""

    def __init__(
        self, monkeypatch, cores: int = 4, ram_mb: int = 1000, reliefs: tuple[Relief, ...] = (), **needs_mb: int
    ) -> None:
        self.budget = Budget(ram_mb * MB, 0)
        self.kills = 0
        self.notes: list[tuple[str, Any]] = []
        self.said: list[str] = []
        self.ended: list[str] = []
        self.answers: dict[int, list[bytes]] = {}
        self.now = 0.0
        learned = [Learned(f"{name}.o", "g++", "compile", need * MB, 10.0) for name, need in needs_mb.items()]
        monkeypatch.setattr("arm_ci.agent.expectation.HISTORY_MARGIN", 1.0)
        edges = Edges(lambda kind, value: self.notes.append((kind, value)), "/build")
        expectation = Expectation(Peaks("", tuple(learned)), "/build")
        self.keeper = Gatekeeper(edges, expectation, cores, self.ended.append, self.said.append, Reliefs(reliefs))
        self.keeper.begin(self, Kills(lambda: self.kills))  # type: ignore[arg-type]

    def read(self, held_bytes: int) -> Budget:
        """As a BudgetReader."""
        return self.budget

    def ask(self, *names: str, more: tuple[str, ...] = ()) -> None:
        for name in names:
            key = ord(name)
            argv = ("g++", "-c", f"{name}.cpp", *more, "-o", f"{name}.o")
            self.answers.setdefault(key, [])
            asked = Asked(argv, "/build", "compile", f"{name}.o")
            self.keeper.ask(
                key, 1000 + key, asked, self.now, lambda words, key=key: self.answers[key].append(b" ".join(words))
            )

    def end(self, name: str, status: int = 0) -> None:
        key = ord(name)
        self.keeper.ended(key, self.now, status, 1.0, 50 * MB, lambda words: self.answers[key].append(words[0]))

    def told(self, name: str) -> list[str]:
        return [word.decode() for word in self.answers[ord(name)]]

    @property
    def running(self) -> str:
        """Names of those that run."""
        return "".join(name for name in sorted(map(chr, self.answers)) if self.told(name)[-1:] == ["go"])

    def noted(self, name: str) -> list[dict[str, Any]]:
        """The tries of an edge as the journal has them."""
        found: dict[int, dict[str, Any]] = {}
        for kind, value in self.notes:
            if kind in ("edge", "end"):
                found.setdefault(value["number"], {}).update(value)
        return [each for each in found.values() if each["output"] == f"{name}.o"]


def test_edges_start_while_their_peaks_fit_the_budget(monkeypatch):
    machine = Machine(monkeypatch, a=400, b=450, c=400, d=150)
    machine.ask(*"abcd")
    assert machine.running == "abd"  # d fits beside a and c as well, when b has ended
    machine.now = 7.0
    machine.keeper.ended(ord("a"), 7.0, 0, 1.0, MB, lambda words: None)
    machine.answers[ord("a")].append(b"ended")
    assert machine.running == "bcd"
    assert machine.noted("c")[0]["waited_seconds"] == 7.0
    assert (machine.noted("c")[0]["expected_bytes"], machine.noted("c")[0]["expected_by"]) == (400 * MB, "history")


def test_no_more_edges_run_than_there_are_cores(monkeypatch):
    machine = Machine(monkeypatch, cores=2, a=1, b=1, c=1)
    machine.ask(*"abc")
    assert machine.running == "ab"
    assert machine.keeper.admission.most_waiting == 1


def test_something_always_runs_whatever_it_needs(monkeypatch):
    machine = Machine(monkeypatch, a=5000, b=5000)
    machine.ask(*"ab")
    assert machine.running == "a"


def test_without_a_number_of_cores_everything_starts_at_once(monkeypatch):
    machine = Machine(monkeypatch, cores=0, a=900, b=900)
    machine.ask(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    assert (machine.told("a"), machine.running) == (["go", "done"], "b")


def test_what_tries_out_or_makes_nothing_is_let_in_at_once(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=900)
    machine.ask("a")
    trial = Asked(("g++", "conftest.cpp"), "/build", "link", "a.out")
    answers: list[bytes] = []
    machine.keeper.ask(1, 1, trial, 0.0, lambda words: answers.append(words[0]))
    assert answers == [b"go"]


def test_an_edge_that_memory_killed_runs_again_alone_and_the_build_goes_on(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300, c=300)
    machine.ask(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "again"]
    machine.ask("c")
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
    machine.ask(*"ab")
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "done"]


def test_a_kill_counts_for_one_edge_only(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300)
    machine.ask(*"ab")
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("b", KILLED)
    assert machine.told("b") == ["go", "done"]


def test_what_came_through_standard_input_cannot_run_again(monkeypatch):
    machine = Machine(monkeypatch)
    machine.ask("a", more=("-",))
    machine.ask("b")
    machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "done"]


@pytest.mark.parametrize("company", [True, False])
def test_what_does_not_fit_alone_ends_the_build_at_once(monkeypatch, company):
    machine = Machine(monkeypatch, a=300, b=300, c=300, d=300)
    machine.ask("a")
    machine.kills = 1
    if company:
        machine.ask("b")
        machine.end("a", KILLED)
        machine.end("b")
        machine.kills = 2
    machine.ask("c")
    if not company:
        # It ran alone from its start, so a second try would be the same.
        machine = Machine(monkeypatch, a=1000, c=300)
        machine.ask(*"ac")
        machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a")[-1] == "done"
    assert machine.ended == ["a.o"]
    assert machine.said[-1] == "a.o: memory killed it though it ran alone; the build ends here"
    assert machine.keeper.admission.does_not_fit == "a.o"
    machine.keeper.close()
    machine.ask("d")
    assert machine.told("d") == ["refused"]


def test_a_launcher_that_is_killed_while_it_waits_keeps_nobody_waiting(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1, c=1)
    machine.ask(*"abc")
    machine.keeper.gone(ord("b"), 1.0)
    machine.end("a")
    machine.answers[ord("a")].append(b"ended")
    assert machine.running == "c"
    assert machine.noted("b") == []


def test_a_launcher_that_is_killed_while_its_command_runs_gives_its_place_away(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1)
    machine.ask(*"ab")
    machine.keeper.gone(ord("a"), 1.0)
    assert machine.told("b") == ["go"]
    assert machine.noted("a")[0]["signal"] == 9


def test_a_guess_is_made_anew_when_kin_have_shown_more(monkeypatch):
    machine = Machine(monkeypatch, cores=4, ram_mb=900)
    machine.ask(*"abc")
    assert machine.running == "a"  # 512 MB each, nothing is known
    machine.end("a")
    assert (machine.told("b"), machine.told("c")) == (["go"], ["go"])


def test_once_a_minute_it_says_who_runs_and_who_waits(monkeypatch):
    machine = Machine(monkeypatch, a=600, b=1100)
    machine.ask(*"ab")
    machine.keeper.look(59.0)
    machine.keeper.look(61.0)
    machine.keeper.look(62.0)
    assert machine.said == ["1 of 4 edges run and are expected to need 600 of 1000 MB; 1 wait"]


def test_without_swap_the_newest_is_given_up_for_file_pages_and_runs_again_alone(monkeypatch):
    machine = Machine(monkeypatch, a=300, b=300)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.gatekeeper.ProcessTree.below", lambda self, pid: [pid + 1, pid + 2])
    monkeypatch.setattr("arm_ci.agent.gatekeeper.os.kill", lambda pid, number: killed.append(pid))
    monkeypatch.setattr("arm_ci.agent.paging.Stalls.since", lambda *_: 0.9)
    machine.ask(*"ab")
    for second in range(10):
        machine.keeper.look(float(second))
    assert killed == [1000 + ord("b") + 2, 1000 + ord("b") + 1]
    machine.end("b", KILLED)
    assert machine.told("b") == ["go", "again"]
    assert machine.noted("b")[0]["run_again"] == "file pages"
    assert machine.said == ["b.o: it was ended to make room for file pages when it held 0 MB; it runs again alone"]
    machine.end("a")
    machine.keeper.look(11.0)
    assert machine.told("b") == ["go", "again", "go"]


def test_without_swap_what_stands_still_alone_does_not_fit_and_ends_the_build(monkeypatch):
    machine = Machine(monkeypatch, a=300)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.gatekeeper.ProcessTree.below", lambda self, pid: [pid + 1])
    monkeypatch.setattr("arm_ci.agent.gatekeeper.os.kill", lambda pid, number: killed.append(pid))

    def still(stalls, *_: object) -> float:
        stalls.are_still = True
        return 0.98

    monkeypatch.setattr("arm_ci.agent.paging.Stalls.since", still)
    machine.ask("a")
    for second in range(62):
        machine.keeper.look(float(second))
    assert killed == [1000 + ord("a") + 1]
    machine.end("a", KILLED)
    assert (machine.told("a"), machine.ended) == (["go", "done"], ["a.o"])
    assert machine.said[-1] == (
        "a.o: it was ended, for it stood still for want of memory though it ran alone; the build ends here"
    )
    assert (machine.keeper.admission.does_not_fit, machine.keeper.admission.stood_still) == ("a.o", True)


def test_when_the_build_ends_whoever_waits_is_refused(monkeypatch):
    machine = Machine(monkeypatch, cores=1)
    machine.ask(*"ab")
    machine.keeper.close()
    assert machine.told("b") == ["refused"]


def test_after_a_fault_of_the_agents_own_nobody_is_left_waiting(monkeypatch):
    machine = Machine(monkeypatch, cores=1, a=1, b=1)
    machine.ask(*"ab")
    monkeypatch.setattr("arm_ci.agent.gatekeeper.choose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        machine.keeper.look(1.0)
    assert machine.told("b") == ["go"]
    machine.ask("c")
    assert machine.told("c") == ["go"]


# -- built differently --------------------------------------------------------------------------------------------

LESS = Relief("less", add=("-g0",))
SMALL = Relief("small", add=("-Os",))


def test_what_does_not_fit_alone_is_built_in_its_next_way_until_none_is_left(monkeypatch):
    machine = Machine(monkeypatch, reliefs=(LESS, SMALL), b=1000)
    machine.ask("a", more=("-g",))
    machine.ask("b")
    machine.kills = 1
    machine.end("a", KILLED)
    assert machine.told("a") == ["go", "again", "go g++ -c a.cpp -o a.o -g0"]
    assert machine.told("b") == []
    machine.kills = 2
    machine.end("a", KILLED)
    assert machine.told("a")[3:] == ["again", "go g++ -c a.cpp -g -o a.o -Os"]
    assert machine.ended == []
    machine.kills = 3
    machine.end("a", KILLED)
    assert (machine.told("a")[-1], machine.ended) == ("done", ["a.o"])
    assert machine.said == [
        "a.o: memory killed it when it held 0 MB though it ran alone; it runs again, built differently",
        "a.o is built with less: -g0 instead of -g",
        "a.o: memory killed it when it held 0 MB though it ran alone; it runs again, built differently",
        "a.o is built with small: -Os",
        "a.o: memory killed it though it ran alone; the build ends here",
    ]
    tries = machine.noted("a")
    assert [each["attempts"] for each in tries] == [1, 2, 3]
    assert [each["alone"] for each in tries] == [True, True, True]
    assert [each["relief"] for each in tries] == ["", "less: -g0 instead of -g", "small: -Os"]
    assert [each.get("run_again", "") for each in tries] == ["oom-kill", "oom-kill", ""]
    assert tries[1]["argv"] == ["g++", "-c", "a.cpp", "-o", "a.o", "-g0"]


def test_what_memory_killed_beside_others_is_first_tried_alone_as_it_is(monkeypatch):
    machine = Machine(monkeypatch, reliefs=(LESS,), a=300, b=300)
    machine.ask("a", more=("-g",))
    machine.ask("b")
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("b")
    assert machine.told("a") == ["go", "again", "go"]
    machine.kills = 2
    machine.end("a", KILLED)
    assert machine.told("a")[3:] == ["again", "go g++ -c a.cpp -o a.o -g0"]


def test_what_an_earlier_build_found_out_is_used_from_the_first_try(monkeypatch):
    machine = Machine(monkeypatch, reliefs=(LESS,), a=1000)
    machine.ask("a", more=("-g",))
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("a")
    # As the same build would: it has learned.
    machine.answers.clear()
    machine.ask("a", more=("-g",))
    assert machine.told("a") == ["go g++ -c a.cpp -o a.o -g0"]
    assert machine.noted("a")[-1]["attempts"] == 1


def test_what_is_always_wanted_needs_no_admission(monkeypatch):
    machine = Machine(monkeypatch, cores=0, reliefs=(SMALL, LESS._replace(always=True)))
    machine.ask("a", more=("-g",))
    assert machine.told("a") == ["go g++ -c a.cpp -o a.o -g0"]
    assert machine.said == ["a.o is built with less: -g0 instead of -g"]


class Stopped:
    """In the place of a Stopper: remembers who is stopped."""

    def __init__(self) -> None:
        self.now: set[int] = set()
        self.is_closed = False

    def stop(self, launcher: int) -> bool:
        self.now.add(launcher)
        return True

    def go_on(self, launcher: int) -> None:
        self.now.discard(launcher)

    def close(self) -> None:
        self.now.clear()
        self.is_closed = True


@pytest.fixture
def stopper(monkeypatch) -> Stopped:
    found = Stopped()
    monkeypatch.setattr("arm_ci.agent.holds.Stopper", lambda: found)
    return found


def hold(machine: Machine, **held_mb: int) -> None:
    """What running edges hold at a look."""
    for name, held in held_mb.items():
        running = machine.keeper._edges.running(ord(name))
        running.peaks.now = held * MB
    machine.keeper.share(machine.now)


def test_an_edge_whose_need_is_half_free_starts_and_is_stopped_until_the_older_has_ended(monkeypatch, stopper):
    machine = Machine(monkeypatch, a=600, b=600)
    machine.ask(*"ab")
    assert machine.running == "ab"
    hold(machine, a=100, b=300)
    assert stopper.now == set()
    hold(machine, a=200, b=380)
    assert stopper.now == {1000 + ord("b")}
    machine.now = 4.0
    machine.end("a")
    assert stopper.now == set()
    machine.end("b")
    (noted,) = machine.noted("b")
    assert (noted["in_part"], noted["held_seconds"]) == (True, 4.0)
    assert machine.noted("a")[0]["in_part"] is False
    assert (machine.keeper.admission.part_starts, machine.keeper.admission.part_holds) == (1, 1)


def test_beside_an_edge_whose_need_is_a_guess_none_starts_in_part(monkeypatch, stopper):
    machine = Machine(monkeypatch, ram_mb=900, b=600)
    machine.ask(*"xb")
    assert machine.running == "x"


def test_without_swap_the_newest_is_given_up_though_it_is_stopped_for_it_holds_its_memory(monkeypatch, stopper):
    machine = Machine(monkeypatch, a=600, b=600)
    killed: list[int] = []
    monkeypatch.setattr("arm_ci.agent.gatekeeper.ProcessTree.below", lambda self, pid: [pid + 1])
    monkeypatch.setattr("arm_ci.agent.gatekeeper.os.kill", lambda pid, number: killed.append(pid))
    monkeypatch.setattr("arm_ci.agent.paging.Stalls.since", lambda *_: 0.9)
    machine.ask(*"ab")
    hold(machine, a=300, b=390)
    assert stopper.now == {1000 + ord("b")}
    for second in range(10):
        machine.keeper.look(float(second))
    assert killed == [1000 + ord("b") + 1]


def test_when_the_build_ends_whoever_was_short_goes_on(monkeypatch, stopper):
    machine = Machine(monkeypatch, a=600, b=600)
    machine.ask(*"ab")
    hold(machine, a=200, b=390)
    machine.keeper.close()
    assert stopper.is_closed


def test_after_a_fault_in_sharing_everybody_goes_on(monkeypatch, stopper):
    machine = Machine(monkeypatch, a=600, b=600, c=600)
    machine.ask(*"abc")
    hold(machine, a=200, b=390)
    monkeypatch.setattr("arm_ci.agent.holds.stopped", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        machine.keeper.share(1.0)
    assert stopper.is_closed
    assert machine.running == "abc"
