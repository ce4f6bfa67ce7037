"""Where the hunks of a patch fit in a tree, and what they make of its files, in memory.

Hunks match as with `git apply`: exactly, at any offset, without fuzz; only line ends may differ. Nothing is written
here (transaction.py does). It is shipped to workers: standard library only, Python >= 3.7.
"""

# zip's strict is newer than 3.7:
# ruff: noqa: B905, PTH118, PTH123

from __future__ import annotations

import heapq
import os
import re
import stat
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from .diffs import FilePatch, Hunk

_SHOWN = 60
"""Longest piece of a source line in a reason, in characters."""
_MOST_PAIRS = 200_000
"""Lines of a file that are compared with lines of a hunk which does not fit, for a telling reason: a second on the
slowest board."""


@dataclass(frozen=True)
class File:
    data: bytes
    executable: bool


class RefusedError(Exception):
    """A path that the tree turns into something other than an ordinary file inside it."""


class Tree:
    """The files of a source tree with changes on top that exist in memory only."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.changes: dict[str, File | None] = {}
        self._directories: set[str] = set()

    def read(self, path: str) -> File | None:
        """A file, or None when it is not there. Raises RefusedError."""
        if path in self.changes:
            return self.changes[path]
        for parent in _parents(path):
            if self.changes.get(parent) is not None:
                raise RefusedError(f"{parent} is a file, {path} is behind it")
        if path in self._directories:
            raise RefusedError(f"{path} is a directory")
        return read_file(self.source, path)

    def change(self, path: str, file: File | None) -> None:
        """Puts a file on top, or, with None, takes it away."""
        self.changes[path] = file
        if file is not None:
            self._directories.update(_parents(path))

    def changed(self, changes: Mapping[str, File | None]) -> Tree:
        """A tree with these changes on top of those of this one."""
        tree = Tree(self.source)
        for path, file in (*self.changes.items(), *changes.items()):
            tree.change(path, file)
        return tree


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def read_file(source: str, path: str) -> File | None:
    full = source
    parts = path.split("/")
    for number, part in enumerate(parts, 1):
        full = os.path.join(full, part)
        try:
            mode = os.lstat(full).st_mode
        except FileNotFoundError:
            return None
        shown = "/".join(parts[:number])
        if number < len(parts) and stat.S_ISREG(mode):
            raise RefusedError(f"{shown} is a file, {path} is behind it")
        if stat.S_ISLNK(mode):
            raise RefusedError(f"{shown} is a symbolic link" + ("" if shown == path else f", {path} is behind it"))
        if number == len(parts) and not stat.S_ISREG(mode):
            raise RefusedError(f"{path} is not an ordinary file")
    with open(full, "rb") as file:
        return File(file.read(), bool(mode & stat.S_IXUSR))


@dataclass(frozen=True)
class Outcome:
    """What running a patch over a tree gives: changes, or problems."""

    changes: dict[str, File | None]
    problems: list[str]
    drift: int
    """Lines by which the hunks stand elsewhere than the patch says, all together."""


@dataclass(frozen=True)
class Place:
    """Where a hunk fits: its line in the file, and by how many lines that is below (or above) where it says."""

    hunk: int
    line: int
    offset: int


def run(files: Iterable[FilePatch], tree: Tree) -> Outcome:
    """Apply to the tree in memory."""
    changes: dict[str, File | None] = {}
    problems: list[str] = []
    drift = 0
    for file in files:
        try:
            changes[file.path], places = run_file(file, tree.read(file.path))
            drift += sum(abs(place.offset) for place in places)
        except RefusedError as problem:
            problems.append(str(problem))
    return Outcome(changes, problems, drift)


def run_file(file: FilePatch, found: File | None) -> tuple[File | None, list[Place]]:
    """What a patch makes of one file, and where its hunks fit; a rename's new name is the caller's business.

    Raises RefusedError when it does not fit, with a sentence that names file and hunk.
    """
    if file.creates:
        if found is not None:
            raise RefusedError(f"{file.path} is to be created but stands in the tree already")
        data = b"".join(line for hunk in file.hunks for operation, line in hunk.lines if operation == "+")
        return File(data, bool(file.after_executable)), []
    if found is None:
        raise RefusedError(f"{file.path} is not in the tree")
    executable = _mode_after(file, found)
    data, places = _run_hunks(file, found.data)
    if not file.deletes:
        return File(data, executable), places
    if data:
        raise RefusedError(f"{file.path} is to be deleted but holds more than the patch says")
    return None, places


def _mode_after(file: FilePatch, found: File) -> bool:
    """Whether the file is executable with the patch."""
    if file.before_executable is None or file.after_executable is None:
        return found.executable
    if not file.hunks and found.executable != file.before_executable:
        raise RefusedError(f"{file.path} is {'' if found.executable else 'not '}executable already")
    return file.after_executable


def _run_hunks(file: FilePatch, data: bytes) -> tuple[bytes, list[Place]]:
    lines = data.splitlines(True) if b"\r" not in data else _lines(data)
    fresh = [True] * len(lines)  # lines that no hunk has matched yet; as with git, none is matched twice
    places = []
    for hunk in file.hunks:
        before = hunk.before
        # A hunk without old lines says nothing of the file's line ends.
        keep_ends = not before
        at = _find(hunk, before, lines, fresh)
        if at is None:
            plain = [_without_cr(line) for line in lines]
            at = _find(hunk, [_without_cr(line) for line in before], plain, fresh)
            keep_ends = True
        if at is None:
            raise RefusedError(_conflict(file, hunk, lines))
        result = _replaced(hunk, lines[at : at + len(before)], _end_near(lines, at) if keep_ends else None)
        places.append(Place(hunk.number, at + 1, at - _expected(hunk)))
        lines[at : at + len(before)] = result
        fresh[at : at + len(before)] = [False] * len(result)
    return b"".join(lines), places


def _expected(hunk: Hunk) -> int:
    """Index of the line where a hunk says that it begins; a hunk that leaves nothing names the line before."""
    leaves_nothing = all(operation == "-" for operation, _ in hunk.lines)
    return hunk.after_start if leaves_nothing else max(hunk.after_start - 1, 0)


def _lines(data: bytes) -> list[bytes]:
    """Lines with their ends; only a line feed ends one (splitlines would also split at a lone CR)."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _without_cr(line: bytes) -> bytes:
    return line[:-2] + b"\n" if line.endswith(b"\r\n") else line


