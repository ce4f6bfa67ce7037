"""How CMake is told about a variant, whichever tool builds then."""

import example

from arm_ci.plan.choices import Choices
from arm_ci.plan.commands import Places

CHOICES = Choices(jobs=4, upstream_version="1.0")
LAUNCHER = "/w/b/support/distcc/distcc"


def argv(commands):
    return [command.argv for command in commands]


def test_cmake_gets_compiler_linker_and_debug_info_where_they_win_over_the_project():
    (command,) = example.recipe(compiler="clang", linker="lld", debug_info="none").configure(example.PLACES)
    assert command.argv == (
        "cmake",
        "-G",
        "Ninja",
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_C_COMPILER=clang",
        "-DCMAKE_CXX_COMPILER=clang++",
        "-DCMAKE_C_FLAGS_DEBUG=-g0",
        "-DCMAKE_CXX_FLAGS_DEBUG=-g0",
        "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld",
        "-DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=lld",
        "-DCMAKE_MODULE_LINKER_FLAGS=-fuse-ld=lld",
        "-DA=1",
        "/w/b/source",
    )
    assert str(command.directory) == "/w/b/build"


def test_a_release_build_keeps_the_optimisation_that_cmake_gives_it():
    recipe = example.recipe(example.config(build_type="Release"))
    assert "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -g" in recipe.configure(example.PLACES)[0].argv


def test_cmake_puts_distcc_before_the_compilers_of_the_project_and_of_those_that_it_configures_while_it_builds():
    recipe = example.helped()
    settings = (f"CMAKE_C_COMPILER_LAUNCHER={LAUNCHER}", f"CMAKE_CXX_COMPILER_LAUNCHER={LAUNCHER}")
    (configure,) = argv(recipe.configure(example.PLACES))
    assert configure[4:8] == ("-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", *(f"-D{each}" for each in settings))
    assert argv(recipe.build(example.PLACES, CHOICES)) == [("env", *settings, "ninja", "-j12", "app", "unit_tests")]


def test_a_linker_directory_with_a_space_stays_one_word_of_a_flag():
    argv = example.recipe(linker="mclinker").configure(Places.below("/a b"))[0].argv
    assert "-DCMAKE_EXE_LINKER_FLAGS='-B/a b/support/linkers/ld.mcld'" in argv
