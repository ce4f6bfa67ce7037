"""A project's repository for tests of what starts builds, and the configuration that watches it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

# Worker `away` never connects, so that requests wait for it.
AWAY = "away: {board: local}\n"

PROJECT = """\
demo:
  repository: REPOSITORY
  branches: [main, stable]
  poll: 1s
  unimportant: ['docs/*', '*.md']
  cmake: {{}}
  matrix:
    boards: [local]
    compilers: [gcc]
    linkers: [bfd]
    generators: [ninja, make]
    debug_info: [full, none]
    tiers:
      commit: [{{debug_info: [full]}}]
      nightly: [{{generator: [ninja]}}]
"""
COMMIT_VARIANTS = {"demo-local-gcc-bfd-ninja-full", "demo-local-gcc-bfd-make-full"}
NIGHTLY_VARIANT = "demo-local-gcc-bfd-ninja-none"
FORCE_VARIANT = "demo-local-gcc-bfd-make-none"

_FILES = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(demo CXX)\nadd_executable(demo demo.cpp)\n",
    "demo.cpp": "int main() { return 0; }\n",
}


@dataclass
class Upstream:
    """A bare repository, and a clone from which a test pushes."""

    repository: Path
    clone: Path

    @classmethod
    def make(cls, directory: Path) -> Upstream:
        """With one commit on `main` and `stable`."""
        made = cls(directory / "demo.git", directory / "clone")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", made.repository], check=True)
        subprocess.run(["git", "clone", "-q", made.repository, made.clone], check=True, capture_output=True)
        made.git("checkout", "-q", "-B", "main")
        made.commit(_FILES)
        made.push()
        made.push("main:stable")
        return made

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=self.clone, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str], message: str = "a commit") -> str:
        """Commits files (none: an empty commit); returns the revision."""
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.git("add", name)
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def empty_commits(self, count: int) -> list[str]:
        """Commits that change nothing, oldest first, all made by one process."""
        text = "".join(
            f"commit refs/heads/main\ncommitter A Person <person@example.org> {2_000_000_000 + number} +0000\n"
            f"data 8\na commit\n{'' if number else 'from refs/heads/main^0'}\n"
            for number in range(count)
        )
        subprocess.run(["git", "fast-import", "--quiet"], cwd=self.clone, input=text, text=True, check=True)
        return self.git("rev-list", "--reverse", f"--max-count={count}", "main").split()

    def push(self, *what: str) -> None:
        self.git("push", "-q", "--force", "origin", *(what or ("main",)))
