"""The table of tools: which linker or compiler a name, a command, a directory or a version line means."""

from __future__ import annotations

import pytest

from arm_ci.agent import tools


@pytest.mark.parametrize(
    ("program", "name"),
    [
        *(("ld.bfd", "bfd"), ("/usr/bin/ld.gold", "gold"), ("aarch64-linux-gnu-ld.bfd", "bfd"), ("gold", "gold")),
        *(("ld.lld-19", "lld"), ("lld", "lld"), ("mold", "mold"), ("ld.mold", "mold"), ("ld.mcld", "mclinker")),
        *(("ld.new", "ld.new"), ("ld", None), ("ldd", None), ("g++", None), ("goldfish", None)),
    ],
)
def test_a_linker_is_known_by_its_program(program, name):
    found = tools.linker_of_program(program)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("GNU ld (GNU Binutils for Debian) 2.40", "bfd"),
        ("GNU gold (GNU Binutils for Debian 2.40) 1.16", "gold"),
        ("Debian LLD 19.1.4 (compatible with GNU linkers)", "lld"),
        ("LLD 7.0.1 (compatible with GNU linkers)", "lld"),
        ("mold 1.10.1 (compatible with GNU ld)", "mold"),
        ("MCLinker 2.9.0.dev-", "mclinker"),
        ("ld", None),
    ],
)
def test_a_linker_is_known_by_what_it_says_of_itself(version, name):
    found = tools.linker_of_version(version)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("g++ a.o", None), ("g++ -fuse-ld=mold a.o", "mold"), ("g++ -fuse-ld=mold -fuse-ld=gold a.o", "gold")),
        *(("ld.lld a.o", "lld"), ("x86-ld.gold a", "gold"), ("clang++ --ld-path=/opt/bin/ld.lld a.o", "lld")),
        *(("g++ -fuse-ld=lld-19 a.o", "lld"), ("g++ -fuse-ld=new a.o", "new"), ("g++ -fuse-ld=ld a.o", None)),
        *(("g++ -B/usr/libexec/mold a.o", "mold"), ("g++ -B /usr/libexec/mold/ a.o", "mold")),
        *(("g++ -B/w/b/support/linkers/ld.mcld a.o", "mclinker"), ("g++ -B/w/linkers/my-ld a.o", "my-ld")),
        *(("g++ -B/usr/lib/gcc -B/w/linkers/ld.mcld a.o", "mclinker"), ("g++ -B/usr/lib/gcc a.o", None)),
        ("g++ -B/w/linkers/ld.mcld -fuse-ld=lld a.o", "lld"),
    ],
)
def test_a_command_asks_for_the_linker_that_it_runs_or_gives_to_its_driver(command, name):
    found = tools.asked_linker(command.split())
    assert (found.name if found else None) == name


def test_on_the_machine_the_ld_of_a_directory_tells_which_linker_it_is(tmp_path):
    (tmp_path / "ld.mcld").write_text("")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "ld").symlink_to("../ld.mcld")
    assert tools.asked_linker(["g++", "-Bown", "a.o"]) is None
    assert tools.linker_here(["g++", "-Bown", "a.o"], str(tmp_path)).name == "mclinker"
    assert tools.linker_here(["g++", "-Belsewhere", "a.o"], str(tmp_path)).name == "bfd"


def test_a_linker_that_was_not_measured_is_expected_to_take_as_much_as_the_largest_and_says_so():
    new = tools.linker_named("new")
    assert (new.program, new.is_measured, new.memory_source) == (
        "new",
        False,
        tools.linker_named("mclinker").memory_source,
    )
    assert new.memory_factor == max(linker.memory_factor for linker in tools.LINKERS)


def test_the_linkers_that_take_less_memory_than_their_input_are_known():
    assert tools.SPARING_LINKERS[:2] == ("lld", "mold")


@pytest.mark.parametrize(
    ("option", "is_one"),
    [
        *(("--no-keep-memory", True), ("--keep-memory", True), ("-no-map-whole-files", True), ("--threads=4", True)),
        *(("--no-fork", True), ("--thread-count=1", True), ("-S", False), ("--gc-sections", False)),
    ],
)
def test_memory_options_are_those_of_single_linkers_and_what_undoes_them(option, is_one):
    assert bool(tools.MEMORY_OPTION.fullmatch(option)) == is_one


@pytest.mark.parametrize(
    ("name", "family"),
    [
        *(("g++-12", "gcc"), ("/usr/bin/aarch64-linux-gnu-gcc", "gcc"), ("cc1plus", "gcc"), ("gfortran", None)),
        *(("clang++-14", "clang"), ("c++", None), ("clang-format", None), ("make", None)),
    ],
)
def test_a_compiler_is_known_by_its_driver_and_its_helpers(name, family):
    found = tools.compiler_of_program(name)
    assert (found.family if found else None) == family
