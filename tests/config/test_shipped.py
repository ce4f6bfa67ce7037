"""The configuration that is shipped, on every kind of machine that can be `local`."""

import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

import pytest
from sites import whole_site

from arm_ci.config import Config, Host, load, variants
from arm_ci.config.keys import Generator

SHIPPED = Path(__file__).resolve().parents[2] / "config"
NOTHING_SHIPS = Path("/nothing-ships")


@pytest.fixture(scope="module")
def shipped() -> Config:
    return load(None, Host("amd64", 2, 8 << 30, 0, "debian-12"))


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "armhf", "i386"])
def test_it_has_no_mistakes_whatever_this_machine_is(architecture: str) -> None:
    assert variants(load(None, Host(architecture, 1, 256 << 20, 0, "debian-13")))


def test_every_rule_of_its_matrices_does_something(tmp_path: Path) -> None:
    # Rules of the catalogue that match nothing are not said to a site, so here it is one, with a worker of every board.
    site = whole_site(tmp_path)
    for name in ("boards.yaml", "toolchains.yaml", "projects.yaml"):
        shutil.copy(SHIPPED / name, site)
    for name in ("toolchains", "samples"):
        (site / name).symlink_to(SHIPPED / name)
    text = (site / "projects.yaml").read_text(encoding="utf-8")
    sample = SHIPPED.parent / "samples" / "hungry"
    (site / "projects.yaml").write_text(text.replace("../samples/hungry", str(sample)), encoding="utf-8")
    assert variants(load(site, Host("amd64", 2, 8 << 30, 0, "debian-12"), NOTHING_SHIPS))


def test_it_has_the_boards_compilers_linkers_and_projects_of_the_talk(shipped: Config) -> None:
    boards = {"rpi3-armhf", "rpi3-arm64", "odroid-c2", "rpi4", "rpi5", "rpi-zero-2w", "x86_64", "local"}
    boards |= {"qemu-virt-arm64", "qemu-raspi3b"}
    assert set(shipped.boards) == boards
    assert {"gcc", "clang", "gcc-12", "clang-14", "clang-3.9"} <= set(shipped.compilers)
    assert {"bfd", "gold", "lld", "mold", "mclinker"} <= set(shipped.linkers)
    assert set(shipped.projects) == {"sample", "mesos", "llvm"}


def test_every_generator_debug_info_and_tier_is_used(shipped: Config) -> None:
    chosen = variants(shipped)
    assert {variant.generator for variant in chosen} == set(get_args(Generator))
    assert {variant.debug_info for variant in chosen} == {"full", "line-tables", "split", "none"}
    assert {variant.tier for variant in chosen} == {"commit", "nightly", "force"}


def test_every_compiler_and_every_linker_that_a_package_brings_is_used(shipped: Config) -> None:
    chosen = variants(shipped)
    assert {variant.compiler for variant in chosen} == set(shipped.compilers)
    # Others are there for the matrix of whoever builds them.
    assert {variant.linker for variant in chosen} >= {name for name, each in shipped.linkers.items() if each.packages}


def test_every_board_builds_something(shipped: Config) -> None:
    assert {variant.board for variant in variants(shipped)} == set(shipped.boards)


def test_no_board_is_asked_to_build_what_only_the_masters_machine_can_fetch(shipped: Config) -> None:
    on_its_disk = {name for name, project in shipped.projects.items() if project.directory}
    boards = {variant.board for variant in variants(shipped) if variant.project in on_its_disk}
    # x86_64 for the cross builds: docs/run-it.md says where its worker must be.
    guests = {board.name for board in shipped.boards.values() if board.guest is not None}
    assert boards == {"local", "x86_64", *guests}


def test_nothing_but_the_sample_builds_here_unless_a_person_asks(shipped: Config) -> None:
    by_themselves = {each.project for each in variants(shipped) if each.board == "local" and each.tier != "force"}
    assert by_themselves == {"sample"}
    assert not shipped.projects["sample"].nightly_unchanged


@pytest.mark.parametrize(
    ("project", "file", "starts_builds"),
    [
        ("mesos", "docs/images/logo.png", False),
        ("mesos", "3rdparty/stout/README.md", False),
        ("mesos", "src/tests/master_tests.cpp", True),
        ("mesos", "support/atexit.sh", True),
        ("mesos", "src/python/native/setup.py.in", True),
        ("mesos", "3rdparty/libprocess/LICENSE", True),
        ("llvm", "clang/lib/Sema/Sema.cpp", False),
        ("llvm", "llvm/docs/LangRef.rst", False),
        ("llvm", "llvm/docs/CMakeLists.txt", True),
        ("llvm", "lld/ELF/Driver.cpp", True),
    ],
)
def test_only_what_no_build_reads_is_unimportant(shipped: Config, project: str, file: str, starts_builds: bool) -> None:
    assert starts_builds != any(fnmatchcase(file, pattern) for pattern in shipped.projects[project].unimportant)


def test_it_stays_a_sensible_number_of_builders(shipped: Config) -> None:
    assert len(variants(shipped)) <= 250


def test_importing_the_configuration_brings_in_no_yaml_and_no_buildbot() -> None:
    heavy = "{'yaml', 'buildbot', 'twisted', 'difflib', 'json'}"
    code = f"import sys, arm_ci.config; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
