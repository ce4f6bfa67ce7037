"""The recipe of one variant: which files are written and which commands run, stage by stage.

The generators differ here and nowhere else. Commands are argument lists, never shell text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from arm_ci.agent import tools
from arm_ci.agent.fallback.fallback import Fallback
from arm_ci.config.keys import CompilerFamily, Generator
from arm_ci.config.model import Config, Variant
from arm_ci.config.project import BuildSystem, Project, Test
from arm_ci.config.versions import in_range
from arm_ci.plan import distcc
from arm_ci.plan.fallbacks import fallbacks_of
from arm_ci.plan.toolchain import BUILD_TYPE_FLAGS, Toolchain, toolchain_of, toolchain_text, triplet

# Every command's environment: messages that we (and people elsewhere) can read and compare.
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C"}

CMAKE_GENERATORS: Mapping[Generator, str] = {"ninja": "Ninja", "make": "Unix Makefiles", "kati": "Unix Makefiles"}

# What compilers, build tools and test programs read from the environment: a build must not depend on who starts it.
_FOREIGN = frozenset(
    {
        *("CC", "CXX", "CPP", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS", "LDEMULATION"),
        *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_RUN_PATH", "PKG_CONFIG_PATH", "CONFIG_SITE", "DESTDIR", "VERBOSE"),
        *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEFILES", "GNUMAKEFLAGS", "MAKE_TERMOUT", "MAKE_TERMERR"),
        *("LANG", "LANGUAGE", "CLICOLOR_FORCE", "GCC_COLORS"),
    }
)
_FOREIGN_PREFIXES = ("CMAKE_", "CTEST_", "GTEST_", "NINJA_", "LC_", "CCACHE_", "DISTCC_")

# ckati reads CMake's inner makefile, which has a rule for every target; the outer one only starts make again.
KATI_MAKEFILE = "CMakeFiles/Makefile2"
KATI_SUFFIX = "-kati"

# A version such as 1.2.0-rc1 counts as its numbers.
_LEADING_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]*", re.ASCII)
_JOBS = re.compile(r"[0-9]{1,4}", re.ASCII)
_MOST_JOBS = 1000
# Where the agent lets edges in, build tools offer it more than may run, so that it can choose: the one with the most
# behind it, or one that fits beside a large one. Each that waits costs about 3 MB.
_LEAST_OFFERED = 4
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*", re.ASCII)


@dataclass(frozen=True)
class Places:
    """The directories of one build on the machine that builds, absolute."""

    source: PurePosixPath
    build: PurePosixPath
    support: PurePosixPath
    """For what we bring along: toolchain file, linker directory, patch set, probe."""

    @classmethod
    def below(cls, root: str) -> Places:
        """The layout of a Buildbot worker's builder directory: the build tree is outside the checkout."""
        base = PurePosixPath(root)
        return cls(base / "source", base / "build", base / "support")


@dataclass(frozen=True)
class Command:
    """One command of a build."""

    argv: tuple[str, ...]
    directory: PurePosixPath
    timeout_seconds: int
    """Longest silence before it is stopped."""
    cores: int = 0
    """Of the edges that it starts so many may run at once, as memory allows; 0: all of them."""
    has_fallback: bool = False
    """Whether some of its edges may be built differently."""

    def shell(self) -> str:
        """The command as a person would type it."""
        return shlex.join(self.argv)


@dataclass(frozen=True)
class File:
    """A text file that must stand on the worker before a stage."""

    path: PurePosixPath
    text: str


@dataclass(frozen=True)
class TestRun:
    """One test program to run."""

    __test__ = False

    test: Test
    command: Command


@dataclass(frozen=True)
class Choices:
    """What may differ from build to build of one variant."""

    jobs: int
    targets: tuple[str, ...] = ()
    """Targets asked for; empty: the project's."""
    upstream_version: str = ""
    """As read from the source tree; empty: unknown."""


def offered(jobs: int) -> int:
    """How many edges a build tool starts where `jobs` may run at once and the agent lets them in."""
    return jobs + max(_LEAST_OFFERED, 2 * jobs)


