"""Read a patch set: patches/<project>/series.yaml and the .patch files beside it, every mistake with its place.

It does not judge a source tree: `bundle()` makes what engine.py needs for that, here or on a worker.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from arm_ci.patches import diffs, engine, parsing, paths

SERIES = "series.yaml"
HEADINGS = ("What", "Why", "Upstream", "Needed for")
"""What the header of a patch tells, each as `Heading: text`; lines that follow are indented."""

_PATCH_KEYS = ("file", "needed_for", "upstream")
_CONDITIONS = ("versions", "architectures", "compilers", "generators", "os")


class SeriesError(Exception):
    """A patch set has mistakes: all of them are in `problems`, each as `file:line:column: message`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True)
class KnownNames:
    """What conditions may name."""

    architectures: tuple[str, ...]
    compilers: tuple[str, ...]
    generators: tuple[str, ...]


@dataclass(frozen=True)
class PatchFile:
    """One patch of a patch set as its maintainers wrote it."""

    name: str
    """The file's name without `.patch`; what people see."""
    path: Path
    title: str
    header: Mapping[str, str]
    """The prose under each of HEADINGS."""
    needed_for: Mapping[str, Any]
    """Conditions as engine.py takes them in a bundle."""
    upstream: tuple[Mapping[str, str], ...]
    """What tells that upstream has its own fix: file and pattern."""
    text: str


@dataclass(frozen=True)
class PatchSet:
    """An ordered series of patches that a project needs for some variants."""

    directory: Path
    patches: tuple[PatchFile, ...]


def read(directory: Path, known: KnownNames) -> PatchSet:
    """The patch set in a directory. Raises SeriesError with every mistake."""
    if not directory.is_dir():
        raise SeriesError((f"{directory}:1:1: no such directory; it holds {SERIES} and the patches",))
    return _Reader(directory, known).read()


def bundle(
    project: str, directory: Path | None, known: KnownNames, version_file: str = "", version_pattern: str = ""
) -> dict[str, Any]:
    """A project's patch set as the JSON object that engine.py takes, texts included. Raises SeriesError.

    Without a directory it has no patches. `version_file` and `version_pattern` (one group) tell the upstream version of
    a source tree; empty: unknown.
    """
    patches = read(directory, known).patches if directory is not None else ()
    version = {"file": version_file, "pattern": version_pattern} if version_file else None
    return {
        "schema": engine.SCHEMA,
        "project": project,
        "version": version,
        "patches": [
            {
                "name": patch.name,
                "title": patch.title,
                "needed_for": dict(patch.needed_for),
                "upstream": [dict(marker) for marker in patch.upstream],
                "text": patch.text,
            }
            for patch in patches
        ],
    }


