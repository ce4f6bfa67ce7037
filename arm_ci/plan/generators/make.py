"""CMake writes makefiles, and make builds."""

from __future__ import annotations

from arm_ci.plan.generators.cmake import CMakeGenerator
from arm_ci.plan.generators.generator import Argv


class Make(CMakeGenerator):
    """The generator `make`."""

    name = "make"
    programs = {"cmake": "cmake", "make": "make"}
    cmake_name = "Unix Makefiles"

    def build_commands(self, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        return (("make", f"-j{jobs}", *targets),)
