"""A directory for one run of a guest: its disks, and nothing that outlives it.

Whoever owns one holds a lock (flock(2)) on it, which the kernel takes away with the process. So what a killed process
left is told from what is in use, and the next one to come removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "run-"
_LOCK = "lock"


@contextmanager
def run_directory(parent: Path) -> Iterator[Path]:
    """A new private directory below `parent`; removed with the block. What others left is removed first.

    Raises OSError when none can be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    directory, lock = _make(parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> list[str]:
    """Removes the directories that nobody holds any more, and gives their names."""
    removed: list[str] = []
    if not parent.is_dir():
        return removed
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            # Somebody is making or removing it just now. The lock is made last and goes last, but for a kill between.
            with _parents_lock(parent):
                if not (directory / _LOCK).exists():
                    shutil.rmtree(directory, ignore_errors=True)
            continue
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(directory, ignore_errors=True)
            removed.append(directory.name)
        finally:
            os.close(lock)
    return removed


def _make(parent: Path) -> tuple[Path, int]:
    with _parents_lock(parent):
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return directory, lock


@contextmanager
def _parents_lock(parent: Path) -> Iterator[None]:
    """Held while a directory is made, so that a sweep does not take it for a leftover."""
    lock = os.open(parent / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds a lock of this name for the block; whoever comes second waits. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
