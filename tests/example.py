"""A small configuration made in Python, for tests of what comes after reading YAML."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from arm_ci.config.model import Board, Compiler, Config, Linker, Site, Variant, Worker
from arm_ci.config.project import BuildSystem, Matrix, Project, Test, UpstreamVersion
from arm_ci.plan import Facts, Places, Recipe

MEBIBYTE = 1024 * 1024
PLACES = Places.below("/w/b")

BOARDS = {
    "pc": Board(name="pc", architecture="amd64", cores=8, memory=8192 * MEBIBYTE, os="debian-12"),
    "pi": Board(
        name="pi",
        architecture="arm64",
        cores=4,
        memory=925 * MEBIBYTE,
        swap=4096 * MEBIBYTE,
        os="debian-12",
        cpu="cortex-a53",
    ),
}
COMPILERS = {
    "gcc": Compiler(name="gcc", family="gcc"),
    "gcc-12": Compiler(name="gcc-12", family="gcc", version="12"),
    "clang": Compiler(name="clang", family="clang", minimum="10"),
    "clang-3.9": Compiler(name="clang-3.9", family="clang", version="3.9", directory="/opt/clang-3.9"),
    "gcc-for-pi": Compiler(name="gcc-for-pi", family="gcc", target="pi"),
    "clang-for-pi": Compiler(name="clang-for-pi", family="clang", target="pi", sysroot="/srv/pi"),
}
LINKERS = {
    "bfd": Linker(
        name="bfd", program="ld.bfd", selection="fuse-ld", compilers={"gcc": "", "clang": ""}, packages=("binutils",)
    ),
    "lld": Linker(
        name="lld", program="ld.lld", selection="fuse-ld", compilers={"gcc": ">=9", "clang": ""}, packages=("lld",)
    ),
    "mclinker": Linker(name="mclinker", program="ld.mcld", selection="directory", compilers={"gcc": "", "clang": ""}),
    "gold-no-map": Linker(
        name="gold-no-map",
        program="ld.gold",
        selection="fuse-ld",
        compilers={"gcc": "", "clang": ""},
        options=("--no-map-whole-files",),
    ),
}
PROJECT = Project(
    name="demo",
    repository="https://example.org/demo.git",
    branches=("main",),
    version=UpstreamVersion(file="VERSION", pattern="^(.*)$"),
    cmake=BuildSystem(
        options=("-DA=1",),
        targets=("app",),
        tests=(
            Test(name="unit", kind="gtest", target="unit_tests", program="t/unit_tests", versions="<2"),
            Test(name="all", kind="ctest"),
        ),
        artefacts=("app", "lib*.a"),
    ),
    autotools=BuildSystem(prepare=(("./bootstrap",),), options=("--disable-java",), targets=("all",)),
    meson=BuildSystem(),
    prerequisites={"debian": ("libfoo-dev",), "debian-12": ("libbar-dev",)},
    disk=1024 * MEBIBYTE,
    memory=512 * MEBIBYTE,
    matrix=Matrix(boards=("pc",), compilers=("gcc",), linkers=("bfd",), generators=("ninja",)),
)


def config(directory: Path = Path("/c"), **project: Any) -> Config:
    """The configuration, with some keys of its project replaced."""
    return Config(
        directory=directory,
        site=Site(),
        boards=BOARDS,
        compilers=COMPILERS,
        linkers=LINKERS,
        projects={"demo": replace(PROJECT, **project)},
        workers={"here": Worker(name="here", board="pc", local=True), "pi-1": Worker(name="pi-1", board="pi")},
    )


def recipe(settings: Config | None = None, **axes: Any) -> Recipe:
    """The recipe of demo-pc-gcc-bfd-ninja-full, with some axes replaced."""
    variant = Variant("demo", "pc", "gcc", "bfd", "ninja", "full", "commit")
    return Recipe(settings or config(), replace(variant, **axes))


def helped(board: Board | None = None, **axes: Any) -> Recipe:
    """The recipe of a variant whose compiles go to helpers."""
    settings = config()
    board = board or replace(BOARDS["pc"], distcc=("192.168.1.10/8",))
    return recipe(replace(settings, boards={**settings.boards, "pc": board}), distcc=True, **axes)


def facts(**different: Any) -> Facts:
    """What a probe finds on a worker that can build everything here, with some facts replaced."""
    programs = {
        name: {"path": f"/usr/bin/{name}", "version": version, "text": ""}
        for name, version in {
            "gcc": "12.2.0",
            "g++": "12.2.0",
            "clang": "14.0.6",
            "clang++": "14.0.6",
            "ld.bfd": "2.40",
            "ld.lld": "14.0.6",
            "git": "2.39.5",
            "cmake": "3.25.1",
            "ctest": "3.25.1",
            "ninja": "1.11.1",
            "make": "4.3",
        }.items()
    }
    standard: dict[str, Any] = {
        "architecture": "amd64",
        "os": "debian-12",
        "cores": 8,
        "memory_bytes": 8192 * MEBIBYTE,
        "swap_bytes": 0,
        "free_disk_bytes": 50_000 * MEBIBYTE,
        "programs": {**programs, **different.pop("programs", {})},
        "packages": {"libfoo-dev": True, "libbar-dev": True},
        "links": {},
        "may_install": False,
    }
    return Facts(**{**standard, **different})


def probe_answer(found: Facts, **machine: object) -> dict[str, object]:
    """What the agent's probe answers on a worker with these facts."""
    return {**asdict(found), "machine_facts": machine, "sight": {"unseen": []}}
