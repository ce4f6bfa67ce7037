"""How a fallback changes a command, word for word, and which fallback an edge gets by what is known of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arm_ci.agent.admission.expectation import Expectation
from arm_ci.agent.edges.command_line import EdgeCommand, kind_and_output
from arm_ci.agent.fallback.candidates import Fallbacks
from arm_ci.agent.fallback.command_change import changed_command, difference
from arm_ci.agent.fallback.fallbacks_file import Fallback, FallbackError, fallbacks_of_text
from arm_ci.agent.peaks import Learned, Peaks, fingerprint

MB = 1 << 20
NO_DEBUG = Fallback("less", add=("-g0", "-Wl,-S"))
LINES = Fallback("lines", add=("-g1",))
LLD = Fallback("lld", linker=("-fuse-ld=lld", "-Wl,--threads=1"), linker_program="ld.lld", add=("-Wl,-S",))
CLANG = Fallback("clang", programs=("/usr/bin/clang-14", "/usr/bin/clang++-14"))
GGC = Fallback("ggc", add=("--param=ggc-min-expand=10", "--param=ggc-min-heapsize=32768"))


def command_of(line: str) -> EdgeCommand:
    argv = tuple(line.split())
    return EdgeCommand(argv, "/build", *kind_and_output(argv))


@pytest.mark.parametrize(
    ("fallback", "before", "after"),
    [
        (NO_DEBUG, "/usr/bin/g++ -g -c a.cpp -o a.o", "/usr/bin/g++ -c a.cpp -o a.o -g0"),
        # The last word wins, so all of them go.
        (NO_DEBUG, "g++ -g0 -g -O2 -ggdb3 -c a.cpp", "g++ -O2 -c a.cpp -g0"),
        (NO_DEBUG, "g++ -g -gsplit-dwarf -gdwarf-4 -gz -c a.cpp", "g++ -gz -c a.cpp -g0"),
        # Only what is an option is one: not a file that is named like it, not the value of another.
        (NO_DEBUG, "g++ -g -o -g -x c++ -c a.cpp -MF -g", "g++ -o -g -x c++ -c a.cpp -MF -g -g0"),
        (NO_DEBUG, "g++ -Xclang -g -g -c a.cpp", "g++ -Xclang -g -c a.cpp -g0"),
        # What a response file says is not known; the last word wins against it.
        (NO_DEBUG, "g++ @flags.rsp -c a.cpp", "g++ @flags.rsp -c a.cpp -g0"),
        # What stands behind `--` are inputs.
        (NO_DEBUG, "clang++ -g -c -o a.o -- a.cpp", "clang++ -c -o a.o -g0 -- a.cpp"),
        # There is no debug information that could be less.
        (NO_DEBUG, "g++ -O2 -c a.cpp", None),
        (NO_DEBUG, "g++ -g -g0 -c a.cpp", None),
        (LINES, "g++ -O2 -c a.cpp", None),
        (LINES, "g++ -g -g0 -c a.cpp", None),
        (LINES, "g++ -g -gdwarf-4 -c a.cpp", "g++ -gdwarf-4 -c a.cpp -g1"),
        # Of a link of finished objects the linker decides.
        (NO_DEBUG, "g++ -g a.o -o a", "g++ -g a.o -o a -Wl,-S"),
        (NO_DEBUG, "g++ -g -flto a.o -o a", "g++ -flto a.o -o a -g0 -Wl,-S"),
        (NO_DEBUG, "g++ -g a.o -o a -Wl,-S", None),
        (LLD, "g++ a.o -o a", "g++ a.o -o a -fuse-ld=lld -Wl,--threads=1 -Wl,-S"),
        (LLD, "g++ -fuse-ld=gold a.o -o a", "g++ a.o -o a -fuse-ld=lld -Wl,--threads=1 -Wl,-S"),
        (
            LLD,
            "g++ -Wl,--no-keep-memory,-rpath,/x -Xlinker --no-map-whole-files -Xlinker -z -Xlinker now @objects.rsp",
            "g++ -Wl,-rpath,/x -Xlinker -z -Xlinker now @objects.rsp -fuse-ld=lld -Wl,--threads=1 -Wl,-S",
        ),
        (LLD, "g++ -Wl,-S a.o -fuse-ld=lld -Wl,--threads=1 -o a", None),
        (LLD, "g++ -g -c a.cpp", None),
        (LLD, "ld a.o -o a", None),
        (CLANG, "/usr/bin/g++-12 -g -c a.cpp", "/usr/bin/clang++-14 -g -c a.cpp"),
        (CLANG, "aarch64-linux-gnu-gcc -c a.c", "/usr/bin/clang-14 -c a.c"),
        # The same compiler by another path is no fallback.
        (CLANG, "/opt/bin/clang++-14 -c a.cpp", None),
        (GGC, "g++ -c a.cpp", "g++ -c a.cpp --param=ggc-min-expand=10 --param=ggc-min-heapsize=32768"),
        (
            GGC,
            "g++ --param ggc-min-expand=10 -c a.cpp",
            "g++ --param ggc-min-expand=10 -c a.cpp --param=ggc-min-heapsize=32768",
        ),
        (GGC._replace(kinds=("link",)), "g++ -c a.cpp", None),
        (Fallback("small", add=("-Os",)), "g++ -O0 -O2 -c a.cpp", "g++ -c a.cpp -Os"),
        (
            Fallback("plain", remove=("-Werror", "-Wl,--gc-sections", "-Wl,-z,now", "--param=a=1")),
            "g++ -Werror --param a=1 -Wl,-O1,--gc-sections,-z,now -Wl,-z,now a.o",
            "g++ -Wl,-O1 a.o",
        ),
        (NO_DEBUG, "ar rcs liba.a a.o", None),
        # A name that is no text could not be handed back.
        (NO_DEBUG, "g++ -g -c b\\xe9.cpp", None),
    ],
)
def test_a_command_is_changed_word_for_word(fallback: Fallback, before: str, after: str | None) -> None:
    found = changed_command(fallback, command_of(before))
    assert (found and " ".join(found)) == after


@pytest.mark.parametrize(
    ("fallback", "before", "words"),
    [
        (NO_DEBUG, "g++ -g -c a.cpp", "-g0 instead of -g"),
        (LLD, "g++ -fuse-ld=gold a.o", "-fuse-ld=lld -Wl,--threads=1 -Wl,-S instead of -fuse-ld=gold"),
        (CLANG, "/usr/bin/g++-12 -g -c a.cpp", "clang++-14 instead of g++-12"),
        (GGC, "g++ -c a.cpp", "--param=ggc-min-expand=10 --param=ggc-min-heapsize=32768"),
        (Fallback("plain", remove=("-Werror",)), "g++ -Werror -c a.cpp", "without -Werror"),
    ],
)
def test_what_differs_is_said_difference(fallback: Fallback, before: str, words: str) -> None:
    command = command_of(before)
    after = changed_command(fallback, command)
    assert after is not None
    assert difference(command.argv, after) == words


def test_a_compiler_of_the_same_name_elsewhere_is_named_by_its_path() -> None:
    assert difference(("/a/g++", "a.o"), ("/b/g++", "a.o")) == "/b/g++ instead of /a/g++"


def text(*fallbacks: Any, schema: Any = 2) -> str:
    return json.dumps({"schema": schema, "fallbacks": list(fallbacks)})


def test_fallbacks_come_as_a_json_text() -> None:
    found = fallbacks_of_text(text({"name": "less", "edges": ["src/*"], "always": True, "add": ["-g0"]}))
    assert found == (Fallback("less", edges=("src/*",), always=True, add=("-g0",)),)


def test_fallbacks_of_version_1_are_read_as_todays() -> None:
    """As arm_ci wrote them when it called them reliefs."""
    old = """{"schema": 1, "reliefs": [
      {"name": "link-trial", "edges": ["src/app"], "kinds": ["link"], "always": false, "programs": [], "remove": [],
       "linker": ["-fuse-ld=lld"], "linker_program": "ld.lld", "by_directory": false, "add": ["-Wl,-S"]}
    ]}"""
    linker = ("-fuse-ld=lld",)
    assert fallbacks_of_text(old) == (
        Fallback("link-trial", ("src/app",), ("link",), linker=linker, linker_program="ld.lld", add=("-Wl,-S",)),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{", "not JSON: "),
        ("[]", "no fallbacks: an object with a number `schema` was expected"),
        (text(schema=3), "schema 3 is newer than 2, which this arm_ci reads"),
        ('{"schema": 1, "fallbacks": {}}', "fallbacks: a list was expected"),
        (text(1), "fallbacks[0]: an object was expected"),
        (text({}), "fallbacks[0].name: is missing"),
        (text({"name": "a", "when": "now"}), "fallbacks[0].when: is not known"),
        (text({"name": "a", "add": "-g0"}), "fallbacks[0].add: a list was expected"),
        (text({"name": "a", "always": 1}), "fallbacks[0].always: true or false was expected"),
        (text({"name": "a", "add": ["-g0", 1]}), "fallbacks[0].add[1]: a text was expected"),
        (text({"name": 1}), "fallbacks[0].name: a text was expected"),
        (text({"name": "a", "programs": ["clang"]}), "fallbacks[0].programs: a C and a C++ compiler were expected"),
    ],
)
def test_what_is_no_fallback_is_said(said: str, expected: str) -> None:
    with pytest.raises(FallbackError) as raised:
        fallbacks_of_text(said)
    assert str(raised.value).startswith(expected)


# -- which one ----------------------------------------------------------------------------------------------------


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
