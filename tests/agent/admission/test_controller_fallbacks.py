"""What does not fit alone is let in again, built differently."""

from __future__ import annotations

from requesting import KILLED, Machine

from arm_ci.agent.fallback.fallbacks_file import Fallback

LESS = Fallback("less", add=("-g0",))
SMALL = Fallback("small", add=("-Os",))


def test_what_does_not_fit_alone_is_built_in_its_next_way_until_none_is_left(monkeypatch):
    machine = Machine(monkeypatch, fallbacks=(LESS, SMALL), b=1000)
    machine.request("a", more=("-g",))
    machine.request("b")
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
    assert [each["fallback"] for each in tries] == ["", "less: -g0 instead of -g", "small: -Os"]
    assert [each.get("run_again", "") for each in tries] == ["oom-kill", "oom-kill", ""]
    assert tries[1]["argv"] == ["g++", "-c", "a.cpp", "-o", "a.o", "-g0"]


def test_what_memory_killed_beside_others_is_first_tried_alone_as_it_is(monkeypatch):
    machine = Machine(monkeypatch, fallbacks=(LESS,), a=300, b=300)
    machine.request("a", more=("-g",))
    machine.request("b")
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("b")
    assert machine.told("a") == ["go", "again", "go"]
    machine.kills = 2
    machine.end("a", KILLED)
    assert machine.told("a")[3:] == ["again", "go g++ -c a.cpp -o a.o -g0"]


def test_what_an_earlier_build_found_out_is_used_from_the_first_try(monkeypatch):
    machine = Machine(monkeypatch, fallbacks=(LESS,), a=1000)
    machine.request("a", more=("-g",))
    machine.kills = 1
    machine.end("a", KILLED)
    machine.end("a")
    # As the same build would: it has learned.
    machine.answers.clear()
    machine.request("a", more=("-g",))
    assert machine.told("a") == ["go g++ -c a.cpp -o a.o -g0"]
    assert machine.noted("a")[-1]["attempts"] == 1


def test_what_is_always_wanted_needs_no_admission(monkeypatch):
    machine = Machine(monkeypatch, cores=0, fallbacks=(SMALL, LESS._replace(always=True)))
    machine.request("a", more=("-g",))
    assert machine.told("a") == ["go g++ -c a.cpp -o a.o -g0"]
    assert machine.said == ["a.o is built with less: -g0 instead of -g"]
