"""A Git repository of a project that is a plain directory, so that workers can fetch it like any other.

It uses nothing of the caller's git settings: what a worker gets must not depend on who started the master.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from arm_ci.cli.options import OUTSIDE, CommandError

_SETTINGS = {
    "user.name": "arm_ci",
    "user.email": "arm_ci@localhost",
    "commit.gpgsign": "false",
    "core.hooksPath": "/dev/null",
    "core.autocrlf": "false",
    "core.attributesFile": "/dev/null",
}


def update(repository: Path, directory: Path, branch: str, message: str) -> None:
    """Makes `branch` of a bare repository hold what is in `directory` now; makes the repository when it is not there.

    Raises CommandError with git's words.
    """
    if not repository.is_dir():
        repository.parent.mkdir(parents=True, exist_ok=True)
        _git("init", "--quiet", "--bare", "--template=", str(repository))
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    git = (f"--git-dir={repository}", f"--work-tree={directory}", *settings)
    # Also when it was another branch at the last start.
    _git(*git, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    _git(*git, "add", "--all", "--force", ".", directory=directory)
    unborn = _run(*git, "rev-parse", "--quiet", "--verify", "HEAD").returncode
    if unborn or _run(*git, "diff", "--cached", "--quiet", directory=directory).returncode:
        _git(*git, "commit", "--quiet", "--allow-empty", "--message", message, directory=directory)


def _git(*words: str, directory: Path | None = None) -> None:
    done = _run(*words, directory=directory)
    if done.returncode:
        raise CommandError(f"`git` failed: {done.stderr.strip()}", OUTSIDE)


def _run(*words: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    return subprocess.run(
        ("git", *words), cwd=directory, env=environment, capture_output=True, text=True, errors="replace"
    )
