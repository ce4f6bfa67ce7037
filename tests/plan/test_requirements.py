"""What a worker lacks, word for word."""

from dataclasses import replace

import example
import pytest

from arm_ci.config.project import Fallback
from arm_ci.plan.commands import Places
from arm_ci.plan.requirements import THIS_MACHINE, missing, missing_packages, notes, probe_request

MEBIBYTE = example.MEBIBYTE


def lacks(recipe=None, **facts):
    return missing(recipe or example.recipe(), example.PLACES, example.facts(**facts), "worker `pi-1`")


def test_a_fit_worker_lacks_nothing():
    assert lacks() == ()
    assert lacks(example.recipe(linker="lld", compiler="clang")) == ()


def test_another_architecture_is_named():
    assert lacks(architecture="arm64") == (
        "worker `pi-1` is arm64, but board `pc` is amd64: give the worker another board in workers.yaml, "
        "or install a system of that architecture",
    )


@pytest.mark.parametrize(
    ("program", "axes", "sentence"),
    [
        ("g++", {}, "compiler `g++` is not on worker `pi-1` (debian-12): apt-get install g++"),
        ("clang", {"compiler": "clang"}, "compiler `clang` is not on worker `pi-1` (debian-12): apt-get install clang"),
        ("ld.lld", {"linker": "lld"}, "linker `ld.lld` is not on worker `pi-1` (debian-12): apt-get install lld"),
        ("ninja", {}, "`ninja` is not on worker `pi-1` (debian-12): apt-get install ninja-build"),
        ("git", {}, "`git` is not on worker `pi-1` (debian-12): apt-get install git"),
    ],
)
def test_a_missing_program_is_named_with_what_installs_it(program, axes, sentence):
    assert lacks(example.recipe(**axes), programs={program: None}) == (sentence,)


@pytest.mark.parametrize(
    ("generator", "wanted"),
    [
        ("ninja", {"cmake": "cmake", "ninja": "ninja-build"}),
        ("make", {"cmake": "cmake", "make": "make"}),
        # ckati reads CMake's makefiles and writes files for ninja, whose edges run make.
        ("kati", {"cmake": "cmake", "make": "make", "ckati": "ckati", "ninja": "ninja-build"}),
        ("autotools", {"make": "make", "autoconf": "autoconf", "automake": "automake", "libtoolize": "libtool"}),
    ],
)
def test_every_program_of_a_generator_is_asked_for(generator, wanted):
    found = lacks(example.recipe(generator=generator), programs=dict.fromkeys(("cmake", "make", "ckati", "ninja")))
    assert {sentence.partition(" is not on")[0].strip("`"): sentence.rpartition(" ")[2] for sentence in found} == wanted


def test_a_compiler_by_version_is_asked_for_by_version():
    assert lacks(example.recipe(compiler="gcc-12"))[0] == (
        "compiler `gcc-12` is not on worker `pi-1` (debian-12): apt-get install g++-12"
    )


def test_a_cross_compiler_is_asked_for_by_its_package():
    recipe = example.recipe(compiler="gcc-for-pi")
    assert lacks(recipe)[0] == (
        "compiler `aarch64-linux-gnu-gcc` is not on worker `pi-1` (debian-12): apt-get install g++-aarch64-linux-gnu"
    )


def test_a_cross_linker_is_asked_for_by_the_package_of_its_target():
    there = {
        name: {"path": name, "version": "12.2.0", "text": ""}
        for name in ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")
    }
    assert lacks(example.recipe(compiler="gcc-for-pi"), programs=there) == (
        "linker `aarch64-linux-gnu-ld.bfd` is not on worker `pi-1` (debian-12): "
        "apt-get install binutils-aarch64-linux-gnu",
    )


def test_a_terminal_is_not_told_to_change_its_board():
    sentences = missing(example.recipe(), example.PLACES, example.facts(architecture="arm64"), THIS_MACHINE)
    assert sentences == (
        "this machine is arm64, but board `pc` is amd64: `arm-ci matrix` shows the variants of other boards",
    )


def test_autotools_cannot_take_a_linker_directory_with_a_space():
    recipe = example.recipe(generator="autotools", linker="mclinker")
    there = {
        "ld.mcld": {"path": "/x", "version": "", "text": ""},
        **{name: {"path": "x", "version": "", "text": ""} for name in ("autoconf", "automake", "libtoolize")},
    }
    assert missing(recipe, Places.below("/a b"), example.facts(programs=there), "worker `pi-1`") == (
        "the path /a b/support has a space, and autotools cannot take linker `mclinker` from such a directory: "
        "build elsewhere",
    )


def test_a_compiler_from_a_directory_cannot_be_installed_by_apt():
    assert lacks(example.recipe(compiler="clang-3.9"))[0] == (
        "compiler `/opt/clang-3.9/bin/clang` is not on worker `pi-1` (debian-12): "
        "unpack the compiler into /opt/clang-3.9 there"
    )


def test_a_linker_without_a_package_must_be_installed_by_hand():
    assert lacks(example.recipe(linker="mclinker")) == (
        "linker `ld.mcld` is not on worker `pi-1` (debian-12): no Debian package brings it; install it there",
    )


def test_other_systems_are_not_told_apt_get():
    assert lacks(os="fedora-40", programs={"ninja": None}) == (
        "`ninja` is not on worker `pi-1` (fedora-40): install what Debian calls ninja-build",
    )


