"""What a build consists of, as data: directories, commands, files to write, test programs to run.

Commands are argument lists, never shell text.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from arm_ci.config.project import Test
from arm_ci.plan.test_results import TestParser


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
    parser: type[TestParser]
    """Reads what it prints."""