@dataclass
class _Reader:
    directory: Path
    known: KnownNames
    problems: list[tuple[str, int, int, str]] = field(default_factory=list)

    def read(self) -> PatchSet:
        patches: list[PatchFile] = []
        path = self.directory / SERIES
        root = self.compose(path)
        if root is not None:
            patches = self.patches(root)
        if self.problems:
            raise SeriesError(tuple(f"{file}:{line}:{at}: {text}" for file, line, at, text in sorted(self.problems)))
        return PatchSet(self.directory, tuple(patches))

    # --- problems

    def complain(self, node: yaml.Node, message: str) -> None:
        mark = node.start_mark
        self.complain_at(self.directory / SERIES, mark.line + 1, mark.column + 1, message)

    def complain_at(self, path: Path, line: int, column: int, message: str) -> None:
        self.problems.append((str(path), line, column, message))

    # --- YAML with places

    def compose(self, path: Path) -> yaml.Node | None:
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except FileNotFoundError:
            self.complain_at(path, 1, 1, "no such file: it names the patches in the order in which they are applied")
        except (OSError, UnicodeDecodeError) as error:
            self.complain_at(path, 1, 1, f"cannot be read: {error}")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            quote = "; quote version ranges" if re.search("chomping|'>'", str(error.problem)) else ""
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.complain_at(path, line, column, f"not YAML: {error.problem}{quote}")
        except yaml.YAMLError as error:
            self.complain_at(path, 1, 1, f"not YAML: {error}")
        else:
            if root is None:
                self.complain_at(path, 1, 1, "empty: expected `patches:` and a list")
            return root
        return None

    def mapping(self, node: yaml.Node, keys: Iterable[str], what: str) -> dict[str, yaml.Node]:
        """The values of a mapping by key; complains about unknown and doubled keys."""
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"{what}: expected a mapping, found {_kind(node)}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in keys:
                self.complain(key, f"{what}: unknown key `{name}`{_suggestion(name, keys)}")
            elif name in found:
                self.complain(key, f"{what}: key `{name}` is there twice")
            else:
                found[name] = value
        return found

    def sequence(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.complain(node, f"{what}: expected a list, found {_kind(node)}")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, what: str) -> str:
        """A scalar as it is written; a missing one is empty."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.complain(node, f"{what}: expected text, found {_kind(node)}")
            return ""
        return str(node.value)

    # --- the series

    def patches(self, root: yaml.Node) -> list[PatchFile]:
        found = []
        listed: dict[str, int] = {}
        top = self.mapping(root, ("patches",), SERIES)
        if isinstance(root, yaml.MappingNode) and "patches" not in top:
            self.complain(root, "expected `patches:` and a list")
        for node in self.sequence(top["patches"], "patches") if "patches" in top else []:
            values = self.mapping(node, _PATCH_KEYS, "patch")
            file = self.listed_file(node, values, listed)
            patch = self.patch(file, values) if file else None
            if patch:
                found.append(patch)
        for path in sorted(self.directory.glob("*.patch")):
            if path.name not in listed:
                self.complain_at(path, 1, 1, f"not listed in {SERIES}: list it or remove it")
        return found

    def listed_file(self, node: yaml.Node, values: Mapping[str, yaml.Node], listed: dict[str, int]) -> str:
        """The name of an entry's file, which is noted in `listed` with its line; empty where there is a mistake."""
        file = self.text(values.get("file"), "file")
        if not file:
            if isinstance(node, yaml.MappingNode) and "file" not in values:
                self.complain(node, "patch: key `file` is missing: expected the name of a .patch file beside this one")
        elif "/" in file or not file.endswith(".patch"):
            self.complain(values["file"], f"file: expected the name of a .patch file beside this one, found `{file}`")
        elif file in listed:
            self.complain(values["file"], f"file: `{file}` is listed already in line {listed[file]}")
        else:
            listed[file] = values["file"].start_mark.line + 1
            return file
        return ""

    def patch(self, file: str, values: Mapping[str, yaml.Node]) -> PatchFile | None:
        path = self.directory / file
        needed_for = self.conditions(values["needed_for"]) if "needed_for" in values else {}
        nodes = self.sequence(values["upstream"], "upstream") if "upstream" in values else []
        markers = [marker for node in nodes if (marker := self.marker(node))]
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            near = _suggestion(file, [other.name for other in self.directory.glob("*.patch")])
            self.complain(values["file"], f"file: there is no `{file}`{near}")
            return None
        except OSError as error:
            self.complain(values["file"], f"file: `{file}` cannot be read: {error.strerror}")
            return None
        try:
            parsing.parse_patch(raw)
        except diffs.BundleError as error:
            self.complain_at(path, error.line or 1, 1, error.message)
        text = raw.decode("utf-8", "surrogateescape")
        title, header = self.header(path, text)
        return PatchFile(path.stem, path, title, header, needed_for, tuple(markers), text)

    def header(self, path: Path, text: str) -> tuple[str, dict[str, str]]:
        """Title and prose: the lines before the first diff."""
        prose = re.split(r"^(?:diff --git |--- a/|--- /dev/null)", text, maxsplit=1, flags=re.MULTILINE)[0]
        lines = prose.splitlines()
        title = lines[0].strip() if lines else ""
        header: dict[str, str] = {}
        heading = ""
        for line in lines[1:]:
            match = re.match(rf"({'|'.join(HEADINGS)}): *(.*)", line)
            if match:
                heading = match[1]
                header[heading] = match[2].strip()
            elif heading and line[:1] == " ":
                header[heading] = f"{header[heading]} {line.strip()}".strip()
            else:
                heading = ""
        if not title or re.match(rf"(?:{'|'.join(HEADINGS)}):", title):
            self.complain_at(path, 1, 1, "expected a title: one line that says what the patch does")
        for wanted in HEADINGS:
            if not header.get(wanted):
                self.complain_at(path, 1, 1, f"the header lacks a line `{wanted}: ...`")
        return title, header

    def marker(self, node: yaml.Node) -> dict[str, str] | None:
        values = self.mapping(node, ("file", "pattern"), "upstream")
        marker = {key: self.text(value, key) for key, value in values.items()}
        if not isinstance(node, yaml.MappingNode):
            return None
        for key in ("file", "pattern"):
            if key not in values:
                self.complain(node, f"upstream: key `{key}` is missing")
        if marker.get("pattern"):
            try:
                re.compile(marker["pattern"])
            except re.error as error:
                self.complain(values["pattern"], f"pattern: not a regular expression: {error}")
        if marker.get("file") and (problem := paths.outside(marker["file"])):
            self.complain(values["file"], f"file: {problem}")
        return marker

    def conditions(self, node: yaml.Node) -> dict[str, Any]:
        values = self.mapping(node, _CONDITIONS, "needed_for")
        found: dict[str, Any] = {}
        for key, known in (
            ("architectures", self.known.architectures),
            ("generators", self.known.generators),
            ("os", ()),
        ):
            if key in values:
                found[key] = self.names(values[key], key, known)
        if "versions" in values:
            found["versions"] = self.version_range(values["versions"], "versions")
        if "compilers" in values:
            given = self.mapping(values["compilers"], self.known.compilers, "compilers")
            found["compilers"] = {family: self.version_range(value, family) for family, value in given.items()}
        return found

    def names(self, node: yaml.Node, key: str, known: tuple[str, ...]) -> list[str]:
        found = []
        for item in self.sequence(node, key):
            name = self.text(item, key)
            if name and known and name not in known:
                self.complain(item, f"{key}: unknown name `{name}`{_suggestion(name, known)}")
            found.append(name)
        return found

    def version_range(self, node: yaml.Node, key: str) -> str:
        """A range; empty (every version) may be written as an empty text."""
        if not isinstance(node, yaml.ScalarNode):
            self.complain(node, f"{key}: expected a version range, found {_kind(node)}")
            return ""
        try:
            engine.parse_range(node.value)
        except diffs.BundleError as error:
            self.complain(node, f"{key}: {error}")
        return str(node.value)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"`{node.value}`" if str(node.value).strip() else "nothing"


def _suggestion(name: str, known: Iterable[str]) -> str:
    words = list(known)
    close = difflib.get_close_matches(name, words, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return "; expected one of " + ", ".join(f"`{word}`" for word in words) if words else ""
