"""Progress and the one line that says why."""

import pytest

from arm_ci.plan.progress import Headline, Progress


def headline(text):
    found = Headline()
    for line in text.splitlines():
        found.feed(line)
    return found.text


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("[12/463] Building CXX object a.o", "12/463"),
        ("[ 42%] Building CXX object a.o", "42%"),
        ("[100%] Built target a", "100%"),
        ("[==========] Running 3 tests", "None"),
        ("see [1/2]", "None"),
    ],
)
def test_ninja_and_cmake_tell_how_far_they_are(line, progress):
    assert str(Progress.of_line(line)) == progress


def test_a_sub_build_does_not_turn_progress_back():
    position = Progress(61, 165, "edges")
    assert not Progress(6, 11, "edges").follows(position)
    assert Progress(62, 165, "edges").follows(position)
    assert not position.follows(position)


def test_ninjas_own_error_wins_over_everything_else():
    text = (
        "FAILED: a.o\nfoo.cpp:1: error: x\nninja: error: 'liba.a', needed by 'b', missing and no known rule to make it"
    )
    assert headline(text) == "ninja: error: 'liba.a', needed by 'b', missing and no known rule to make it"


def test_a_compiler_error_wins_over_the_tools_that_pass_it_on():
    text = "FAILED: a.o\na.cpp:3:5: error: 'x' was not declared\nmake: *** [all] Error 2\nninja: build stopped"
    assert headline(text) == "a.cpp:3:5: error: 'x' was not declared"


def test_the_linkers_own_words_say_more_than_the_driver_that_passes_them_on():
    text = "/usr/bin/ld.bfd: cannot find -lgmock: No such file or directory\ncollect2: error: ld returned 1 exit status"
    assert headline(text) == "/usr/bin/ld.bfd: cannot find -lgmock: No such file or directory"
    assert headline("collect2: error: ld returned 1") == "collect2: error: ld returned 1"


def test_the_first_of_several_errors_is_the_headline():
    assert headline("a.cpp:1: error: one\nb.cpp:1: error: two") == "a.cpp:1: error: one"


def test_cmake_names_the_place_first_and_the_reason_on_the_next_line():
    text = "CMake Error at CMakeLists.txt:3 (message):\n  no zlib\n\n-- Configuring incomplete"
    assert headline(text) == "CMake Error at CMakeLists.txt:3 (message): no zlib"


def test_the_compilers_own_error_says_more_than_cmakes_test_of_it():
    text = (
        "CMake Error at /usr/share/cmake/Modules/CMakeTestCCompiler.cmake:70 (message):\n  The C compiler\n\n"
        "    clang: error: no such file or directory: 'b/x'\n"
    )
    assert headline(text) == "clang: error: no such file or directory: 'b/x'"


def test_output_without_a_reason_gives_none():
    assert headline("compiling errors.cpp\ndone") == ""


def test_a_line_without_end_is_cut():
    assert len(headline("error: " + "x" * 1_000_000)) == 4000
