"""The linkers of a machine are found, and a compiler is asked whether it takes each."""

import os

import pytest

from arm_ci.agent.link_trial import installed_linkers
from arm_ci.agent.link_trial.installed_linkers import Linker, option_sets, prefix_of, programs

BFD = "GNU ld (GNU Binutils for Debian) 2.40"
GOLD = "GNU gold (GNU Binutils for Debian 2.40) 1.16"
LLD = "Debian LLD 19.1.4 (compatible with GNU linkers)"
MOLD = "mold 1.10.1 (compatible with GNU ld)"


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path):
    """Linkers that say their version, and a compiler that knows bfd, gold and lld by name."""
    place = tmp_path / "bin"
    for name, version in {"ld.bfd": BFD, "ld.gold": GOLD, "ld.lld": LLD, "mold": MOLD}.items():
        script(place / name, f"echo '{version}'")
    script(
        place / "cc",
        'for word; do case $word in\n-fuse-ld=mold) echo "cc: error: unrecognized command-line option"; exit 1;;\n'
        f'-fuse-ld=*) exec {place}/ld.${{word#*=}};;\n-B*) exec "${{word#-B}}/ld";; esac; done\nexec {place}/ld.bfd',
    )
    return place


def test_a_linker_with_two_names_or_in_two_directories_counts_once(tmp_path, machine):
    (machine / "ld.lld-19").symlink_to("ld.lld")
    (machine / "ld.mold").symlink_to("mold")
    script(machine / "ld.lld-20", "echo")
    script(machine / "lld", "echo")
    (tmp_path / "again").symlink_to(machine)
    found = programs(f"{machine}:{tmp_path}/again:/nowhere")
    assert [name for _, name, _ in found] == ["lld", "lld-20", "mold", "gold", "bfd"]


def test_a_cross_compilers_gnu_linkers_are_those_of_its_target(machine):
    script(machine / "arm-linux-gnueabihf-ld.bfd", "echo")
    found = programs(str(machine), "arm-linux-gnueabihf-")
    assert [(name, os.path.basename(path)) for _, name, path in found] == [
        ("lld", "ld.lld"),
        ("mold", "mold"),
        ("bfd", "arm-linux-gnueabihf-ld.bfd"),
    ]


@pytest.mark.parametrize(
    "driver, target, prefix",
    [
        ("/usr/bin/g++-12", (), ""),
        ("arm-linux-gnueabihf-g++", (), "arm-linux-gnueabihf-"),
        ("clang++", ("--target=aarch64-linux-gnu",), "aarch64-linux-gnu-"),
    ],
)
def test_the_target_is_read_from_name_or_option(driver, target, prefix):
    assert prefix_of(driver, target) == prefix


def test_a_linker_that_the_compiler_does_not_know_is_given_by_a_directory(tmp_path, machine):
    found = installed_linkers.linkers([str(machine / "cc")], str(tmp_path), str(machine), "", str(tmp_path / "own"))
    assert {each.name: each.selection for each in found} == {
        "lld": ("-fuse-ld=lld",),
        "mold": (f"-B{tmp_path}/own/mold",),
        "gold": ("-fuse-ld=gold",),
        "bfd": ("-fuse-ld=bfd",),
    }
    assert os.readlink(tmp_path / "own" / "mold" / "ld") == str(machine / "mold")


def test_what_the_compiler_says_against_a_linker_is_kept(tmp_path, machine):
    script(machine / "cc", 'echo "cc: error: unknown option $1"; exit 1')
    found = installed_linkers.linkers([str(machine / "cc")], str(tmp_path), str(machine), "", str(tmp_path / "own"))
    assert found[0] == Linker("lld", "lld", str(machine / "ld.lld"), LLD, (), "cc: error: unknown option -fuse-ld=lld")


def test_the_compilers_own_linker_is_asked_for(tmp_path, machine):
    assert installed_linkers.default_linker([str(machine / "cc")], (), str(tmp_path)) == BFD
    assert installed_linkers.default_linker([str(machine / "cc")], ("-fuse-ld=gold",), str(tmp_path)) == GOLD
    assert installed_linkers.default_linker(["/nowhere/cc"], (), str(tmp_path)) == ""


def test_every_linker_has_its_own_options():
    def sets(family, version, strips=False):
        return option_sets(Linker(family, family, "", version), strips)

    assert sets("bfd", BFD) == [
        (),
        ("-S",),
        ("--no-keep-memory", "--reduce-memory-overheads"),
        ("--no-keep-memory", "--reduce-memory-overheads", "-S"),
    ]
    assert sets("gold", GOLD, strips=True) == [(), ("--no-map-whole-files", "--no-mmap-output-file")]
    assert sets("lld", LLD, strips=True) == [(), ("--threads=1",)]
    assert sets("lld", "LLD 7.0.1 (compatible with GNU linkers)", strips=True) == [(), ("--no-threads",)]
    assert sets("mold", MOLD, strips=True) == [(), ("--thread-count=1",)]
