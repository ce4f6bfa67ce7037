"""Write changes into a source tree: all files or none, also when the process or the machine dies on the way.

An apply is a transaction: (1) new contents are staged in JOURNAL_DIRECTORY and synced, (2) the journal is renamed
into place: the commit record, (3) every target is replaced by rename, (4) the directory goes, the journal first.
A process that finds the directory undoes 1 and finishes 3 and 4. It is shipped to workers: standard library only,
Python >= 3.7.
"""

# The transaction is written in system calls, and pathlib hides which those are:
# ruff: noqa: PTH102, PTH103, PTH104, PTH106, PTH108, PTH112, PTH114, PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

try:
    import fcntl
except ImportError:  # not a POSIX system: two engines on one tree are then up to the caller
    fcntl = None  # type: ignore[assignment]

from .matching import File, RefusedError, read_file
from .paths import JOURNAL_DIRECTORY, outside, shown

SCHEMA = 1
JOURNAL = "journal.json"
"""The commit record: once this stands the apply is finished by whoever comes next, before it is undone."""


class SourceError(Exception):
    """The source tree cannot be read or written, or an interrupted apply in it cannot be resolved."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


@contextlib.contextmanager
def opened(source: str) -> Iterator[None]:
    """Alone with a source tree in which no apply is on its way; system errors become SourceError."""
    if not os.path.isdir(source):
        raise SourceError(f"{source}: no such directory")
    try:
        with _locked(source):
            _recover(source)
            yield
    except OSError as error:
        at = error.filename2 or error.filename
        raise SourceError(f"{os.fsdecode(at) if at else source}: {error.strerror or error}") from error


@contextlib.contextmanager
def _locked(source: str) -> Iterator[None]:
    descriptor = os.open(source, os.O_RDONLY)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a network file system may not lock directories
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(source: str, changes: Mapping[str, File | None]) -> None:
    """Bring these changes to the disk, all or none; only within `opened`. Raises SourceError, OSError."""
    directory = os.path.join(source, JOURNAL_DIRECTORY)
    entries = []
    try:
        os.mkdir(directory, 0o700)
        for number, (path, file) in enumerate(sorted(changes.items())):
            old = read_file(source, path)
            entry = {"path": path, "before": _digest(old), "after": _digest(file), "mode": _mode(source, path, file)}
            if file is not None:
                _store(os.path.join(directory, str(number)), file.data)
            entries.append(entry)
        _store(os.path.join(directory, JOURNAL + ".new"), json.dumps({"schema": SCHEMA, "files": entries}).encode())
        _sync(directory)
        os.rename(os.path.join(directory, JOURNAL + ".new"), os.path.join(directory, JOURNAL))
    except OSError:
        with contextlib.suppress(OSError):
            _discard(directory)
        raise
    _sync(directory)
    try:
        _finish(source, entries)
    except OSError as error:
        at = error.filename2 or error.filename or source
        raise SourceError(
            f"{os.fsdecode(at)}: {error.strerror}; "
            "the apply is interrupted, the next check or apply finishes or undoes it"
        ) from error


def _recover(source: str) -> None:
    """Finish or undo what an interrupted apply left behind."""
    directory = os.path.join(source, JOURNAL_DIRECTORY)
    if not os.path.lexists(directory):
        return
    if os.path.islink(directory) or not os.path.isdir(directory):
        raise SourceError(f"{directory}: expected a directory of ours; remove it")
    try:
        with open(os.path.join(directory, JOURNAL), "rb") as file:
            entries = json.loads(file.read())["files"]
        problems = [outside(entry["path"]) for entry in entries]  # it may come from anywhere, even with the sources
        if any(problems):
            raise ValueError(next(filter(None, problems)))
        now = [_standing(source, entry) for entry in entries]
    except FileNotFoundError:
        _discard(directory)
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, RefusedError) as error:
        raise SourceError(f"{directory}: unreadable journal ({error}); restore the sources and remove it") from None
    if "after" in now:
        if None in now:
            path = entries[now.index(None)]["path"]
            raise SourceError(
                f"{path} was changed after an apply was interrupted; restore the sources and remove {directory}"
            )
        _finish(source, entries)
    else:
        _discard(directory)  # not begun, or the tree has been checked out anew since


def _standing(source: str, entry: Mapping[str, Any]) -> str | None:
    """Which side of a journal's entry stands in the tree; None: neither."""
    file = read_file(source, entry["path"])
    mode = None if file is None else stat.S_IMODE(os.stat(os.path.join(source, entry["path"])).st_mode)
    if _digest(file) == entry["after"] and mode == entry["mode"]:
        return "after"
    return "before" if _digest(file) == entry["before"] else None


def _finish(source: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Bring every target to its new content and remove the journal; may be run again at any point."""
    directory = os.path.join(source, JOURNAL_DIRECTORY)
    touched = set()
    for number, entry in enumerate(entries):
        if _standing(source, entry) == "after":
            continue
        target = os.path.join(source, entry["path"])
        if entry["after"] is None:
            os.unlink(target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(os.path.join(directory, str(number)), "rb") as staged:
                _store(os.path.join(directory, "next"), staged.read(), entry["mode"])
            os.rename(os.path.join(directory, "next"), target)
        touched.add(os.path.dirname(target))
    for parent in sorted(touched):
        _sync(parent)
    _discard(directory)


def _discard(directory: str) -> None:
    """Remove the journal directory; the commit record goes first so that the rest is mere litter."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, JOURNAL))
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    os.rmdir(directory)


def _store(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a new file and have it on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    except OSError as error:
        error.filename = error.filename or path
        raise
    finally:
        os.close(descriptor)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(file: File | None) -> str | None:
    return None if file is None else hashlib.sha256(file.data).hexdigest()


def _mode(source: str, path: str, file: File | None) -> int | None:
    """Permissions of a file to be written: the old ones, executable as the patch says; new files as git makes them."""
    if file is None:
        return None
    try:
        mode = stat.S_IMODE(os.stat(os.path.join(source, path)).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    readable = (mode & 0o444) >> 2
    return mode | readable if file.executable else mode & ~0o111
