"""Patches of the sample project as git makes them, for the tests that give one to a build."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from running import ROOT

OWN_TEST = "add_test(NAME of-a-patch COMMAND hungry)\n"
TESTS = 6
"""Tests that the sample has without a patch."""


@dataclass(frozen=True)
class Sample:
    """A checkout of the sample in which a test makes changes."""

    directory: Path

    @classmethod
    def clone(cls, directory: Path) -> Sample:
        shutil.copytree(ROOT / "samples" / "hungry", directory)
        sample = cls(directory)
        sample.git("init", "-q")
        sample.commit("the sample")
        return sample

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *words], cwd=self.directory, capture_output=True, check=True)
        return done.stdout.decode()

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text that stands in a file once."""
        path = self.directory / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def add_a_test(self) -> None:
        """A change of two files after which one test more passes."""
        with (self.directory / "CMakeLists.txt").open("a") as file:
            file.write(OWN_TEST)
        self.edit("src/main.cpp", "hungry 1.0.0", "hungry 1.0.1")

    def diff(self, *options: str) -> str:
        """Everything that was changed since the last commit, new files too."""
        self.git("add", "-A")
        return self.git("diff", "--cached", *options)
