"""What one generator is: the programs that it wants, how it configures a build tree, builds in it and runs its tests.

A new one is a file here with a class, and a row in this folder's table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from arm_ci.config.keys import BuildType, CompilerFamily, TestKind
from arm_ci.config.keys import Generator as Name
from arm_ci.plan.commands import File, Places
from arm_ci.plan.test_results import TestParser
from arm_ci.plan.toolchain import BUILD_TYPE_FLAGS, Toolchain

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """What a generator is told of a variant and its project."""

    places: Places
    source: PurePosixPath
    """The directory of the project's top build file, absolute."""
    toolchain: Toolchain
    family: CompilerFamily
    build_type: BuildType
    options: tuple[str, ...]
    """The project's own, for the command that configures."""
    launcher: str = ""
    """The program that stands before the compiler; empty: none."""

    @property
    def type_and_debug_flags(self) -> tuple[str, ...]:
        """Flags of the build type, then those of the debug info, which win over them."""
        return (*BUILD_TYPE_FLAGS[self.build_type], *self.toolchain.debug_flags)


@dataclass(frozen=True)
class TestSuite:
    """How a build system runs the tests that it knows of."""

    __test__ = False

    kind: TestKind
    programs: Mapping[str, str]
    """Programs that it wants -> the Debian package of each."""
    argv: Argv
    jobs_option: str
    """What stands before the number of tests at once, in one word with it."""
    parser: type[TestParser]

    def command(self, jobs: int, arguments: tuple[str, ...]) -> Argv:
        """Runs all tests, or those that the arguments choose."""
        return (*self.argv, f"{self.jobs_option}{jobs}", *arguments)


class Generator(ABC):
    """One generator. It holds nothing: what a build is about comes in a Setup."""

    name: ClassVar[Name]
    programs: ClassVar[Mapping[str, str]]
    """Programs that it wants -> the Debian package of each."""
    prepare_programs: ClassVar[Mapping[str, str]] = {}
    """What it wants besides where the project has preparations of its own."""
    variables: ClassVar[tuple[str, ...]] = ()
    """How the environment variables begin that its programs read: the caller's own must not reach a build."""
    takes_spaces: ClassVar[bool] = True
    """Whether a linker or a launcher may be in a directory with a space in its name."""
    suite: ClassVar[TestSuite | None] = None

    def files(self, setup: Setup) -> tuple[File, ...]:
        """Files to write before configuring."""
        return ()

    @abstractmethod
    def configure(self, setup: Setup) -> Argv:
        """Configures the build tree, in which it runs."""

    @abstractmethod
    def build(self, setup: Setup, jobs: int, targets: tuple[str, ...]) -> tuple[Argv, ...]:
        """Builds the targets with so many edges at once; the last command is the one that starts them."""
