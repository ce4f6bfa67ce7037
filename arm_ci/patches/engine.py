"""Judge and apply a patch set on a source tree: parse, match, transact. One file that runs anywhere by itself.

It is shipped to workers that have nothing but Python (>= 3.7): no git, no patch(1), nothing else of arm_ci. It does
not read series.yaml (series.py makes the JSON bundle that this reads) and knows nothing of boards or variants. A
patch that a person forces goes through it too, by forced.py.

    python3 engine.py check|apply --source DIR --bundle bundle.json [--architecture arm64 ...]

prints JSON on stdout. Exit status: 0 done, 1 a patch conflicts, 2 usage or bundle error, 3 the tree cannot be read
or written. Hunks match as with `git apply`: exactly, at any offset, without fuzz; only line ends may differ.
"""

# The transaction is written in system calls, and pathlib hides which those are; zip's strict is newer than 3.7:
# ruff: noqa: PTH102, PTH103, PTH104, PTH106, PTH108, PTH112, PTH114, PTH116, PTH117, PTH118, PTH120, PTH123, PTH208
# ruff: noqa: B905

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

try:
    import fcntl
except ImportError:  # not a POSIX system: two engines on one tree are then up to the caller
    fcntl = None  # type: ignore[assignment]

SCHEMA = 1
APPLIES = "applies"
ALREADY_UPSTREAM = "already upstream"
NOT_NEEDED = "not needed"
CONFLICTS = "conflicts"
STATES = (APPLIES, ALREADY_UPSTREAM, NOT_NEEDED, CONFLICTS)

JOURNAL_DIRECTORY = ".arm_ci-patches"
"""Directory in the source tree that holds an apply on its way; it is gone before and after."""
JOURNAL = "journal.json"
"""The commit record in it: once this stands the apply is finished by whoever comes next, before it is undone."""

_CONTEXT = 3
"""Lines of context that diff programs give a hunk unless asked for another number."""
_SHOWN = 60
"""Longest piece of a source line in a reason, in characters."""


class BundleError(Exception):
    """The bundle or a patch in it is malformed; the message says where and what was expected."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line
        """Line of the patch, from 1; 0: not about a line."""


class SourceError(Exception):
    """The source tree cannot be read or written, or an interrupted apply in it cannot be resolved."""


@dataclass(frozen=True)
class Context:
    """What the tree will be built for. An axis that is None is not asked: conditions on it count as met."""

    version: str | None = None
    """Upstream version; None: read from the tree as the bundle says."""
    architecture: str | None = None
    compiler: str | None = None
    """Family: gcc or clang."""
    compiler_version: str | None = None
    generator: str | None = None
    os: str | None = None
    """Distribution and version, for example debian-12."""


@dataclass(frozen=True)
class PatchState:
    """The state of one patch (one of STATES) on one tree, and why, in a sentence."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class Hunk:
    """One hunk: `lines` are (operation, line with its line end), operation one of ` `, `-`, `+`."""

    number: int
    before_start: int
    after_start: int
    lines: tuple[tuple[str, bytes], ...]
    exact: bool = False
    """It has no context to be found by, and fits where it says or nowhere."""

    @property
    def before(self) -> list[bytes]:
        """The lines that the hunk expects."""
        return [line for operation, line in self.lines if operation != "+"]

    @property
    def ends_in_context(self) -> bool:
        """Whether lines follow the change; without, the change is at the end of the file (as git reads it)."""
        return self.lines[-1][0] == " "


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file. A mode is True (executable), False, or None: stays as it is."""

    path: str
    creates: bool
    deletes: bool
    before_executable: bool | None
    after_executable: bool | None
    hunks: tuple[Hunk, ...]
    renames: str = ""
    """The path that it has before a rename; empty: none."""


@dataclass(frozen=True)
class Conditions:
    """For what a patch is needed; an empty condition always holds."""

    versions: str = ""
    architectures: tuple[str, ...] = ()
    compilers: tuple[tuple[str, str], ...] = ()
    generators: tuple[str, ...] = ()
    os: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marker:
    """Upstream has its own fix when `pattern` (multi-line regular expression) is found in `file`."""

    file: str
    pattern: str


@dataclass(frozen=True)
class Patch:
    """One patch of a series."""

    name: str
    title: str
    needed_for: Conditions
    upstream: tuple[Marker, ...]
    files: tuple[FilePatch, ...]


@dataclass(frozen=True)
class Series:
    """A patch set: patches in the order in which they are applied."""

    project: str
    version: Marker | None
    """File and pattern (one group) that tell the upstream version."""
    patches: tuple[Patch, ...]


# --- unified diffs -----------------------------------------------------------------------------------------------

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_GIT_HEADERS = (b"index ", b"similarity index ", b"dissimilarity index ")
_BINARY = re.compile(rb"GIT binary patch|Binary files .* differ\r?$")
_INDEX_MODE = re.compile(rb"index [0-9a-f]+\.\.[0-9a-f]+ ([0-7]+)$")


def parse_patch(text: bytes, strip: int | None = None) -> tuple[FilePatch, ...]:
    """The files that a unified diff changes; text around the diffs is skipped.

    `strip` is how many leading parts every path loses, None: git's own format is expected. With a number the patch
    is a person's: it may rename files, and change one file in several diffs, one after the other.
    Raises BundleError (`line N: ...`) for malformed hunks, renames (without `strip`), copies, binary patches,
    symbolic links, submodules, and paths that lead out of the tree.
    """
    if text.count(b"\r\n") == text.count(b"\n"):
        text = text.replace(b"\r\n", b"\n")  # the patch file as a whole came with DOS line ends
    files = _Parser(text, strip).files()
    if not files:
        raise BundleError("no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`")
    if strip is not None:
        return tuple(files)
    seen = set()
    for file in files:
        if file.path in seen:
            raise BundleError(f"two diffs for {file.path}: join them")
        seen.add(file.path)
    return tuple(files)


@dataclass
class _GitHeader:
    """What git's lines above `---` tell."""

    creates: bool = False
    deletes: bool = False
    old_mode: bool | None = None
    new_mode: bool | None = None
    before: str = ""
    after: str = ""


