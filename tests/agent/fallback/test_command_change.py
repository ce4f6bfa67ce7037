"""How a fallback changes a command, word for word."""

from __future__ import annotations

import pytest
from edge_commands import command_of

from arm_ci.agent.fallback.command_change import changed_command, difference
from arm_ci.agent.fallback.fallbacks_file import Fallback

MB = 1 << 20
NO_DEBUG = Fallback("less", add=("-g0", "-Wl,-S"))
LINES = Fallback("lines", add=("-g1",))
LLD = Fallback("lld", linker=("-fuse-ld=lld", "-Wl,--threads=1"), linker_program="ld.lld", add=("-Wl,-S",))
CLANG = Fallback("clang", programs=("/usr/bin/clang-14", "/usr/bin/clang++-14"))
GGC = Fallback("ggc", add=("--param=ggc-min-expand=10", "--param=ggc-min-heapsize=32768"))


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
def test_what_differs_is_said_in_words(fallback: Fallback, before: str, words: str) -> None:
    command = command_of(before)
    after = changed_command(fallback, command)
    assert after is not None
    assert difference(command.argv, after) == words


def test_a_compiler_of_the_same_name_elsewhere_is_named_by_its_path() -> None:
    assert difference(("/a/g++", "a.o"), ("/b/g++", "a.o")) == "/b/g++ instead of /a/g++"