def parse_targets(text: str) -> tuple[str, ...]:
    """Targets as people type them, apart by spaces. Raises ValueError with the sentence for them."""
    targets = tuple(text.split())
    for target in targets:
        # A word that begins with `-` would be an option of the build tool, one with `=` a make variable.
        if not _TARGET.fullmatch(target):
            raise ValueError(
                f"`{target}` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
                "starting with a letter, digit or `_`"
            )
    return targets


def parse_jobs(text: str) -> int:
    """How many edges at once, as people type it; 0 is the board's. Raises ValueError with the sentence for them."""
    jobs = text.strip()
    if not _JOBS.fullmatch(jobs) or int(jobs) > _MOST_JOBS:
        raise ValueError(f"`{jobs[:40]}` is not a number of edges at once: 0 to {_MOST_JOBS} was expected")
    return int(jobs)


def parse_reference(text: str) -> str:
    """A branch, tag or revision as people type it; empty stays empty. Raises ValueError with the sentence for them."""
    reference = text.strip()
    # A word that begins with `-` would be an option of git, and some of those run commands.
    if reference and not _REFERENCE.fullmatch(reference):
        raise ValueError(
            f"`{reference}` is not a branch, tag or revision: letters, digits, `.`, `_`, `/`, `+`, `@` and `-` were "
            "expected, starting with a letter, digit or `_`"
        )
    return reference


def is_foreign(variable: str) -> bool:
    """Whether an environment variable of the caller or the worker would change what a build does."""
    return variable in _FOREIGN or variable.startswith(_FOREIGN_PREFIXES)


def repeat_command(variant: Variant, choices: Choices, patch_strip: int | None = None) -> str:
    """The one command that repeats a build of a source tree without a master.

    `patch_strip` is the strip level of the build's forced patch, which FILE is then; None: it had none.
    """
    targets = f" --targets {shlex.quote(' '.join(choices.targets))}" if choices.targets else ""
    patch = "" if patch_strip is None else f" --patch FILE --strip {patch_strip}"
    return f"arm-ci build --variant {variant.name} --source DIR --jobs {choices.jobs}{targets}{patch}"


def _is_of_version(test: Test, upstream_version: str) -> bool:
    """Whether an upstream version has a test; one that cannot be told has only those that every version has."""
    number = _LEADING_NUMBER.match(upstream_version)
    return in_range(number[0], test.versions) if number else not test.versions


