"""Read unified diffs: which files a patch changes, and where they may be.

It applies nothing (matching.py does) and knows nothing of patch sets. It is shipped to workers: standard library only,
Python >= 3.7.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from .diffs import BundleError, FilePatch, Hunk
from .paths import LONGEST_PATH_BYTES, outside, text_of, unquoted

_CONTEXT = 3
"""Lines of context that diff programs give a hunk unless asked for another number."""
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_GIT_HEADERS = (b"index ", b"similarity index ", b"dissimilarity index ")
_BINARY = re.compile(rb"GIT binary patch|Binary files .* differ\r?$")
_INDEX_MODE = re.compile(rb"index [0-9a-f]+\.\.[0-9a-f]+ ([0-7]+)$")
_INDEX = re.compile(rb"index ([0-9a-f]+)\.\.([0-9a-f]+)")
_EMPTY_FILES = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
"""What git calls an empty file in its `index` lines, with SHA-1 and with SHA-256."""


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
    needs_hunks: bool = False
    """They say that the content changes."""

    @property
    def changes_something(self) -> bool:
        """Whether a diff with these lines means something without a hunk."""
        return self.creates or self.deletes or (self.old_mode is not None and self.new_mode is not None)


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
            if self.lines[self.at] in (b"", b"\r"):
                self.at += 1  # a paste may have a million of them, and the master waits
            elif self.current().startswith(b"diff --git "):
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
        first, second = names[: len(names) // 2], names[len(names) // 2 + 1 :]
        without = [name.split(b"/", 1)[-1] for name in (first, second)]
        told = names[:1] != b'"' and without[0] == without[1] and (self.strip is not None or first[:2] == b"a/")
        if told:
            self.of_bearable_length(first)
        self.at += 1
        return (first, second) if told else None

    def of_bearable_length(self, name: bytes) -> bytes:
        """Refuses what no system opens, before anything is worked out of it."""
        if len(name) > LONGEST_PATH_BYTES:
            raise self.error(f"a path of {len(name):,} bytes: expected at most {LONGEST_PATH_BYTES:,}")
        return name

    def file(self, start: int, names: tuple[bytes, bytes] | None) -> FilePatch:
        git = _GitHeader()
        self.git_header(git, names)
        before, after = self.names(git, names)
        following, self.at = self.at, start  # where a problem with the names is
        path, renames = self.path(before, after, git)
        for each in (path, renames):
            problem = outside(each) if each else None
            if problem:
                raise self.error(problem)
        self.at = following
        hunks = self.hunks()
        if not hunks and (git.needs_hunks or not (git.changes_something or renames)):
            raise self.error(f"{path}: the diff ends before its first hunk")
        return FilePatch(path, git.creates, git.deletes, git.old_mode, git.new_mode, hunks, renames)

    def names(self, git: _GitHeader, names: tuple[bytes, bytes] | None) -> tuple[str | None, str | None]:
        """The file's paths before and after, by the best of the lines that tell them; None where there is no file."""
        if self.at_names():
            git.needs_hunks = True
            before, after = self.name(b"a/"), self.name(b"b/")
            git.creates, git.deletes = git.creates or before is None, git.deletes or after is None
            return before, after
        if git.before and git.after:
            return git.before, git.after
        if names:
            return self.stripped(names[0], b"a/"), self.stripped(names[1], b"b/")
        return None, None

    def hunks(self) -> tuple[Hunk, ...]:
        found: list[Hunk] = []
        while _HUNK.match(self.current()):
            found.append(self.hunk(len(found) + 1))
        if self.current().startswith(b"@@"):
            raise self.error("expected `@@ -LINE,COUNT +LINE,COUNT @@`")
        return tuple(found)

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
        self.refuse_two_names_of_one(before, after, self.strip)
        # diff(1) on a file and its copy: the copy's name is the file's with something at its end.
        return (before if after.startswith(before) else after), ""

    def refuse_two_names_of_one(self, before: str, after: str, strip: int) -> None:
        """Names that end alike differ for a wrong strip level; says which one would make them the same."""
        ours, theirs = before.split("/"), after.split("/")
        same = 0
        while same < min(len(ours), len(theirs)) and ours[-1 - same] == theirs[-1 - same]:
            same += 1
        if not same:
            return
        names = f"with strip level {strip} its two names are {before} and {after}"
        if len(ours) != len(theirs):
            raise self.error(f"{names}; no other makes them one")
        raise self.error(f"{names}; with {strip + len(ours) - same} both are {'/'.join(ours[-same:])}")

    def git_header(self, git: _GitHeader, names: tuple[bytes, bytes] | None) -> None:
        """Read git's lines above `---`."""
        while self.at < len(self.lines):
            line = self.header()
            if not (self.mode_line(git, line, names) or self.rename_line(git, line)):
                if _BINARY.match(line):
                    raise self.error((f"{self.second(names)}: " if names else "") + "binary patches are not supported")
                if not line.startswith(_GIT_HEADERS):
                    return
                if _INDEX_MODE.match(line):
                    self.executable(line.rpartition(b" ")[2], names)
                git.needs_hunks = git.needs_hunks or _changes_content(line)
            self.at += 1

    def mode_line(self, git: _GitHeader, line: bytes, names: tuple[bytes, bytes] | None) -> bool:
        """Reads a line about the file's mode; False: it is none."""
        kind, _, mode = line.rpartition(b" ")
        if kind in (b"old mode", b"deleted file mode"):
            git.old_mode = self.executable(mode, names)
            git.deletes = git.deletes or kind.startswith(b"deleted")
        elif kind in (b"new mode", b"new file mode"):
            git.new_mode = self.executable(mode, names)
            git.creates = git.creates or kind == b"new file mode"
        else:
            return False
        return True

    def rename_line(self, git: _GitHeader, line: bytes) -> bool:
        """Reads a line about a rename; False: it is none."""
        if line.startswith(b"copy ") or (self.strip is None and line.startswith(b"rename ")):
            raise self.error("renames and copies are not supported: write it as one deleted and one new file")
        if line.startswith(b"rename from "):
            git.before = self.renamed(line[len(b"rename from ") :])
        elif line.startswith(b"rename to "):
            git.after = self.renamed(line[len(b"rename to ") :])
        else:
            return False
        return True

    def second(self, names: tuple[bytes, bytes]) -> str:
        """The path after the change, for a sentence."""
        return text_of(names[1].split(b"/", 1 if self.strip is None else self.strip)[-1])

    def executable(self, mode: bytes, names: tuple[bytes, bytes] | None) -> bool:
        if mode == b"120000" and self.strip is not None and names:
            raise self.error(self.link(self.second(names)))
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
                leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
                if leads.startswith("/") or leads.split("/")[0] == "..":
                    return f"{path} would be a symbolic link to {target}, out of the source tree"
                break
        return f"{path} is a symbolic link: only ordinary files can be patched"

    def name(self, prefix: bytes) -> str | None:
        """The path of a `---` or `+++` line; None for /dev/null."""
        name = self.of_bearable_length(unquoted(self.current()[4:].split(b"\t")[0].rstrip(b"\r")))
        if name == b"/dev/null":
            self.at += 1
            return None
        path = self.stripped(name, prefix)
        self.at += 1
        return path

    def renamed(self, name: bytes) -> str:
        """A path of git's rename lines, which carry no `a/` and `b/`."""
        return text_of(self.of_bearable_length(unquoted(name)).split(b"/", max((self.strip or 0) - 1, 0))[-1])

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
        start, before, after_start, after = (1 if group is None else int(group) for group in match.groups())
        self.at += 1
        lines = self.hunk_lines(number, before, after)
        operations = {operation for operation, _ in lines}
        if operations <= {" "}:
            raise self.error(f"hunk {number} changes nothing")
        self.after_hunk(number)
        exact = self.strip is not None and " " not in operations
        return Hunk(number, start, after_start, lines, exact)

    def hunk_lines(self, number: int, wanted_before: int, wanted_after: int) -> tuple[tuple[str, bytes], ...]:
        """As many lines as the hunk's first line says that there are before and after the change."""
        lines: list[tuple[str, bytes]] = []
        while wanted_before > 0 or wanted_after > 0:
            if self.at == len(self.lines) and self.strip is not None and wanted_before == wanted_after <= _CONTEXT:
                self.lines.append(b"")  # the selection of a terminal ends before empty lines
            if self.at == len(self.lines):
                raise self.error(f"hunk {number} ends too early: {wanted_before} old and {wanted_after} new lines lack")
            operation, line = self.hunk_line(number)
            wanted_before -= operation != "+"
            wanted_after -= operation != "-"
            lines.append((operation, line))
        if wanted_before or wanted_after:
            raise self.error(f"hunk {number} has more lines than its @@ line says")
        return tuple(lines)

    def hunk_line(self, number: int) -> tuple[str, bytes]:
        """Reads one line of a hunk, and what says that it has no line end."""
        line = self.current()
        if line in (b"", b"\r"):  # mail programs strip the blank of an empty context line
            line = b" " + line
        operation = text_of(line[:1])
        if operation not in " +-":
            raise self.error(f"hunk {number}: expected a line that starts with a blank, + or -")
        self.at += 1
        if not self.current().startswith(b"\\ "):
            return operation, line[1:] + b"\n"
        self.at += 1
        return operation, line[1:]

    def after_hunk(self, number: int) -> None:
        """Refuses what looks as if it belonged to a hunk that is complete: no change may be lost without a word.

        Mails and `git log` have other text there; it is skipped.
        """
        start = self.at
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        line = self.current()
        if re.match(rb"\s+@@ -", line):
            raise self.error("expected `@@ -LINE,COUNT +LINE,COUNT @@` without blanks before it")
        # Below an empty line a person's own words may be indented, or a list.
        follows = self.at == start or self.lines[self.at - 1].rstrip(b"\r")
        starts = b"+- " if follows else b"+"
        if line and line[0] in starts and line.rstrip() != b"--" and not self.at_names():
            raise self.error(f"hunk {number} has more lines than its @@ line says, or the next @@ line is lost")
        self.at = start


def _changes_content(line: bytes) -> bool:
    """Whether one of git's index lines says that a hunk must follow."""
    if not line.startswith(b"index "):
        return line != b"similarity index 100%"
    match = _INDEX.match(line)
    if not match:
        return False
    nothing = [not name.strip(b"0") or any(empty.startswith(name) for empty in _EMPTY_FILES) for name in match.groups()]
    return match[1] != match[2] and not all(nothing)
