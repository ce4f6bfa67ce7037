"""What the generators that CMake configures for have in common."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from pathlib import PurePosixPath
from typing import ClassVar

from arm_ci.plan.commands import File
from arm_ci.plan.generators.generator import Argv, Generator, Setup, TestSuite
from arm_ci.plan.test_results import CtestParser

CTEST = TestSuite("ctest", {"ctest": "cmake"}, ("ctest", "--output-on-failure"), "-j", CtestParser)


class CMakeGenerator(Generator):
    """CMake configures; what builds is each generator's own."""

    cmake_name: ClassVar[str]
    """As `cmake -G` wants it."""
    variables = ("CMAKE_", "CTEST_", "NINJA_")
    suite = CTEST

    def files(self, setup: Setup) -> tuple[File, ...]:
        text = setup.toolchain.cmake_toolchain
        return (File(_toolchain_file(setup), text),) if text else ()

    def configure(self, setup: Setup) -> Argv:
        debug = " ".join(setup.type_and_debug_flags)
        build_type = setup.build_type
        # CMake puts these flags into shell commands as they are; a directory may have a space in its name.
        link = shlex.join(setup.toolchain.link_flags)
        return (
            "cmake",
            "-G",
            self.cmake_name,
            f"-DCMAKE_BUILD_TYPE={build_type}",
            *_compilers(setup),
            # Debug info stands in the build type's flags, because those come last on the compiler's command line.
            f"-DCMAKE_C_FLAGS_{build_type.upper()}={debug}",
            f"-DCMAKE_CXX_FLAGS_{build_type.upper()}={debug}",
            *(f"-DCMAKE_{kind}_LINKER_FLAGS={link}" for kind in ("EXE", "SHARED", "MODULE")),
            *setup.options,
            str(setup.source),
        )

    def build(self, setup: Setup, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        argvs = self.build_commands(jobs, targets)
        if not setup.launcher:
            return argvs
        # For the projects that ExternalProject steps configure while this runs; CMake reads it since 3.17.
        return tuple(("env", *_launchers(setup), *argv) for argv in argvs)

    @abstractmethod
    def build_commands(self, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        """The commands that build in a tree which CMake has configured."""


def _toolchain_file(setup: Setup) -> PurePosixPath:
    return setup.places.support / "toolchain.cmake"


def _compilers(setup: Setup) -> tuple[str, ...]:
    toolchain = setup.toolchain
    if toolchain.cmake_toolchain:
        choice = [f"-DCMAKE_TOOLCHAIN_FILE={_toolchain_file(setup)}"]
    else:
        choice = [f"-DCMAKE_C_COMPILER={toolchain.c_compiler}", f"-DCMAKE_CXX_COMPILER={toolchain.cxx_compiler}"]
    if toolchain.compile_flags:
        flags = " ".join(toolchain.compile_flags)
        choice += [f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}"]
    if setup.launcher:
        choice += [f"-D{setting}" for setting in _launchers(setup)]
    return tuple(choice)


def _launchers(setup: Setup) -> tuple[str, ...]:
    """The settings that put the launcher before the compiler, as CMake's variables and environment have them."""
    return tuple(f"CMAKE_{language}_COMPILER_LAUNCHER={setup.launcher}" for language in ("C", "CXX"))
