"""Which candidates an edge has, by what is known of each."""

from __future__ import annotations

from typing import Any

from edge_commands import command_of

from arm_ci.agent.admission.expectation import Expectation
from arm_ci.agent.fallback.candidates import Fallbacks
from arm_ci.agent.fallback.fallbacks_file import Fallback
from arm_ci.agent.peaks import Learned, Peaks, fingerprint

MB = 1 << 20
NO_DEBUG = Fallback("less", add=("-g0", "-Wl,-S"))
LINES = Fallback("lines", add=("-g1",))
LLD = Fallback("lld", linker=("-fuse-ld=lld", "-Wl,--threads=1"), linker_program="ld.lld", add=("-Wl,-S",))
CLANG = Fallback("clang", programs=("/usr/bin/clang-14", "/usr/bin/clang++-14"))
GGC = Fallback("ggc", add=("--param=ggc-min-expand=10", "--param=ggc-min-heapsize=32768"))


def known(line: str, need_mb: int, **more: Any) -> Learned:
    command = command_of(line)
    return Learned(command.output, fingerprint(command.argv, command.kind), command.kind, need_mb * MB, 1.0, **more)


def candidates(line: str, *learned: Learned, fallbacks: tuple[Fallback, ...] = (NO_DEBUG, CLANG)) -> list[str]:
    """Names of the fallbacks in the order of trial; `-` as the build asks for it."""
    expectation = Expectation(Peaks("", learned), "/build")
    found = Fallbacks(fallbacks).candidates(command_of(line), expectation.history, "/build", 1000 * MB)
    return [each.fallback.partition(":")[0] or "-" for each in found]


COMPILE = "g++ -g -c a.cpp -o a.o"
LESS = "g++ -c a.cpp -o a.o -g0"


def test_an_edge_of_which_nothing_is_known_is_first_built_as_asked() -> None:
    assert candidates(COMPILE) == ["-", "less", "clang"]


def test_what_is_known_not_to_fit_is_not_tried_again() -> None:
    not_enough = known(COMPILE, 900, does_not_fit_bytes=950 * MB, killed=True)
    assert candidates(COMPILE, not_enough) == ["less", "clang"]
    assert candidates(COMPILE, not_enough, known(LESS, 900, does_not_fit_bytes=1000 * MB, killed=True)) == ["clang"]


def test_a_machine_with_more_memory_tries_anew() -> None:
    assert candidates(COMPILE, known(COMPILE, 900, does_not_fit_bytes=500 * MB, killed=True))[0] == "-"


def test_what_took_more_elsewhere_than_there_is_here_is_built_differently_at_once() -> None:
    assert candidates(COMPILE, known(COMPILE, 1200))[0] == "less"
    assert candidates(COMPILE, known(COMPILE, 1100))[0] == "-"
    # Killed beside others: how much it takes alone nobody knows.
    assert candidates(COMPILE, known(COMPILE, 1200, killed=True))[0] == "-"


def test_where_all_are_known_not_to_fit_it_is_the_last() -> None:
    learned = (
        known(COMPILE, 1000, does_not_fit_bytes=1000 * MB, killed=True),
        known(LESS, 1300, does_not_fit_bytes=1000 * MB, killed=True),
    )
    assert candidates(COMPILE, *learned, fallbacks=(NO_DEBUG,)) == ["less"]


def test_what_is_always_wanted_comes_first_and_never_as_asked() -> None:
    assert candidates(COMPILE, fallbacks=(NO_DEBUG, CLANG._replace(always=True))) == ["clang", "less"]


def test_patterns_choose_outputs_relative_to_the_build_tree() -> None:
    fallbacks = (NO_DEBUG._replace(edges=("src/*.o",)), CLANG._replace(edges=("b.o", "a.*")))
    assert candidates(COMPILE, fallbacks=fallbacks) == ["-", "clang"]
    assert candidates("g++ -g -c a.cpp -o src/deep/a.o", fallbacks=fallbacks) == ["-", "less"]
    assert candidates("g++ -g -c a.cpp -o /build/src/a.o", fallbacks=fallbacks) == ["-", "less"]


def test_two_fallbacks_that_come_to_the_same_are_tried_once() -> None:
    assert candidates(COMPILE, fallbacks=(NO_DEBUG, NO_DEBUG._replace(name="again"))) == ["-", "less"]


def test_a_configurations_trial_is_built_as_asked() -> None:
    assert candidates("g++ -g conftest.cpp") == ["-"]
