"""How a variant's compiler and linker are called: programs, flags, and a CMake toolchain file for cross builds.

A linker is chosen through the compiler (`-fuse-ld=` or `-B`), never by replacing /usr/bin/ld.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from arm_ci.agent import tools
from arm_ci.config.keys import BuildType
from arm_ci.config.model import Board, Compiler, Config, Linker, Variant

# Debian's multiarch triplets, https://wiki.debian.org/Multiarch/Tuples
TRIPLETS: Mapping[str, str] = {
    "armhf": "arm-linux-gnueabihf",
    "arm64": "aarch64-linux-gnu",
    "amd64": "x86_64-linux-gnu",
    "i386": "i386-linux-gnu",
}

# CMAKE_SYSTEM_PROCESSOR as `uname -m` says it on each.
PROCESSORS: Mapping[str, str] = {"armhf": "armv7l", "arm64": "aarch64", "amd64": "x86_64", "i386": "i686"}

# What CMake itself gives for the build types, without the debug info, which is an axis of its own.
BUILD_TYPE_FLAGS: Mapping[BuildType, tuple[str, ...]] = {
    "Debug": (),
    "Release": ("-O3", "-DNDEBUG"),
    "RelWithDebInfo": ("-O2", "-DNDEBUG"),
    "MinSizeRel": ("-Os", "-DNDEBUG"),
}


@dataclass(frozen=True)
class Toolchain:
    """A compiler and a linker as a variant uses them."""

    c_compiler: str
    cxx_compiler: str
    compile_flags: tuple[str, ...]
    debug_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    linker_directory: str
    """Directory in which `ld` must be a link to the linker; empty when `-fuse-ld=` does."""
    linker_program: str
    target: Board | None
    """The board that a cross build is for."""
    cmake_toolchain: str
    """Text of the CMake toolchain file; empty when CMake needs none."""


def triplet(board: Board) -> str:
    """The GNU triplet of a board."""
    return board.triplet or TRIPLETS[board.architecture]


def compiler_programs(compiler: Compiler, target: Board | None) -> tuple[str, str]:
    """The C and the C++ compiler: names for PATH, or absolute paths when the compiler is in a directory."""
    family = tools.compiler_of_family(compiler.family)
    if compiler.directory:
        bin_directory = PurePosixPath(compiler.directory) / "bin"
        return str(bin_directory / family.c), str(bin_directory / family.cxx)
    prefix = f"{triplet(target)}-" if target is not None and family.one_per_target else ""
    suffix = f"-{compiler.version}" if compiler.version else ""
    return f"{prefix}{family.c}{suffix}", f"{prefix}{family.cxx}{suffix}"


def _target_flags(compiler: Compiler, target: Board | None) -> tuple[str, ...]:
    if target is None:
        return ()
    flags: list[str] = []
    if not tools.compiler_of_family(compiler.family).one_per_target:
        flags.append(f"--target={triplet(target)}")
    if compiler.sysroot:
        flags.append(f"--sysroot={compiler.sysroot}")
    if target.cpu:
        flags.append(f"-mcpu={target.cpu}")
    return tuple(flags)


def linker_flags(linker: Linker, linker_directory: str) -> tuple[str, ...]:
    """The flags that make a compiler use this linker with its options."""
    name = tools.linker_called(linker.program).name
    choice = f"-fuse-ld={name}" if linker.selection == "fuse-ld" else f"-B{linker_directory}"
    return (choice, *(f"-Wl,{option}" for option in linker.options))


def linker_program(compiler: Compiler, linker: Linker, target: Board | None) -> str:
    """The linker that must be on the worker: that of its target where each target has one of its own."""
    of_target = tools.compiler_of_family(compiler.family).one_per_target
    if target is not None and of_target and tools.linker_called(linker.program).one_per_target:
        return f"{triplet(target)}-{linker.program}"
    return linker.program


def toolchain_text(compiler: Compiler, linker: Linker, compiler_version: str, linker_version: str) -> str:
    """A toolchain as it decides about memory, `gcc 12, ld.bfd 2`, for versions that a worker's programs have."""
    named = ((compiler.family, compiler_version), (linker.program, linker_version))
    return ", ".join(f"{name} {version.partition('.')[0]}".rstrip() for name, version in named)


def cross_toolchain_file(compiler: Compiler, target: Board) -> str:
    """A CMake toolchain file for the target's triplet (cmake-toolchains(7))."""
    c, cxx = compiler_programs(compiler, target)
    lines = [
        f"# For {target.name}: {triplet(target)}. Written by arm_ci.",
        "set(CMAKE_SYSTEM_NAME Linux)",
        f"set(CMAKE_SYSTEM_PROCESSOR {PROCESSORS[target.architecture]})",
        f"set(CMAKE_C_COMPILER {c})",
        f"set(CMAKE_CXX_COMPILER {cxx})",
    ]
    if not tools.compiler_of_family(compiler.family).one_per_target:
        lines += [
            f"set(CMAKE_C_COMPILER_TARGET {triplet(target)})",
            f"set(CMAKE_CXX_COMPILER_TARGET {triplet(target)})",
        ]
    if compiler.sysroot:
        lines += [f"set(CMAKE_SYSROOT {compiler.sysroot})"]
    lines += [
        f"set(CMAKE_LIBRARY_ARCHITECTURE {triplet(target)})",
        f"set(CMAKE_FIND_ROOT_PATH {compiler.sysroot or '/usr/' + triplet(target)})",
        "set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)",
        # Debian's multiarch keeps a foreign architecture's libraries under /usr/lib/TRIPLET, outside the root above.
        f"set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY {'ONLY' if compiler.sysroot else 'BOTH'})",
        f"set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE {'ONLY' if compiler.sysroot else 'BOTH'})",
        f"set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE {'ONLY' if compiler.sysroot else 'BOTH'})",
    ]
    return "\n".join(lines) + "\n"


def _toolchain_text(config: Config, compiler: Compiler, target: Board | None) -> str:
    if compiler.cmake_toolchain_file:
        return config.path(compiler.cmake_toolchain_file).read_text(encoding="utf-8")
    if target is not None:
        return cross_toolchain_file(compiler, target)
    return ""


def toolchain_of(config: Config, variant: Variant, support: str) -> Toolchain:
    """The toolchain of a variant; in the directory `support`, absolute on the worker, a linker may get its own."""
    compiler = config.compilers[variant.compiler]
    linker = config.linkers[variant.linker]
    target = config.boards[compiler.target] if compiler.target else None
    c, cxx = compiler_programs(compiler, target)
    program = linker_program(compiler, linker, target)
    directory = f"{support}/{tools.LINKER_DIRECTORY}/{program}"
    return Toolchain(
        c_compiler=c,
        cxx_compiler=cxx,
        compile_flags=(*_target_flags(compiler, target), *compiler.flags),
        debug_flags=tools.compiler_of_family(compiler.family).debug_info[variant.debug_info],
        link_flags=linker_flags(linker, directory),
        linker_directory=directory if linker.selection == "directory" else "",
        linker_program=program,
        target=target,
        cmake_toolchain=_toolchain_text(config, compiler, target),
    )