@dataclass(frozen=True)
class Recipe:
    """Everything that a variant's build runs. Errors: none beyond those of reading a CMake toolchain file."""

    config: Config = field(repr=False)
    variant: Variant

    @property
    def project(self) -> Project:
        return self.config.projects[self.variant.project]

    @cached_property
    def build_system(self) -> BuildSystem:
        """The section of the project that the variant's generator uses."""
        section = self.project.autotools if self.variant.generator == "autotools" else self.project.cmake
        if section is None:
            raise ValueError(f"project {self.project.name} says nothing of generator {self.variant.generator}")
        return section

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every command."""
        return {**ENVIRONMENT, **self.project.environment}

    @property
    def is_cross(self) -> bool:
        """Whether what is built runs on another board."""
        return bool(self.config.compilers[self.variant.compiler].target)

    def toolchain(self, places: Places) -> Toolchain:
        return toolchain_of(self.config, self.variant, str(places.support))

    def toolchain_text(self, compiler_version: str, linker_version: str) -> str:
        """The toolchain with its versions on the machine that builds: what is learned of peaks is learned with it."""
        compiler, linker = self.config.compilers[self.variant.compiler], self.config.linkers[self.variant.linker]
        return toolchain_text(compiler, linker, compiler_version, linker_version)

    @property
    def helpers(self) -> tuple[str, ...]:
        """The machines that compile for the board, `HOST[:PORT]/JOBS`; none for a variant without distcc."""
        return self.config.boards[self.variant.board].distcc if self.variant.distcc else ()

    def fallbacks(self, places: Places) -> tuple[Fallback, ...]:
        """How edges may be built differently by configuration, in the order of trial."""
        return fallbacks_of(self.config, self.variant, str(places.support))

    def default_jobs(self) -> int:
        """How many edges run at once at most when nobody says otherwise: the board's and its helpers' together."""
        board = self.config.boards[self.variant.board]
        return (board.jobs or int(board.cores)) + distcc.jobs(self.helpers)

    # -- stages -----------------------------------------------------------------------------------------------

    def files(self, places: Places) -> tuple[File, ...]:
        """Files to write before configuring."""
        toolchain = self.toolchain(places)
        found = []
        if toolchain.cmake_toolchain:
            found.append(File(places.support / "toolchain.cmake", toolchain.cmake_toolchain))
        if self.helpers:
            cores = int(self.config.boards[self.variant.board].cores)
            text = distcc.launcher_text(self._family, toolchain, self.helpers, cores)
            found.append(File(distcc.launcher(places.support), text))
        return tuple(found)

    def prepare(self, places: Places) -> tuple[Command, ...]:
        """Links the chosen linker into its directory, then runs the project's own preparation."""
        commands = []
        toolchain = self.toolchain(places)
        if self.helpers:
            argv = distcc.prepare(self._family, toolchain, places.support)
            commands.append(Command(argv, places.support, self.project.timeout))
        if toolchain.linker_directory:
            script = f'mkdir -p "$1" && ln -sfn "$(command -v {shlex.quote(toolchain.linker_program)})" "$1/ld"'
            commands.append(
                Command(("sh", "-c", script, "sh", toolchain.linker_directory), places.support, self.project.timeout)
            )
        source = places.source / self.project.source_directory
        commands += [Command(argv, source, self.project.timeout) for argv in self.build_system.prepare]
        return tuple(commands)

    def configure(self, places: Places) -> tuple[Command, ...]:
        """Configures the build tree."""
        if self.variant.generator == "autotools":
            argv = self._autotools_configure(places)
        else:
            argv = self._cmake_configure(places)
        return (Command(argv, places.build, self.project.timeout),)

    def build(self, places: Places, choices: Choices) -> tuple[Command, ...]:
        """Builds the targets and the programs of the tests."""
        cores = choices.jobs if self.project.admission else 0
        jobs = f"-j{offered(choices.jobs) if cores else choices.jobs}"
        targets = self.targets(choices)
        if self.variant.generator == "ninja":
            argvs: list[tuple[str, ...]] = [("ninja", jobs, *targets)]
        elif self.variant.generator == "kati":
            argvs = [self._kati(jobs), ("ninja", "-f", f"build{KATI_SUFFIX}.ninja", "-j1", *targets)]
        else:
            argvs = [("make", jobs, *targets)]
        if self.helpers and self.variant.generator != "autotools":
            # For the projects that ExternalProject steps configure while this runs; CMake reads it since 3.17.
            argvs = [("env", *self._launcher_choice(places), *argv) for argv in argvs]
        *before, last = (Command(argv, places.build, self.project.timeout) for argv in argvs)
        has_fallback = bool(self.fallbacks(places)) or self.project.fallback_from_trials
        return (*before, replace(last, cores=cores, has_fallback=has_fallback))

    def tests(self, places: Places, choices: Choices) -> tuple[TestRun, ...]:
        """Runs every test of this upstream version whose target was built; none of a cross build runs here."""
        if self.is_cross:
            return ()
        return tuple(TestRun(test, self._test_command(test, places, choices)) for test in self.chosen_tests(choices))

    def artefacts(self) -> tuple[str, ...]:
        """Shell patterns of what is kept, relative to the build tree."""
        return self.build_system.artefacts

    # -- details ----------------------------------------------------------------------------------------------

    @property
    def _family(self) -> CompilerFamily:
        return self.config.compilers[self.variant.compiler].family

    def _launcher_choice(self, places: Places) -> tuple[str, ...]:
        """The settings that put distcc before the compiler, as CMake's variables and environment have them."""
        path = distcc.launcher(places.support)
        return (f"CMAKE_C_COMPILER_LAUNCHER={path}", f"CMAKE_CXX_COMPILER_LAUNCHER={path}")

    def targets(self, choices: Choices) -> tuple[str, ...]:
        """The targets of the build command: those asked for, or the project's and its tests'."""
        if choices.targets:
            return choices.targets
        wanted = (*self.build_system.targets, *(test.target for test in self.chosen_tests(choices) if test.target))
        return tuple(dict.fromkeys(wanted))

    def chosen_tests(self, choices: Choices) -> tuple[Test, ...]:
        """Tests of this upstream version; when targets were asked for, only those whose target is among them."""
        return tuple(
            test
            for test in self.build_system.tests
            if (_is_of_version(test, choices.upstream_version) or test.target in choices.targets)
            and (not choices.targets or test.target in choices.targets or "all" in choices.targets)
        )

    def _test_command(self, test: Test, places: Places, choices: Choices) -> Command:
        if test.kind == "ctest":
            argv: tuple[str, ...] = ("ctest", "--output-on-failure", f"-j{choices.jobs}", *test.arguments)
        else:
            argv = (str(places.build / test.program), "--gtest_color=no", *test.arguments)
        return Command(argv, places.build / test.directory, test.timeout)

    def _cmake_configure(self, places: Places) -> tuple[str, ...]:
        toolchain = self.toolchain(places)
        build_type = self.project.build_type
        debug = " ".join((*BUILD_TYPE_FLAGS[build_type], *toolchain.debug_flags))
        # CMake puts these flags into shell commands as they are; a directory may have a space in its name.
        link = shlex.join(toolchain.link_flags)
        if toolchain.cmake_toolchain:
            choice = [f"-DCMAKE_TOOLCHAIN_FILE={places.support / 'toolchain.cmake'}"]
        else:
            choice = [
                f"-DCMAKE_C_COMPILER={toolchain.c_compiler}",
                f"-DCMAKE_CXX_COMPILER={toolchain.cxx_compiler}",
            ]
        if toolchain.compile_flags:
            flags = " ".join(toolchain.compile_flags)
            choice += [f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}"]
        if self.helpers:
            choice += [f"-D{setting}" for setting in self._launcher_choice(places)]
        return (
            "cmake",
            "-G",
            CMAKE_GENERATORS[self.variant.generator],
            f"-DCMAKE_BUILD_TYPE={build_type}",
            *choice,
            # Debug info stands in the build type's flags, because those come last on the compiler's command line.
            f"-DCMAKE_C_FLAGS_{build_type.upper()}={debug}",
            f"-DCMAKE_CXX_FLAGS_{build_type.upper()}={debug}",
            *(f"-DCMAKE_{kind}_LINKER_FLAGS={link}" for kind in ("EXE", "SHARED", "MODULE")),
            *self.build_system.options,
            str(places.source / self.project.source_directory),
        )

    def _kati(self, jobs: str) -> tuple[str, ...]:
        # Each edge that ckati makes is a whole target built by make, so make runs the jobs and ninja one edge at a
        # time: together they would run the square of them.
        return (
            "ckati",
            "--ninja",
            f"--ninja_suffix={KATI_SUFFIX}",
            "--gen_all_targets",
            # Ninja holds back an edge's output until it ends, which here is a whole target: the console pool shows it.
            "--default_pool=console",
            "-f",
            KATI_MAKEFILE,
            f"MAKE=make {jobs}",
        )

    def _autotools_configure(self, places: Places) -> tuple[str, ...]:
        toolchain = self.toolchain(places)
        flags = " ".join(
            (
                *toolchain.compile_flags,
                # Without a word configure takes -O2, which no build type of ours asks for by accident.
                *(BUILD_TYPE_FLAGS[self.project.build_type] or ("-O0",)),
                *toolchain.debug_flags,
            )
        )
        # The linker goes with the compiler's name: libtool drops -fuse-ld from LDFLAGS before its version 2.4.7.
        link = " ".join(toolchain.link_flags)
        quiet = "".join(f" {flag}" for flag in tools.compiler_of_family(self._family).quiet_flags)
        launcher = f"{distcc.launcher(places.support)} " if self.helpers else ""
        cross = (f"--host={triplet(toolchain.target)}",) if toolchain.target is not None else ()
        return (
            str(places.source / self.project.source_directory / "configure"),
            f"CC={launcher}{toolchain.c_compiler}{quiet} {link}",
            f"CXX={launcher}{toolchain.cxx_compiler}{quiet} {link}",
            f"CFLAGS={flags}",
            f"CXXFLAGS={flags}",
            *cross,
            *self.build_system.options,
        )