class _Parser:
    def __init__(self, text: bytes, strip: int | None) -> None:
        self.lines = text.split(b"\n")
        if self.lines[-1] == b"":
            self.lines.pop()
        self.at = 0
        self.strip = strip

    def files(self) -> list[FilePatch]:
        found = []
        while self.at < len(self.lines):
            if self.current().startswith(b"diff --git "):
                found.append(self.file(self.at, self.git_names()))
            elif self.at_names():
                found.append(self.file(self.at, None))
            elif _HUNK.match(self.current()):
                raise self.error("a hunk without the lines `--- a/FILE` and `+++ b/FILE` before it")
            elif self.strip is not None and _BINARY.match(self.current()):
                raise self.error("binary patches are not supported")  # diff(1) has no line of its own above it
            else:
                self.at += 1
        return found

    def current(self) -> bytes:
        return self.lines[self.at] if self.at < len(self.lines) else b""

    def header(self) -> bytes:
        """The current line without the CR that mail and editors leave there."""
        return self.current().rstrip(b"\r")

    def error(self, message: str) -> BundleError:
        return BundleError(message, min(self.at + 1, len(self.lines)))

    def at_names(self) -> bool:
        following = self.lines[self.at + 1] if self.at + 1 < len(self.lines) else b""
        return self.current().startswith(b"--- ") and following.startswith(b"+++ ")

    def git_names(self) -> tuple[bytes, bytes] | None:
        """Both names of `diff --git a/PATH b/PATH`; None when only the lines below can tell them."""
        names = self.header()[len(b"diff --git ") :]
        self.at += 1
        first, second = names[: len(names) // 2], names[len(names) // 2 + 1 :]
        without = [name.split(b"/", 1)[-1] for name in (first, second)]
        if names[:1] == b'"' or without[0] != without[1] or (self.strip is None and first[:2] != b"a/"):
            return None
        return first, second

    def file(self, start: int, names: tuple[bytes, bytes] | None) -> FilePatch:
        git = _GitHeader()
        self.git_header(git, names)
        before = after = None
        if self.at_names():
            names = None
            before, after = self.name(b"a/"), self.name(b"b/")
            git.creates, git.deletes = git.creates or before is None, git.deletes or after is None
        elif git.before and git.after:
            before, after = git.before, git.after
        elif names:
            before, after = self.stripped(names[0], b"a/"), self.stripped(names[1], b"b/")
        following, self.at = self.at, start  # where a problem with the names is
        path, renames = self.path(before, after, git)
        for each in (path, renames):
            problem = outside(each) if each else None
            if problem:
                raise self.error(problem)
        self.at = following
        hunks: list[Hunk] = []
        while _HUNK.match(self.current()):
            hunks.append(self.hunk(len(hunks) + 1))
        if self.current().startswith(b"@@"):
            raise self.error("expected `@@ -LINE,COUNT +LINE,COUNT @@`")
        return FilePatch(path, git.creates, git.deletes, git.old_mode, git.new_mode, tuple(hunks), renames)

    def path(self, before: str | None, after: str | None, git: _GitHeader) -> tuple[str, str]:
        """The path that a diff is about, and the one that it is renamed from, or an empty text."""
        path = after or before
        if path is None:
            raise self.error("cannot tell which file is meant: expected lines `--- a/FILE` and `+++ b/FILE`")
        if not before or not after or before == after:
            return path, ""
        if git.before:
            return after, before
        if self.strip is None:
            raise self.error(f"renames {before} to {after}: write it as one deleted and one new file")
        for strip in range(1, max(before.count("/"), after.count("/")) + 1):
            same = before.split("/", strip)[-1]
            if same == after.split("/", strip)[-1]:
                better = self.strip + strip
                raise self.error(
                    f"with strip level {self.strip} its two names are {before} and {after}; "
                    f"with {better} both are {same}"
                )
        # diff(1) on a file and its copy: the copy's name is the file's with something at its end.
        return (before if after.startswith(before) else after), ""

    def git_header(self, git: _GitHeader, names: tuple[bytes, bytes] | None) -> None:
        """Read git's lines above `---`."""
        while self.at < len(self.lines):
            line = self.header()
            kind, _, mode = line.rpartition(b" ")
            if kind in (b"old mode", b"deleted file mode"):
                git.old_mode = self.executable(mode, names)
                git.deletes = git.deletes or kind.startswith(b"deleted")
            elif kind in (b"new mode", b"new file mode"):
                git.new_mode = self.executable(mode, names)
                git.creates = git.creates or kind == b"new file mode"
            elif line.startswith((b"rename ", b"copy ")) and (self.strip is None or line.startswith(b"copy ")):
                raise self.error("renames and copies are not supported: write it as one deleted and one new file")
            elif line.startswith(b"rename from "):
                git.before = self.renamed(line[len(b"rename from ") :])
            elif line.startswith(b"rename to "):
                git.after = self.renamed(line[len(b"rename to ") :])
            elif _BINARY.match(line):
                raise self.error("binary patches are not supported")
            elif not line.startswith(_GIT_HEADERS):
                break
            elif _INDEX_MODE.match(line):
                self.executable(mode, names)
            self.at += 1

    def executable(self, mode: bytes, names: tuple[bytes, bytes] | None) -> bool:
        if mode == b"120000" and self.strip is not None and names:
            raise self.error(self.link(text_of(names[1].split(b"/", self.strip)[-1])))
        if mode not in (b"100644", b"100755"):
            raise self.error(f"mode {text_of(mode)}: only ordinary files (100644, 100755) can be patched")
        return mode == b"100755"

    def link(self, path: str) -> str:
        """Why the symbolic link of a patch is refused: above all when it leads out of the tree."""
        for line in self.lines[self.at + 1 :]:
            if line.startswith(b"diff --git "):
                break
            if line.startswith(b"+") and not line.startswith(b"+++ "):
                target = text_of(line[1:].rstrip(b"\r"))
                leads = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if os.path.isabs(target) or leads.split("/")[0] == "..":
                    return f"{path} would be a symbolic link to {target}, out of the source tree"
                break
        return f"{path} is a symbolic link: only ordinary files can be patched"

    def name(self, prefix: bytes) -> str | None:
        """The path of a `---` or `+++` line; None for /dev/null."""
        name = _unquoted(self.current()[4:].split(b"\t")[0].rstrip(b"\r"))
        if name == b"/dev/null":
            self.at += 1
            return None
        path = self.stripped(name, prefix)
        self.at += 1
        return path

    def renamed(self, name: bytes) -> str:
        """A path of git's rename lines, which carry no `a/` and `b/`."""
        return text_of(_unquoted(name).split(b"/", max((self.strip or 0) - 1, 0))[-1])

    def stripped(self, name: bytes, prefix: bytes) -> str:
        """A name without what `strip` takes from it."""
        if self.strip is None:
            if not name.startswith(prefix):
                raise self.error(f"{text_of(name)}: expected a path that starts with {text_of(prefix)} (git's format)")
            return text_of(name[len(prefix) :])
        parts = name.split(b"/", self.strip)
        if len(parts) <= self.strip or not parts[-1]:
            raise self.error(f"strip level {self.strip} leaves nothing of {text_of(name)}")
        if self.strip and (name.startswith(b"/") or b".." in parts[:-1]):
            raise self.error(outside(text_of(name)) or "")
        return text_of(parts[-1])

    def hunk(self, number: int) -> Hunk:
        match = _HUNK.match(self.current())
        assert match
        start, wanted_before, after_start, wanted_after = (
            1 if group is None else int(group) for group in match.groups()
        )
        self.at += 1
        lines: list[tuple[str, bytes]] = []
        while wanted_before > 0 or wanted_after > 0:
            if self.at == len(self.lines) and self.strip is not None and wanted_before == wanted_after <= _CONTEXT:
                self.lines.append(b"")  # the selection of a terminal ends before empty lines
            if self.at == len(self.lines):
                raise self.error(f"hunk {number} ends too early: {wanted_before} old and {wanted_after} new lines lack")
            line = self.current()
            if line in (b"", b"\r"):  # mail programs strip the blank of an empty context line
                line = b" " + line
            operation = text_of(line[:1])
            if operation not in " +-":
                raise self.error(f"hunk {number}: expected a line that starts with a blank, + or -")
            wanted_before -= operation != "+"
            wanted_after -= operation != "-"
            lines.append((operation, line[1:] + b"\n"))
            self.at += 1
            if self.current().startswith(b"\\ "):
                lines[-1] = (operation, line[1:])
                self.at += 1
        if wanted_before or wanted_after:
            raise self.error(f"hunk {number} has more lines than its @@ line says")
        if all(operation == " " for operation, _ in lines):
            raise self.error(f"hunk {number} changes nothing")
        exact = self.strip is not None and all(operation != " " for operation, _ in lines)
        return Hunk(number, start, after_start, tuple(lines), exact)


def _unquoted(name: bytes) -> bytes:
    """A name as git writes it when it has unusual characters, in quotes, or any other."""
    if name[:1] != b'"':
        return name
    return re.sub(
        rb"\\([0-7]{3}|.)",
        lambda m: bytes([int(m[1], 8) & 0xFF]) if len(m[1]) == 3 else _ESCAPES.get(m[1], m[1]),
        name[1:-1],
    )


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def outside(path: str) -> str | None:
    """Why a path must not be touched whatever the tree holds, or None."""
    parts = path.split("/")
    if os.path.isabs(path) or "\0" in path or "\\" in path:
        return f"{path}: expected a path inside the source tree"
    if any(part in ("", ".", "..") for part in parts):
        return f"{path}: expected a path inside the source tree, without `.` and `..`"
    if parts[0].lower() == JOURNAL_DIRECTORY or ".git" in (part.lower() for part in parts):
        return f"{path}: not a source file"
    return None


# --- bundles -----------------------------------------------------------------------------------------------------


def load_bundle(bundle: Mapping[str, Any]) -> Series:
    """The series of a bundle, as series.py makes them (`{"schema": 1, "project", "version", "patches"}`).

    Raises BundleError with the patch's name.
    """
    if not isinstance(bundle, dict) or bundle.get("schema") != SCHEMA:
        raise BundleError(f"expected a bundle with `schema` {SCHEMA}")
    patches = []
    for number, raw in enumerate(_get(bundle, "patches", list, "the bundle"), 1):
        where = f"patch {number}"
        if not isinstance(raw, dict):
            raise BundleError(f"{where}: expected an object")
        name = _get(raw, "name", str, where)
        try:
            files = parse_patch(_get(raw, "text", str, where).encode("utf-8", "surrogateescape"))
            patches.append(Patch(name, raw.get("title", ""), _conditions(raw), _markers(raw), files))
        except BundleError as error:
            raise BundleError(f"{name}: {error}") from None
    version = bundle.get("version")
    return Series(
        project=_get(bundle, "project", str, "the bundle"),
        version=None if version is None else _marker(version, "version"),
        patches=tuple(patches),
    )


def _get(raw: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if not isinstance(raw.get(key), kind):
        raise BundleError(f"{where}: `{key}`: expected {'text' if kind is str else 'a ' + kind.__name__}")
    return raw[key]


def _conditions(raw: Mapping[str, Any]) -> Conditions:
    given = raw.get("needed_for", {})
    if not isinstance(given, dict):
        raise BundleError("`needed_for`: expected an object")
    unknown = sorted(set(given) - {"versions", "architectures", "compilers", "generators", "os"})
    if unknown:
        raise BundleError(f"`needed_for`: unknown condition `{unknown[0]}`")
    lists = {}
    for key in ("architectures", "generators", "os"):
        values = given.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise BundleError(f"`needed_for.{key}`: expected a list of names")
        lists[key] = tuple(values)
    compilers = given.get("compilers", {})
    if not isinstance(compilers, dict):
        raise BundleError("`needed_for.compilers`: expected an object of family and version range")
    for expression in [given.get("versions", ""), *compilers.values()]:
        if not isinstance(expression, str):
            raise BundleError("`needed_for`: expected a version range as text")
        parse_range(expression)
    return Conditions(versions=given.get("versions", ""), compilers=tuple(compilers.items()), **lists)


def _markers(raw: Mapping[str, Any]) -> tuple[Marker, ...]:
    given = raw.get("upstream", [])
    if not isinstance(given, list):
        raise BundleError("`upstream`: expected a list of file and pattern")
    return tuple(_marker(marker, "upstream") for marker in given)


def _marker(raw: Any, where: str) -> Marker:
    if not isinstance(raw, dict):
        raise BundleError(f"`{where}`: expected file and pattern")
    marker = Marker(_get(raw, "file", str, f"`{where}`"), _get(raw, "pattern", str, f"`{where}`"))
    problem = outside(marker.file)
    if problem:
        raise BundleError(f"`{where}`: {problem}")
    try:
        re.compile(marker.pattern)
    except re.error as error:
        raise BundleError(f"`{where}`: `{marker.pattern}` is not a regular expression: {error}") from None
    return marker


# --- versions ----------------------------------------------------------------------------------------------------

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def parse_range(expression: str) -> list[tuple[str, tuple[int, ...]]]:
    """The comparisons of a version range such as `>=1.0.0, <1.5.0`; empty text has none. Raises BundleError."""
    found = []
    for part in expression.split(","):
        match = re.match(r"\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)\s*$", part)
        if match:
            found.append((match[1], _numbers(match[2])))
        elif expression.strip():
            raise BundleError(f"`{expression}` is not a version range: expected for example `>=1.0.0, <1.5.0`")
    return found


def in_range(version: str, expression: str) -> bool:
    """Whether a version meets every comparison of a range. Only leading numbers count: 1.2.0-rc1 is 1.2.0."""
    return all(_COMPARISONS[sign](_numbers(version), limit) for sign, limit in parse_range(expression))


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:  # 1.2 and 1.2.0 are the same
        numbers.pop()
    return tuple(numbers)


# --- the tree ----------------------------------------------------------------------------------------------------


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
        return _read(self.source, path)

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


def _read(source: str, path: str) -> File | None:
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


def read_version(source: str, version: Marker | None) -> str | None:
    """The upstream version that stands in the tree, or None. Raises SourceError."""
    try:
        found = _search(Tree(source), version) if version else None
    except OSError as error:
        raise SourceError(f"{os.fsdecode(error.filename or source)}: {error.strerror}") from error
    return found[1].group(1).strip() if found and found[1].re.groups else None


def _search(tree: Tree, marker: Marker) -> tuple[int, Any] | None:
    """Line number and match of a marker, or None."""
    try:
        file = tree.read(marker.file)
    except RefusedError:
        return None
    if file is None:
        return None
    text = text_of(file.data)
    match = re.search(marker.pattern, text, re.MULTILINE)
    return (text.count("\n", 0, match.start()) + 1, match) if match else None


# --- matching ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcome:
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


def reversed_file(file: FilePatch) -> FilePatch:
    """The patch that takes one back."""
    swap = {" ": " ", "-": "+", "+": "-"}
    hunks = tuple(
        replace(
            hunk,
            before_start=hunk.after_start,
            after_start=hunk.before_start,
            lines=tuple((swap[operation], line) for operation, line in hunk.lines),
        )
        for hunk in file.hunks
    )
    modes = file.after_executable, file.before_executable
    if file.renames:
        return FilePatch(file.renames, False, False, *modes, hunks, file.path)
    return FilePatch(file.path, file.deletes, file.creates, *modes, hunks)


def _run(files: Iterable[FilePatch], tree: Tree) -> _Outcome:
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
    return _Outcome(changes, problems, drift)


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
    changes_mode = file.before_executable is not None and file.after_executable is not None
    if changes_mode and not file.hunks and found.executable != file.before_executable:
        raise RefusedError(f"{file.path} is {'' if found.executable else 'not '}executable already")
    data, places = _run_hunks(file, found.data)
    if file.deletes:
        if data:
            raise RefusedError(f"{file.path} is to be deleted but holds more than the patch says")
        return None, places
    return File(data, bool(file.after_executable) if changes_mode else found.executable), places


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
    """Index of the first line, or None. The order of the search is git's: the nearest place, below before above."""
    last = len(lines) - len(before)
    at_start, at_end = hunk.before_start <= 1, not hunk.ends_in_context
    if hunk.exact:
        place = _expected(hunk)
        candidates: Iterable[int] = [place] if place <= last else []
    elif at_start or at_end:
        place = 0 if at_start else last
        candidates = [place] if 0 <= place <= last and not (at_start and at_end and last) else []
    else:
        start = min(max(hunk.after_start - 1, 0), len(lines))
        distances = range(max(start, last - start) + 1)
        candidates = (at for by in distances for at in (start + by, start - by) if 0 <= at <= last)
    for at in candidates:
        if lines[at : at + len(before)] == before and all(fresh[at : at + len(before)]):
            return at
    return None


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


def _conflict(file: FilePatch, hunk: Hunk, lines: list[bytes]) -> str:
    """One sentence: where, what the patch expects there, and what stands there instead."""
    before = [_without_cr(line) for line in hunk.before]
    there = [_without_cr(line) for line in lines]
    expected = _expected(hunk)

    def likeness(at: int) -> tuple[int, int]:
        # A blank line or a lone bracket says little about the place.
        same = sum(
            4 if len(line.strip()) > 2 else 1
            for line, other in zip(before, there[max(at, 0) : at + len(before)])
            if line == other
        )
        return same, -abs(at - expected)

    at = max(range(max(len(there), 1)), key=likeness)
    where = f"{file.path}, hunk {hunk.number}"
    if hunk.exact:
        return f"{where}: does not fit at line {expected + 1}, and has no lines around it by which it could be found"
    if not likeness(at)[0]:
        telling = max(before, key=lambda line: len(line.strip()), default=b"")
        return f"{where}: looked for {_quoted(telling)} around line {expected + 1}; nothing like it stands in the file"
    for number, line in enumerate(before, at):
        if number >= len(there):
            return f"{where}: expected {_quoted(line)} at line {number + 1}, but the file ends there"
        if there[number] != line:
            return f"{where}: expected {_quoted(line)} at line {number + 1}, found {_quoted(there[number])}"
    if hunk.before_start <= 1 and at:
        return f"{where}: expected {_quoted(before[0])} as the first line, found it at line {at + 1}"
    end = at + len(before)
    if end < len(there):
        return f"{where}: expected the file to end after line {end}, found {_quoted(there[end])}"
    return f"{where}: the only place that fits, line {at + 1}, was changed by an earlier hunk"


def _quoted(line: bytes) -> str:
    text = line.rstrip(b"\n").decode("utf-8", "replace").strip()
    if not text:
        return "an empty line"
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[: _SHOWN - 3]}...`"


# --- judging -----------------------------------------------------------------------------------------------------


def check(series: Series, source: str, context: Context) -> tuple[PatchState, ...]:
    """The state of every patch, each on top of those before it. An interrupted apply is finished or undone first.

    Raises SourceError.
    """
    with opened(source):
        return _judge(series, Tree(source), context)[0]


def apply(series: Series, source: str, context: Context) -> tuple[PatchState, ...]:
    """Apply every patch whose state is `applies`; the states are those before. Any conflict: nothing is changed.

    All files change or none, also when the process or the machine dies on the way. Raises SourceError.
    """
    with opened(source):
        states, tree = _judge(series, Tree(source), context)
        if tree.changes and not any(state.state == CONFLICTS for state in states):
            write(source, tree.changes)
        return states


def applied(states: Sequence[PatchState]) -> list[str]:
    """The patches that `apply` has applied when it returned these states."""
    if any(state.state == CONFLICTS for state in states):
        return []
    return [state.name for state in states if state.state == APPLIES]


def _judge(series: Series, tree: Tree, context: Context) -> tuple[tuple[PatchState, ...], Tree]:
    """States, and the tree as it would be."""
    if context.version is None:
        context = replace(context, version=read_version(tree.source, series.version))
    states, result = _judge_once(series.patches, tree, context)
    if result.changes:
        # The same patch again must find its own lines: otherwise a second apply would change the tree once more.
        again, _ = _judge_once(series.patches, result, context)
        states = tuple(_unless_lost(state, second) for state, second in zip(states, again))
    return states, result


def _unless_lost(state: PatchState, again: PatchState) -> PatchState:
    """The state of a patch, given its state on the result of the series: it must be recognised there."""
    if state.state == APPLIES and again.state == APPLIES:
        return PatchState(state.name, CONFLICTS, "would apply again to the result of the series")
    if state.state == APPLIES and again.state == CONFLICTS:
        return PatchState(state.name, CONFLICTS, f"would not be recognised in the result of the series: {again.reason}")
    return state


def _judge_once(patches: Sequence[Patch], base: Tree, context: Context) -> tuple[tuple[PatchState, ...], Tree]:
    states = []
    tree = base
    for number, patch in enumerate(patches):
        upstream = _upstream(patch, base)
        unmet = None if upstream else _unmet(patch.needed_for, context)
        if upstream:
            states.append(PatchState(patch.name, ALREADY_UPSTREAM, upstream))
        elif unmet:
            states.append(PatchState(patch.name, NOT_NEEDED, unmet))
        else:
            state, tree = _judge_hunks(patch, patches[number + 1 :], tree, context)
            states.append(state)
    return tuple(states), tree


def _upstream(patch: Patch, tree: Tree) -> str | None:
    """Why upstream has its own fix, or None. All markers must be found."""
    found = [(marker, _search(tree, marker)) for marker in patch.upstream]
    if not found or not all(hit for _, hit in found):
        return None
    marker, hit = found[0]
    assert hit
    return f"upstream has its own: {_quoted(hit[1].group(0).encode('utf-8', 'replace'))} at {marker.file}:{hit[0]}"


def _unmet(conditions: Conditions, context: Context) -> str | None:
    """Which condition does not hold and what is there instead, or None."""
    if context.version and not in_range(context.version, conditions.versions):
        return f"needed for versions {conditions.versions}; this is {context.version}"
    for values, actual in (
        (conditions.architectures, context.architecture),
        (conditions.generators, context.generator),
        (conditions.os, context.os),
    ):
        if actual and values and not any(fnmatch.fnmatchcase(actual, value) for value in values):
            return f"needed for {', '.join(values)}; this is {actual}"
    if context.compiler and conditions.compilers:
        wanted = dict(conditions.compilers).get(context.compiler)
        version = context.compiler_version
        if wanted is None or (version and not in_range(version, wanted)):
            needed = " or ".join(f"{family} {versions}".strip() for family, versions in conditions.compilers)
            return f"needed for {needed}; this is {context.compiler} {version or ''}".rstrip()
    return None


def _judge_hunks(patch: Patch, later: Sequence[Patch], tree: Tree, context: Context) -> tuple[PatchState, Tree]:
    """The state of a patch that is needed, and the tree with it."""
    forward = _run(patch.files, tree)
    backward = _run([reversed_file(file) for file in patch.files], tree)
    if not backward.problems and not forward.problems and backward.drift == forward.drift:
        return PatchState(patch.name, CONFLICTS, "fits both as applied and as not applied: needs more context"), tree
    # Where both sides match (a tree of much the same lines), the one that is where the patch says is meant.
    stands = not backward.problems and (bool(forward.problems) or backward.drift < forward.drift)
    if stands or (forward.problems and _stands_below(patch, later, tree)):
        return PatchState(patch.name, ALREADY_UPSTREAM, "its lines stand in the tree already"), tree
    if forward.problems:
        return PatchState(patch.name, CONFLICTS, _joined(forward.problems)), tree
    return PatchState(patch.name, APPLIES, _summary(patch, context)), tree.changed(forward.changes)


def _stands_below(patch: Patch, later: Sequence[Patch], tree: Tree) -> bool:
    """Whether the result of the patch is in the tree under later patches of the series that changed the same files."""
    paths = {file.path for file in patch.files}
    for other in reversed(later):
        if paths & {file.path for file in other.files}:
            below = _run([reversed_file(file) for file in other.files], tree)
            tree = tree if below.problems else tree.changed(below.changes)
    return not _run([reversed_file(file) for file in patch.files], tree).problems


def _joined(problems: list[str]) -> str:
    more = f"; and {len(problems) - 2} more" if len(problems) > 2 else ""
    return "; ".join(problems[:2]) + more


def _summary(patch: Patch, context: Context) -> str:
    count = len(patch.files)
    text = f"changes {patch.files[0].path}" if count == 1 else f"changes {count} files"
    if patch.needed_for.versions and not context.version:
        text += f"; the upstream version is unknown, taken as {patch.needed_for.versions}"
    return text


# --- writing -----------------------------------------------------------------------------------------------------
#
# An apply is a transaction: (1) new contents are staged in JOURNAL_DIRECTORY and synced, (2) the journal is renamed
# into place: the commit record, (3) every target is replaced by rename, (4) the directory goes, the journal first.
# A process that finds the directory undoes 1 and finishes 3 and 4.


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
            old = _read(source, path)
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
    file = _read(source, entry["path"])
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


# --- command line ------------------------------------------------------------------------------------------------


def document(version: str | None, states: Sequence[PatchState], done: Sequence[str]) -> dict[str, Any]:
    """The JSON that check and apply print."""
    patches = [{"name": state.name, "state": state.state, "reason": state.reason} for state in states]
    return {"schema": SCHEMA, "version": version, "patches": patches, "applied": list(done)}


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="engine.py", description="Check or apply a patch set on a source tree.")
    parser.add_argument("command", choices=("check", "apply"))
    parser.add_argument("--source", required=True, metavar="DIR", help="source tree")
    parser.add_argument("--bundle", required=True, metavar="FILE", help="JSON bundle of the patch set; - reads stdin")
    parser.add_argument("--upstream-version", metavar="VERSION", help="default: read from the tree")
    for name in ("architecture", "compiler", "compiler-version", "generator", "os"):
        parser.add_argument("--" + name, metavar="NAME", help="default: every patch's condition on it counts as met")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _arguments(arguments)
    context = Context(
        options.upstream_version,
        options.architecture,
        options.compiler,
        options.compiler_version,
        options.generator,
        options.os,
    )
    try:
        if options.bundle == "-":
            bundle = json.loads(sys.stdin.buffer.read().decode())
        else:
            with open(options.bundle, encoding="utf-8") as file:
                bundle = json.load(file)
        series = load_bundle(bundle)
    except (OSError, ValueError, RecursionError, BundleError) as error:
        sys.stderr.write(f"{options.bundle}: {getattr(error, 'strerror', None) or error}\n")
        return 2
    try:
        states = (apply if options.command == "apply" else check)(series, options.source, context)
        version = context.version or read_version(options.source, series.version)
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 3 if os.path.isdir(options.source) else 2
    done = applied(states) if options.command == "apply" else []
    sys.stdout.write(json.dumps(document(version, states, done), indent=1) + "\n")
    return 1 if any(state.state == CONFLICTS for state in states) else 0


if __name__ == "__main__":
    sys.exit(main())
