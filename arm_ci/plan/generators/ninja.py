"""CMake writes build.ninja, and ninja builds."""

from __future__ import annotations

from arm_ci.plan.generators.cmake import CMakeGenerator
from arm_ci.plan.generators.generator import Argv


class Ninja(CMakeGenerator):
    """The generator `ninja`."""

    name = "ninja"
    programs = {"cmake": "cmake", "ninja": "ninja-build"}
    cmake_name = "Ninja"

    def build_commands(self, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        return (("ninja", f"-j{jobs}", *targets),)
