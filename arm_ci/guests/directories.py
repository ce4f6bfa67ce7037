"""Directories that do not outlive the process that works in them: one run of a guest, an image that is being made.

Whoever works in one holds a lock (flock(2)) on it, which the kernel takes away with the process. So what a killed
process left is told from what is in use, and the next one to come removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

RUN = "run-"
"""How the names of directories of one run begin."""

Remove = Callable[[Path], object]
_remove: Remove = partial(shutil.rmtree, ignore_errors=True)


@contextmanager
def private_directory(parent: Path, prefix: str, remove: Remove = _remove) -> Iterator[Path]:
    """A new directory below `parent` with a name of this beginning; removed with the block, if it is still there.

    What others left there is removed first. Raises OSError when none can be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent, prefix, remove)
    with locked(parent):
        directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = os.open(directory, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        if directory.exists():
            remove(directory)
        os.close(lock)


def sweep(parent: Path, prefix: str, remove: Remove = _remove) -> None:
    """Removes the directories whose names begin so and that nobody holds any more."""
    if not parent.is_dir():
        return
    # Nobody is between making a directory and holding it meanwhile.
    with locked(parent):
        for directory in parent.glob(f"{prefix}*"):
            lock = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(directory)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


@contextmanager
def locked(path: Path, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """A block that one process at a time is in for a file, which is made, or a directory, which must be there.

    `wait` is called before it has to wait. Raises OSError.
    """
    if path.is_dir():
        lock = os.open(path, os.O_RDONLY)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
