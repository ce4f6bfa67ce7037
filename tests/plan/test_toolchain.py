"""How compilers and linkers are called."""

from dataclasses import replace

import example
import pytest

from arm_ci.plan.toolchain import compiler_programs, cross_toolchain_file, toolchain_of, toolchain_text


@pytest.mark.parametrize(
    ("compiler", "programs"),
    [
        ("gcc", ("gcc", "g++")),
        ("gcc-12", ("gcc-12", "g++-12")),
        ("clang", ("clang", "clang++")),
        ("clang-3.9", ("/opt/clang-3.9/bin/clang", "/opt/clang-3.9/bin/clang++")),
    ],
)
def test_a_compiler_comes_from_the_system_by_version_or_from_a_directory(compiler, programs):
    assert compiler_programs(example.COMPILERS[compiler], None) == programs


def test_a_cross_gcc_carries_the_triplet_of_its_target():
    programs = compiler_programs(example.COMPILERS["gcc-for-pi"], example.BOARDS["pi"])
    assert programs == ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")


def test_a_linker_is_chosen_through_the_compiler():
    recipe = example.recipe(linker="lld")
    assert recipe.toolchain(example.PLACES).link_flags == ("-fuse-ld=lld",)


def test_a_linker_that_no_fuse_ld_knows_is_chosen_by_a_directory_of_its_own():
    toolchain = example.recipe(linker="mclinker").toolchain(example.PLACES)
    assert toolchain.link_flags == ("-B/w/b/support/linkers/ld.mcld",)
    assert toolchain.linker_directory == "/w/b/support/linkers/ld.mcld"
    assert toolchain.linker_program == "ld.mcld"


def test_linker_options_go_through_the_compiler_too():
    toolchain = example.recipe(linker="gold-no-map").toolchain(example.PLACES)
    assert toolchain.link_flags == ("-fuse-ld=gold", "-Wl,--no-map-whole-files")


def test_a_cross_gcc_needs_the_gnu_linker_of_its_target_but_the_common_lld():
    assert example.recipe(compiler="gcc-for-pi").toolchain(example.PLACES).linker_program == "aarch64-linux-gnu-ld.bfd"
    assert example.recipe(compiler="gcc-for-pi", linker="lld").toolchain(example.PLACES).linker_program == "ld.lld"


@pytest.mark.parametrize(
    ("compiler", "debug_info", "flags"),
    [
        ("gcc", "full", ("-g",)),
        ("gcc", "line-tables", ("-g1",)),
        ("clang", "line-tables", ("-gline-tables-only",)),
        ("gcc", "split", ("-g", "-gsplit-dwarf")),
        ("clang", "none", ("-g0",)),
    ],
)
def test_debug_info_is_said_in_the_words_of_the_compiler(compiler, debug_info, flags):
    recipe = example.recipe(compiler=compiler, debug_info=debug_info)
    assert recipe.toolchain(example.PLACES).debug_flags == flags


def test_a_cross_build_gets_a_toolchain_file_for_the_target_triplet():
    assert cross_toolchain_file(example.COMPILERS["gcc-for-pi"], example.BOARDS["pi"]) == (
        "# For pi: aarch64-linux-gnu. Written by arm_ci.\n"
        "set(CMAKE_SYSTEM_NAME Linux)\n"
        "set(CMAKE_SYSTEM_PROCESSOR aarch64)\n"
        "set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)\n"
        "set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)\n"
        "set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)\n"
        "set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)\n"
        "set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n"
        "set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY BOTH)\n"
        "set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)\n"
        "set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)\n"
    )


def test_a_cross_clang_is_told_target_and_sysroot():
    toolchain = example.recipe(compiler="clang-for-pi").toolchain(example.PLACES)
    assert toolchain.compile_flags == ("--target=aarch64-linux-gnu", "--sysroot=/srv/pi", "-mcpu=cortex-a53")
    assert "set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)\n" in toolchain.cmake_toolchain
    assert "set(CMAKE_SYSROOT /srv/pi)\n" in toolchain.cmake_toolchain


def test_an_own_cmake_toolchain_file_is_used_as_it_is(tmp_path):
    (tmp_path / "clang.cmake").write_text("set(CMAKE_C_COMPILER /opt/x)\n")
    compilers = {"clang": replace(example.COMPILERS["clang"], cmake_toolchain_file="clang.cmake")}
    settings = replace(example.config(tmp_path), compilers=compilers)
    recipe = example.recipe(settings, compiler="clang")
    toolchain = toolchain_of(settings, recipe.variant, "/l")
    assert toolchain.cmake_toolchain == "set(CMAKE_C_COMPILER /opt/x)\n"
    argv = recipe.configure(example.PLACES)[0].argv
    assert "-DCMAKE_TOOLCHAIN_FILE=/w/b/support/toolchain.cmake" in argv
    assert not [word for word in argv if word.startswith("-DCMAKE_CXX_COMPILER=")]


@pytest.mark.parametrize(
    ("compiler", "linker", "versions", "text"),
    [
        ("gcc", "bfd", ("12.2.0", "2.40"), "gcc 12, ld.bfd 2"),
        ("clang-for-pi", "lld", ("14.0.6", "14.0.6"), "clang 14, ld.lld 14"),
        ("gcc", "bfd", ("", ""), "gcc, ld.bfd"),
    ],
)
def test_what_is_learned_of_peaks_is_learned_with_the_major_versions(compiler, linker, versions, text):
    assert toolchain_text(example.COMPILERS[compiler], example.LINKERS[linker], *versions) == text