def _find(hunk: Hunk, before: list[bytes], lines: list[bytes], fresh: list[bool]) -> int | None:
    """Index of the first line, or None."""
    for at in _candidates(hunk, len(lines), len(lines) - len(before)):
        if before and lines[at] != before[0]:
            continue  # most places; cheaper than to cut out as many lines as a large hunk has
        if lines[at : at + len(before)] == before and all(fresh[at : at + len(before)]):
            return at
    return None


def _candidates(hunk: Hunk, count: int, last: int) -> Iterable[int]:
    """Places of a hunk in a file of `count` lines, none beyond `last`, in git's order: the nearest first, below before
    above."""
    at_start, at_end = hunk.before_start <= 1, not hunk.ends_in_context
    places: Iterable[int]
    if hunk.exact:
        places = (_expected(hunk),)
    elif at_start and at_end:
        places = () if last else (0,)
    elif at_start or at_end:
        places = (0 if at_start else last,)
    else:
        start = min(max(hunk.after_start - 1, 0), count)
        places = (at for by in range(max(start, last - start) + 1) for at in (start + by, start - by))
    return (at for at in places if 0 <= at <= last)


def _end_near(lines: list[bytes], at: int) -> bytes | None:
    """The line end at a place of a file: of the line there, else of the one before; None in an empty file."""
    for line in (*lines[at : at + 1], *lines[max(at - 1, 0) : at]):
        if line.endswith(b"\n"):
            return b"\r\n" if line.endswith(b"\r\n") else b"\n"
    return None


def _replaced(hunk: Hunk, found: list[bytes], end: bytes | None) -> list[bytes]:
    """What a hunk makes of the lines that it matched; with `end` new lines end as those before them in the file."""
    result: list[bytes] = []
    position = 0
    for operation, line in hunk.lines:
        if operation == "+":
            if end and line.endswith(b"\n"):
                line = _without_cr(line)[:-1] + end
            result.append(line)
        else:
            if operation == " ":
                result.append(found[position])
            if end and found[position].endswith(b"\n"):
                end = b"\r\n" if found[position].endswith(b"\r\n") else b"\n"
            position += 1
    return result