def test_a_compiler_that_is_too_old_is_named_with_both_versions():
    old = {"clang++": {"path": "/usr/bin/clang++", "version": "9.0.1", "text": ""}}
    assert lacks(example.recipe(compiler="clang"), programs=old) == (
        "compiler `clang++` on worker `pi-1` is 9.0.1, `clang` needs 10 or newer",
    )


def test_a_compiler_of_another_version_is_not_the_one_asked_for():
    wrong = {name: {"path": name, "version": "13.1.0", "text": ""} for name in ("gcc-12", "g++-12")}
    assert lacks(example.recipe(compiler="gcc-12"), programs=wrong) == (
        "compiler `g++-12` on worker `pi-1` is 13.1.0, `gcc-12` must be 12",
    )


def test_a_linker_that_this_compiler_cannot_drive_yet_is_named():
    old = {"g++": {"path": "/usr/bin/g++", "version": "8.3.0", "text": ""}}
    assert lacks(example.recipe(linker="lld"), programs=old) == (
        "compiler `g++` 8.3.0 on worker `pi-1` cannot drive linker `lld`: it needs gcc >=9",
    )


def test_a_link_that_fails_there_is_shown():
    assert lacks(links={"g++ -fuse-ld=bfd -Wl,--version": False}) == (
        "compiler and linker do not work together on worker `pi-1`: `g++ -fuse-ld=bfd -Wl,--version` fails there",
    )


def test_an_old_linker_is_named():
    linkers = {"bfd": replace(example.LINKERS["bfd"], minimum="2.41")}
    recipe = example.recipe(replace(example.config(), linkers=linkers))
    assert lacks(recipe) == ("linker `ld.bfd` on worker `pi-1` is 2.40, `bfd` needs 2.41 or newer",)


def test_too_little_disk_and_memory_are_given_in_figures():
    assert lacks(free_disk_bytes=300 * MEBIBYTE, memory_bytes=300 * MEBIBYTE, swap_bytes=100 * MEBIBYTE) == (
        "worker `pi-1` has 300 MB of disk free at /w/b/build, project `demo` needs 1.0 GB",
        "worker `pi-1` has 300 MB of RAM and 100 MB of swap, project `demo` needs 512 MB together: "
        "add at least 112 MB of swap",
    )


def test_a_worker_smaller_than_its_board_is_noted_but_may_build():
    assert notes(example.recipe(board="pi"), example.facts(memory_bytes=462 * MEBIBYTE, cores=4), "worker `pi-1`") == (
        "worker `pi-1` has 462 MB of RAM, board `pi` says 925 MB",
        "worker `pi-1` has 0 B of swap, board `pi` says 4.0 GB",
    )


def test_packages_of_the_distribution_and_of_its_version_are_both_wanted():
    facts = example.facts(packages={"libfoo-dev": False, "libbar-dev": False})
    assert missing_packages(example.recipe(), facts) == ("libfoo-dev", "libbar-dev")
    assert missing_packages(example.recipe(), replace(facts, os="debian-13")) == ("libfoo-dev",)


def test_without_dpkg_packages_are_not_judged():
    assert missing_packages(example.recipe(), example.facts(packages=None)) == ()


def test_the_probe_is_asked_for_everything_that_is_judged():
    request = probe_request(example.recipe(linker="lld"), example.PLACES)
    assert request == {
        "directory": "/w/b/build",
        "programs": [
            "gcc",
            "g++",
            "ld.lld",
            "git",
            "cmake",
            "ninja",
            "ctest",
            "clang++",
            "ld.bfd",
            "ld.mcld",
            "ld.gold",
        ],
        "packages": ["libbar-dev", "libfoo-dev"],
        "links": [["g++", "-fuse-ld=lld", "-Wl,--version"]],
        "helpers": [],
    }


def test_a_variant_with_helpers_needs_distcc_and_asks_whether_they_answer():
    request = probe_request(example.helped(), example.PLACES)
    assert (request["helpers"], "distcc" in request["programs"]) == (["192.168.1.10:3632"], True)
    assert lacks(example.helped()) == ("`distcc` is not on worker `pi-1` (debian-12): apt-get install distcc",)


def test_a_fallback_for_which_a_program_is_missing_is_noted():
    fallbacks = (
        Fallback("clang", compiler="clang"),
        Fallback("odd", linker="mclinker"),
        Fallback("less", debug_info="none"),
    )
    recipe = example.recipe(example.config(fallback=fallbacks))
    assert "ld.mcld" in probe_request(recipe, example.PLACES)["programs"]
    assert notes(recipe, example.facts(), "worker `pi-1`") == (
        "fallback `odd` is left out on worker `pi-1`: `ld.mcld` is not there",
    )


def test_a_helper_that_does_not_answer_is_noted_with_what_follows():
    facts = example.facts(helpers={"192.168.1.10:3632": "Connection refused"})
    assert notes(example.helped(), facts, "worker `pi-1`") == (
        "helper 192.168.1.10:3632 does not answer worker `pi-1` (Connection refused): "
        "what it would compile is compiled on worker `pi-1`",
    )
    assert notes(example.recipe(), facts, "worker `pi-1`") == ()
    assert notes(example.helped(), example.facts(helpers={"192.168.1.10:3632": ""}), "worker `pi-1`") == ()


def test_autotools_cannot_take_distcc_from_a_directory_with_a_space():
    there = {
        name: {"path": "x", "version": "", "text": ""} for name in ("autoconf", "automake", "libtoolize", "distcc")
    }
    recipe = example.helped(generator="autotools")
    assert missing(recipe, Places.below("/a b"), example.facts(programs=there), "worker `pi-1`") == (
        "the path /a b/support has a space, and autotools cannot take distcc from such a directory: build elsewhere",
    )
