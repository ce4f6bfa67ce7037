"""The project's configure script writes makefiles, and make builds."""

from __future__ import annotations

from arm_ci.agent.tools import compiler_of_family
from arm_ci.plan.generators.generator import Argv, Generator, Setup
from arm_ci.plan.toolchain import BUILD_TYPE_FLAGS, triplet


class Autotools(Generator):
    """The generator `autotools`."""

    name = "autotools"
    programs = {"make": "make"}
    prepare_programs = {"autoconf": "autoconf", "automake": "automake", "libtoolize": "libtool"}
    takes_spaces = False

    def configure(self, setup: Setup) -> Argv:
        toolchain = setup.toolchain
        # Without a word configure takes -O2, which no build type of ours asks for by accident.
        optimise = () if BUILD_TYPE_FLAGS[setup.build_type] else ("-O0",)
        flags = " ".join((*toolchain.compile_flags, *optimise, *setup.type_and_debug_flags))
        cross = () if toolchain.target is None else (f"--host={triplet(toolchain.target)}",)
        return (
            str(setup.source / "configure"),
            f"CC={_compiler(setup, toolchain.c_compiler)}",
            f"CXX={_compiler(setup, toolchain.cxx_compiler)}",
            f"CFLAGS={flags}",
            f"CXXFLAGS={flags}",
            *cross,
            *setup.options,
        )

    def build(self, setup: Setup, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        return (("make", f"-j{jobs}", *targets),)


def _compiler(setup: Setup, compiler: str) -> str:
    # The linker goes with the compiler's name: libtool drops -fuse-ld from LDFLAGS before its version 2.4.7.
    quiet = compiler_of_family(setup.family).quiet_flags
    launcher = (setup.launcher,) if setup.launcher else ()
    return " ".join((*launcher, compiler, *quiet, *setup.toolchain.link_flags))