_SUBJECT = re.compile(r"(?:^|: )([^:;]+?)(?:, hunk [0-9]+: | is (?:not |a |to be |executable ))")
"""How what is refused begins, in this module and forced.py."""


def file_of(problem: str) -> str:
    """The file that a problem is about, as its sentence names it; empty when it names none."""
    found = _SUBJECT.search(problem)
    return found.group(1) if found else ""


def _conflict(file: FilePatch, hunk: Hunk, lines: list[bytes]) -> str:
    """One sentence: where, what the patch expects there, and what stands there instead."""
    before = [_without_cr(line) for line in hunk.before]
    there = [_without_cr(line) for line in lines]
    expected = _expected(hunk)

    at, alike = _most_alike(before, there, expected)
    where = f"{file.path}, hunk {hunk.number}"
    if hunk.exact:
        return f"{where}: does not fit at line {expected + 1}, and has no lines around it by which it could be found"
    if not alike:
        telling = max(before, key=lambda line: len(line.strip()), default=b"")
        return f"{where}: looked for {quoted(telling)} around line {expected + 1}; nothing like it stands in the file"
    different = _first_difference(before, there, at)
    if different:
        return f"{where}: expected {different}"
    if hunk.before_start <= 1 and at:
        return f"{where}: expected {quoted(before[0])} as the first line, found it at line {at + 1}"
    end = at + len(before)
    if end < len(there):
        return f"{where}: expected the file to end after line {end}, found {quoted(there[end])}"
    return f"{where}: the only place that fits, line {at + 1}, was changed by an earlier hunk"


def _first_difference(before: list[bytes], there: list[bytes], at: int) -> str:
    """The first expected line that does not stand where the hunk would fit best, and what does; empty: all stand."""
    for number, line in enumerate(before, at):
        if number >= len(there):
            return f"{quoted(line)} at line {number + 1}, but the file ends there"
        found = there[number]
        if found != line and found.split() == line.split():
            what = "other blanks" if found.rstrip(b"\n") != line.rstrip(b"\n") else "another end"
            return f"{quoted(line)} at line {number + 1}, found it with {what}"
        if found != line:
            return f"{quoted(line)} at line {number + 1}, found {quoted(found)}"
    return ""


def _most_alike(before: list[bytes], there: list[bytes], expected: int) -> tuple[int, int]:
    """Index of the place that has most of the hunk's old lines, the nearest of several, and how much it has of them.

    Work is bounded by _MOST_PAIRS: where lines are too many times in file and hunk, such as empty ones, the places are
    found by the rarer lines, or around the expected one.
    """
    in_hunk = _indices(before)
    in_file = _indices(there, in_hunk)
    pairs = {line: len(in_hunk[line]) * len(numbers) for line, numbers in in_file.items()}
    scores: dict[int, int] = {}
    left = _MOST_PAIRS
    for line in sorted(pairs, key=lambda line: pairs[line]):
        left -= pairs[line]
        if left < 0:
            break
        for number in in_hunk[line]:
            for index in in_file[line]:
                scores[index - number] = scores.get(index - number, 0) + _weight(line)

    def best(at: int) -> tuple[int, int, int]:
        return scores[at], -abs(at - expected), -at

    if left < 0:
        some = max(_MOST_PAIRS // len(before) // 4, 1)
        candidates = {*heapq.nlargest(some, scores, key=best), *range(expected - some, expected + some + 1)}
        scores = {at: _likeness(before, there, at) for at in candidates}
    scores = {at: score for at, score in scores.items() if 0 <= at < len(there)}
    if not scores:
        return 0, 0
    at = max(scores, key=best)
    return at, scores[at]


def _indices(lines: list[bytes], wanted: Container[bytes] | None = None) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for index, line in enumerate(lines):
        if wanted is None or line in wanted:
            found.setdefault(line, []).append(index)
    return found


def _likeness(before: list[bytes], there: list[bytes], at: int) -> int:
    return sum(
        _weight(line) for line, other in zip(before, there[max(at, 0) : max(at, 0) + len(before)]) if line == other
    )


def _weight(line: bytes) -> int:
    """A blank line or a lone bracket says little about the place."""
    return 4 if len(line.strip()) > 2 else 1


def quoted(line: bytes) -> str:
    text = line.rstrip(b"\n").decode("utf-8", "replace").strip()
    if not text:
        return "an empty line"
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[: _SHOWN - 3]}...`"
