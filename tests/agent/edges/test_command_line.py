"""What the command line of a compiler, archiver or linker says about its edge."""

from __future__ import annotations

import pytest

from arm_ci.agent.edges.command_line import is_edge_program, is_trial, kind_and_output, parse_command


@pytest.mark.parametrize(
    "name",
    [
        *("gcc", "g++", "cc", "c++", "clang", "clang++", "gfortran", "ar", "ld", "gcc-ar", "llvm-ar"),
        *("g++-12", "clang++-14", "gcc-4.9", "ar-2.40", "llvm-ar-14", "ld.bfd", "ld.gold", "ld.lld", "ld.lld-14"),
        *("aarch64-linux-gnu-g++", "arm-linux-gnueabihf-gcc-12", "x86_64-linux-gnu-gcc-ar-12", "arm-none-eabi-ld"),
        "distcc",
    ],
)
def test_these_programs_make_edges(name):
    assert is_edge_program(name)


@pytest.mark.parametrize(
    "name",
    ["gcov", "c++filt", "gcc-nm", "g++.old", "ninja", "tar", "ldd", "clang-format", "cpp", "distccd", "distcc-12"],
)
def test_these_do_not(name):
    assert not is_edge_program(name)


@pytest.mark.parametrize(
    ("command", "kind", "output"),
    [
        ("g++ -c a.cpp -o dir/a.o", "compile", "dir/a.o"),
        ("g++ -c -odir/a.o a.cpp", "compile", "dir/a.o"),
        ("gcc -c src/a.c", "compile", "a.o"),
        ("gcc -S src/a.c", "compile", "a.s"),
        ("gcc -c -MD -MF a.d -MT a.o -I include a.c", "compile", "a.o"),
        ("clang++ -v -c a.cpp -o a.o", "compile", "a.o"),
        ("g++ -x c++ -c - -o a.o", "compile", "a.o"),
        ("/usr/bin/distcc aarch64-linux-gnu-g++-12 -g -c a.cpp -o a.o", "compile", "a.o"),
        ("distcc --version", "other", ""),
        ("distcc", "other", ""),
        ("g++ a.o b.o -o prog", "link", "prog"),
        ("g++ -shared -Wl,-soname,libx.so.1 -o libx.so.1.2 a.o", "link", "libx.so.1.2"),
        ("g++ a.o", "link", "a.out"),
        ("g++ @objects.rsp -o prog", "link", "prog"),
        ("ld -r -o all.o a.o b.o", "link", "all.o"),
        ("ar qc libx.a a.o b.o", "archive", "libx.a"),
        ("ar -rcs libx.a a.o", "archive", "libx.a"),
        ("gcc-ar --plugin p.so rcs libx.a a.o", "archive", "libx.a"),
        ("ar t libx.a", "other", ""),
        ("ar --version", "other", ""),
        ("ar -s", "other", ""),
        ("g++ --version", "other", ""),
        ("g++ -v", "other", ""),
        ("ld -v", "other", ""),
        ("g++ -print-file-name=libc.so", "other", ""),
        ("g++ -E a.cpp -o a.ii", "other", "a.ii"),
        ("g++ -fsyntax-only a.cpp", "other", ""),
        ("g++ -M a.cpp", "other", ""),
    ],
)
def test_kind_and_output_are_read_from_the_words(command, kind, output):
    assert kind_and_output(command.split()) == (kind, output)


def test_what_stands_in_a_response_file_counts(tmp_path):
    (tmp_path / "a.rsp").write_text("-c 'a b.cpp'\n-o \"dir/a b.o\"\n")
    assert kind_and_output(["g++", "@a.rsp"], str(tmp_path)) == ("compile", "dir/a b.o")


def test_a_quote_that_is_not_closed_goes_on_to_the_end_as_for_gcc(tmp_path):
    (tmp_path / "a.rsp").write_text("a.o -o 'no end")
    assert kind_and_output(["g++", "@a.rsp"], str(tmp_path)) == ("link", "no end")


def test_a_name_that_no_file_can_have_is_no_input(tmp_path):
    (tmp_path / "a.rsp").write_text("\0 a.o")
    (tmp_path / "a.o").write_bytes(b"1234")
    command = parse_command(["g++", "@a.rsp", "-o", "app"], str(tmp_path))
    assert (command.inputs, command.inputs_bytes) == (("a.o",), 4)


@pytest.mark.parametrize("text", [None, "\0"])
def test_a_response_file_that_cannot_be_read_is_a_link_of_something(tmp_path, text):
    if text is not None:
        (tmp_path / "a.rsp").write_text(text)
    assert kind_and_output(["g++", "@a.rsp"], str(tmp_path)) == ("link", "a.out")


@pytest.mark.parametrize(
    ("output", "directory"),
    [
        ("conftest", "/b"),
        ("conftest.o", "/b/third_party"),
        ("CMakeFiles/cmTC_a1b2c.dir/testCXXCompiler.cxx.o", "/b/CMakeFiles/CMakeScratch/TryCompile-x"),
        ("cmTC_a1b2c", "/b/CMakeFiles/CMakeTmp"),
        ("a.out", "/b/CMakeFiles/3.25.1/CompilerIdCXX"),
    ],
)
def test_what_a_configuration_tries_out_is_no_part_of_the_build(output, directory):
    assert is_trial(["g++", "x.cpp", "-o", output], output, directory)


def test_an_ordinary_output_is():
    output = "src/CMakeFiles/x.dir/contest.cpp.o"
    assert not is_trial(["g++", "-c", "contest.cpp", "-o", output], output, "/b")


def test_a_trial_without_a_named_output_is_known_by_its_source():
    assert is_trial(["g++", "conftest.cpp"], "a.out", "/b")
    assert not is_trial(["g++", "main.cpp"], "a.out", "/b")
