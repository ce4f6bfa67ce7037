"""Where `arm-ci build` builds, judged before anything runs: it removes build trees, but only those that it made.

It decides and makes directories; what is built in them is local_build.py's business.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from arm_ci.cli.options import CommandError
from arm_ci.plan import Places

MARKER = ".arm_ci-build"
"""A file of this name stands in every directory that we made, and may remove."""


def choose(source: str, directory: str | None, name: str) -> Places:
    """The places of a build of `source`; `directory` is the caller's, or None: beside the source tree, after `name`.

    Raises CommandError when there is no source tree, or when a build there would touch what is not its own.
    """
    if not source:
        raise CommandError("--source: the directory of a source tree was expected, not an empty text")
    tree = Path(os.path.realpath(source))
    if not tree.is_dir():
        raise CommandError(f"--source: `{source}` is not a directory")
    if tree == Path(tree.anchor):
        raise CommandError(f"--source: `{source}` is the whole system, not a source tree")
    if directory == "":
        raise CommandError("--directory: a directory was expected, not an empty text")
    root = Path(os.path.realpath(directory or tree.with_name(f"{tree.name}-{name}")))
    _refuse_overlap(root, tree)
    _refuse_unwritable(root)
    for child in (root / "build", root / "support"):
        if not _is_ours(child):
            raise CommandError(
                f"`{child}` was not made by `arm-ci build`: remove it, or name another place with --directory"
            )
    return Places(PurePosixPath(tree), PurePosixPath(root / "build"), PurePosixPath(root / "support"))


def make(places: Places, keep: bool) -> None:
    """Makes the directories; a build tree that an earlier build left is removed unless `keep`. Raises OSError."""
    build = Path(places.build)
    if build.exists() and not keep:
        shutil.rmtree(build)
    for directory in (build, Path(places.support)):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MARKER).write_text("Made by `arm-ci build`, which removes this directory.\n", encoding="ascii")


def _refuse_overlap(root: Path, tree: Path) -> None:
    if root == tree:
        relation = "is the source tree"
    elif root in tree.parents:
        relation = f"contains the source tree `{tree}`"
    elif tree in root.parents:
        relation = f"lies inside the source tree `{tree}`"
    else:
        return
    raise CommandError(f"--directory: `{root}` {relation}; a build needs a directory of its own")


def _refuse_unwritable(root: Path) -> None:
    """Complains when the directories in it could not be made."""
    there = root
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        problem = f"`{there}` is not a directory"
    elif not os.access(there, os.W_OK | os.X_OK):
        problem = f"`{there}` is not writable"
    else:
        return
    raise CommandError(f"cannot build in `{root}`: {problem}; name another place with --directory")


def _is_ours(directory: Path) -> bool:
    """Whether we may fill and remove a directory: it is not there, is empty, or carries our marker."""
    if not os.path.lexists(directory):
        return True
    if directory.is_symlink() or not directory.is_dir():
        return False
    return (directory / MARKER).is_file() or not any(directory.iterdir())
