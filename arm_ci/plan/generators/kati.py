"""CMake writes makefiles, ckati turns them into a file for ninja, and ninja has make build each target."""

from __future__ import annotations

from arm_ci.plan.generators.cmake import CMakeGenerator
from arm_ci.plan.generators.generator import Argv

# ckati reads CMake's inner makefile, which has a rule for every target; the outer one only starts make again.
_MAKEFILE = "CMakeFiles/Makefile2"
_SUFFIX = "-kati"


class Kati(CMakeGenerator):
    """The generator `kati`."""

    name = "kati"
    programs = {"cmake": "cmake", "make": "make", "ckati": "ckati", "ninja": "ninja-build"}
    cmake_name = "Unix Makefiles"

    def build_commands(self, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        # Each edge that ckati makes is a whole target built by make, so make runs the jobs and ninja one edge at a
        # time: together they would run the square of them.
        convert = (
            "ckati",
            "--ninja",
            f"--ninja_suffix={_SUFFIX}",
            "--gen_all_targets",
            # Ninja holds back an edge's output until it ends, which here is a whole target: the console pool shows it.
            "--default_pool=console",
            "-f",
            _MAKEFILE,
            f"MAKE=make -j{jobs}",
        )
        return convert, ("ninja", "-f", f"build{_SUFFIX}.ninja", "-j1", *targets)
