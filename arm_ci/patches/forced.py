"""Judge and apply a patch that a person gives with a build: the whole of it or nothing, at a strip level.

Diffs are read by diffs.py, matched by matching.py, written by transaction.py. It judges no patch set: conditions and
upstream's own fixes are engine.py's. It is shipped to workers: standard library only, Python >= 3.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .diffs import BundleError, FilePatch, reversed_file
from .matching import Place, RefusedError, Tree, run_file
from .parsing import parse_patch
from .paths import shown
from .transaction import opened, write

SCHEMA = 1
MOST_BYTES = 2 * 1024 * 1024
"""Longest patch. The master reads it while it serves nobody else, about a second for so much, and keeps it in its
database and in a log. What is larger is a branch of its own."""
_STRIP_LEVELS = range(6)
_SHOWN_FILES = 3


class ForcedPatchError(Exception):
    """The patch cannot be applied: `problems` are sentences, the most telling one first."""

    def __init__(self, problems: Sequence[str], already: bool = False) -> None:
        self.problems = tuple(shown(problem) for problem in problems)
        super().__init__(self.problems[0])
        self.already = already
        """The whole of it stands in the tree already."""

    def __str__(self) -> str:
        more = len(self.problems) - 1
        return self.problems[0] + (f"; and {more} more" if more else "")


@dataclass(frozen=True)
class AppliedFile:
    """What was done to one file."""

    path: str
    what: str
    """`changed`, `created`, `deleted` or `renamed from OLD`."""
    hunks: int
    places: tuple[Place, ...]
    """Where hunks fitted that are not where the patch says."""

    def __str__(self) -> str:
        parts = [self.what] if self.what != "changed" or not self.hunks else []
        if self.hunks and self.what != "created":
            parts.append(_count(self.hunks, "hunk"))
        parts += [f"hunk {place.hunk} {_moved(place)}" for place in self.places]
        return shown(f"{self.path}: {', '.join(parts)}")


def parse(text: bytes, strip: int) -> tuple[FilePatch, ...]:
    """The files of a patch. Raises ForcedPatchError when it can be told without a tree that it cannot be applied."""
    if len(text) > MOST_BYTES:
        size, most = (f"{number / 1024**2:.1f}" for number in (len(text), MOST_BYTES))
        raise ForcedPatchError([f"the patch has {size} MB, more than {most}: push it as a branch and build that"])
    try:
        return parse_patch(normalised(text), strip)
    except BundleError as error:
        raise ForcedPatchError([str(error)]) from None


def normalised(text: bytes) -> bytes:
    """The text without a byte order mark, with Unix line ends where all were those of Windows, and with a last one."""
    text = text[3:] if text.startswith(b"\xef\xbb\xbf") else text
    if b"\r\n" in text and text.count(b"\r\n") == text.count(b"\n"):
        text = text.replace(b"\r\n", b"\n")
    return text if not text or text.endswith(b"\n") else text + b"\n"


def parse_strip(text: str) -> int:
    """A strip level as people type it. Raises ValueError with the sentence for them."""
    if not text.strip().isdecimal() or len(text.strip()) > 2:
        raise ValueError(
            f"`{text}` is not a strip level: how many leading parts of each path to leave out, 0, 1, 2, ..."
        )
    return int(text)


def apply(text: bytes, strip: int, source: str) -> tuple[AppliedFile, ...]:
    """Apply a patch to a source tree: all files change or none, also when the process dies on the way.

    Raises ForcedPatchError, and transaction.SourceError when the tree cannot be read or written.
    """
    files = parse(text, strip)
    with opened(source):
        tree = Tree(source)
        applied, problems = _run(files, tree)
        if not problems:
            write(source, tree.changes)
            return applied
        if not _run([reversed_file(file) for file in reversed(files)], Tree(source))[1]:
            raise ForcedPatchError(["the whole patch stands in this revision already"], already=True)
        fitting = _fitting_strip(text, strip, source)
        raise ForcedPatchError([f"{problems[0]}; {fitting}", *problems[1:]] if fitting else problems)


def sentence(applied: Sequence[AppliedFile]) -> str:
    """`3 files, 5 hunks, 1 of them not where the patch says`."""
    hunks = sum(file.hunks for file in applied)
    moved = sum(len(file.places) for file in applied)
    parts = [_count(len({file.path for file in applied}), "file")]
    parts += [_count(hunks, "hunk")] if hunks else []
    parts += [f"{moved} of them not where the patch says"] if moved else []
    return ", ".join(parts)


def _run(files: Sequence[FilePatch], tree: Tree) -> tuple[tuple[AppliedFile, ...], list[str]]:
    """Apply to the tree in memory, one diff after the other."""
    applied: list[AppliedFile] = []
    problems: list[str] = []
    for file in files:
        try:
            applied.append(_run_one(file, tree))
        except RefusedError as problem:
            problems.append(_because(file, tree, str(problem)))
    return tuple(applied), problems


def _run_one(file: FilePatch, tree: Tree) -> AppliedFile:
    before = file.renames or file.path
    found = tree.read(before)
    if file.renames and tree.read(file.path) is not None:
        raise RefusedError(f"{file.renames} is to be renamed to {file.path}, which stands in the tree already")
    if _creates_as_diff(file) and (found is None or found.data):
        file = replace(file, creates=True)
    result, places = run_file(replace(file, path=before), found)
    if file.renames:
        tree.change(file.renames, None)
    tree.change(file.path, result)
    moved = tuple(place for place in places if place.offset)
    return AppliedFile(file.path, _what_is_done(file), len(file.hunks), moved)


def _what_is_done(file: FilePatch) -> str:
    if file.renames:
        return f"renamed from {file.renames}"
    if file.creates or file.deletes:
        return "created" if file.creates else "deleted"
    return "changed"


def _creates_as_diff(file: FilePatch) -> bool:
    """Whether a file is to be created as diff(1) writes it: named on both sides, without old lines."""
    return len(file.hunks) == 1 and not file.hunks[0].before and file.hunks[0].before_start == 0 and not file.renames


def _because(file: FilePatch, tree: Tree, problem: str) -> str:
    """Says it when a file does not fit because it has its change already."""
    try:
        _run_one(reversed_file(file), tree.changed({}))
    except RefusedError:
        return problem
    return f"{problem} (the change of {file.path} stands in this revision already)"


def _fitting_strip(text: bytes, strip: int, source: str) -> str:
    """With which other strip level every file that is to be changed is in the tree; empty: with none, or with this."""
    for other in (strip, *_STRIP_LEVELS):
        try:
            wanted = [file.renames or file.path for file in parse(text, other) if not file.creates]
            there = bool(wanted) and all(Tree(source).read(path) is not None for path in wanted)
        except (ForcedPatchError, RefusedError):
            continue
        if there:
            unique = list(dict.fromkeys(wanted))
            more = f" and {len(unique) - _SHOWN_FILES} more" if len(unique) > _SHOWN_FILES else ""
            shown = f"{', '.join(unique[:_SHOWN_FILES])}{more}"
            exist = "the file exists" if len(unique) == 1 else "the files exist"
            return "" if other == strip else f"with strip level {other} {exist}: {shown}"
    return ""


def _moved(place: Place) -> str:
    where = "below" if place.offset > 0 else "above"
    return f"at line {place.line}, {_count(abs(place.offset), 'line')} {where} where the patch says"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def document(applied: Sequence[AppliedFile], problems: Sequence[str], summary: str) -> dict[str, Any]:
    """The JSON that is printed; `sentence` is what was applied, or why not."""
    return {
        "schema": SCHEMA,
        "files": [str(file) for file in applied],
        "problems": list(problems),
        "sentence": summary,
    }
