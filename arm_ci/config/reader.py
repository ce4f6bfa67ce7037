"""Nodes of YAML -> the model's dataclasses. It finds unknown and missing keys, wrong types and bad scalars.

A faulty value is replaced by a harmless one and remembered as broken, so that everything else is still read and no
later check complains about what a mistake caused. How the parts fit together is checks.py's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arm_ci.config.problems import Place, Problem, listing, nearest, one_line, shorten, suggestion
from arm_ci.config.project import Project
from arm_ci.config.scalars import EXPECTED, NUMBERS, PARSERS
from arm_ci.config.shapes import Field, Shape, fields_of
from arm_ci.config.yaml_nodes import Node

Path = tuple[str | int, ...]
"""The way to a value: ("boards", "rpi4", "memory")."""

RENAMED: dict[type[Any], dict[str, str]] = {
    Project: {"relief": "fallback", "relief_from_trials": "fallback_from_trials"},
}
"""Keys that had another name before: of each record, the name of then and that of today."""

KINDS = {
    "boards": "board",
    "compilers": "compiler",
    "linkers": "linker",
    "projects": "project",
    "workers": "worker",
}
"""Tables of the configuration and what one entry is called."""


class Findings:
    """What reading and checking found: problems, where everything stands, and what is broken."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.places: dict[Path, Place] = {}
        self._broken: set[Path] = set()

    def add(self, path: Path, message: str, place: Place | None = None) -> None:
        """A mistake at `path`; the text before the message says which entry and key it is about."""
        where = place or self.place(path)
        self.spoil(path)
        said = describe(path)
        message = one_line(message)
        self.problems.append(Problem(where.file, where.line, where.column, f"{said}: {message}" if said else message))

    def spoil(self, path: Path) -> None:
        """Remembers that `path` holds no true value, without a complaint of its own."""
        self._broken.update(path[:length] for length in range(1, len(path) + 1))

    def place(self, path: Path) -> Place:
        """Where `path` stands, or the nearest thing around it."""
        while path not in self.places and len(path) > 1:
            path = path[:-1]
        return self.places[path]

    def broken(self, *path: str | int) -> bool:
        """Whether a mistake was found at this path or below it."""
        return path in self._broken


def describe(path: Path) -> str:
    """A path in words: board `rpi4`, `memory`; the file's name says what a path of length one is."""
    if path[0] in KINDS:
        if len(path) == 1:
            return ""
        entry = f"{KINDS[str(path[0])]} `{shorten(str(path[1]))}`"
        rest = path[2:]
    else:
        entry, rest = "", path[1:]
    keys = ""
    for part in rest:
        keys += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}" if keys else shorten(part)
    return ", ".join(part for part in (entry, f"`{keys}`" if keys else "") if part)


class Reader:
    """Reads nodes; each knows the file that it stands in."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._readers: dict[str, Callable[[Shape, Node, Path], Any]] = {
            "scalar": self._scalar,
            "text": self._text,
            "flag": self._flag,
            "choice": self._choice,
            "list": self._list,
            "mapping": self._mapping,
            "record": self._record,
        }

    def table(self, record: type[Any], node: Node, path: Path) -> dict[str, Any]:
        """Named entries of one kind: the mapping's keys are their names."""
        entries: dict[str, Any] = {}
        if node.kind != "mapping":
            self._fault(path, node, f"found {found(node)}, expected a mapping of names to entries")
            return entries
        for key, value in node.pairs:
            here = (*path, key.text)
            self._findings.places[here] = self._place(key)
            self._check_name(key, here)
            entries[key.text] = self._fields(record, value, here, name=key.text)
        return entries

    def record(self, record: type[Any], node: Node, path: Path) -> Any:
        """One record of fixed keys."""
        return self._fields(record, node, path)

    def _check_name(self, key: Node, path: Path) -> None:
        try:
            PARSERS["name"](key.text)
        except ValueError:
            self._fault(path, key, f"expected {EXPECTED['name']}")

    def _fields(self, record: type[Any], node: Node, path: Path, name: str = "") -> Any:
        known = {field.name: field for field in fields_of(record)}
        values: dict[str, Any] = {"name": name} if name else {}
        meant: set[str] = set()
        if node.kind != "mapping":
            self._fault(path, node, f"found {found(node)}, expected a mapping with the keys {listing(known, 30)}")
            meant.update(known)
        for key, value in node.pairs:
            field = known.get(key.text)
            if field is None:
                meant.add(self._unknown_key(key, record, path))
                continue
            here = (*path, field.name)
            self._findings.places[here] = self._place(value if value.kind == "scalar" else key)
            values[field.name] = self._field(field, value, here)
        for field in known.values():
            if field.name not in values:
                values[field.name] = self._absent(field, node, path, field.name in meant)
        return record(**values)

    def _absent(self, field: Field, node: Node, path: Path, meant: bool) -> Any:
        """The value of a key that is not there; `meant`: something else that was complained about stands for it."""
        if meant:
            self._findings.spoil((*path, field.name))
        elif field.required:
            self._missing(field, node, path)
        return placeholder(field.shape) if field.required else field.default

    def _unknown_key(self, key: Node, record: type[Any], path: Path) -> str:
        """Complains, and returns the key that was meant: it is not missing as well."""
        known = [field.name for field in fields_of(record)]
        now = RENAMED.get(record, {}).get(key.text)
        if now:
            message = f"key `{key.text}` is called `{now}` now"
        else:
            message = f"unknown key `{shorten(key.text)}`" + suggestion(key.text, known, "the keys are")
        self._findings.add(path, message, self._place(key))
        return now or nearest(key.text, known)

    def _missing(self, field: Field, node: Node, path: Path) -> None:
        self._findings.spoil((*path, field.name))
        place = self._findings.places.get(path) or self._place(node)
        self._findings.add(path, f"key `{field.name}` is missing: {field.doc}", place)

    def _field(self, field: Field, node: Node, path: Path) -> Any:
        if field.lone and node.kind == "scalar" and field.shape.item is not None:
            self._findings.places[(*path, 0)] = self._place(node)
            return (self._read(field.shape.item, node, (*path, 0)),)
        return self._read(field.shape, node, path)

    def _read(self, shape: Shape, node: Node, path: Path) -> Any:
        if (
            node.kind == "scalar"
            and node.tag == "null"
            and not (shape.kind == "scalar" and shape.name in _MAY_BE_EMPTY)
        ):
            if not shape.optional:
                self._fault(path, node, f"found nothing, expected {expected(shape)}")
                return placeholder(shape)
            return None
        return self._readers[shape.kind](shape, node, path)

    def _scalar(self, shape: Shape, node: Node, path: Path) -> Any:
        if node.kind != "scalar":
            return self._wrong(shape, node, path)
        text = "" if node.tag == "null" else node.text
        if shape.name not in NUMBERS and node.tag not in ("str", "null") and shape.name not in _AS_WRITTEN:
            return self._unquoted(shape, node, path)
        if node.tag == "str" and shape.name in NUMBERS and text.isdecimal():
            self._fault(
                path, node, f"found `{shorten(text)}` in quotes, expected {expected(shape)}; leave the quotes out"
            )
            return placeholder(shape)
        try:
            return PARSERS[shape.name](text)
        except ValueError as error:
            detail = f" ({error})" if str(error) else ""
            self._fault(path, node, f"found `{shorten(text)}`{detail}, expected {expected(shape)}")
            return placeholder(shape)

    def _text(self, shape: Shape, node: Node, path: Path) -> Any:
        if node.kind != "scalar":
            return self._wrong(shape, node, path)
        if node.tag != "str":
            return self._unquoted(shape, node, path)
        return node.text

    def _flag(self, shape: Shape, node: Node, path: Path) -> Any:
        # YAML 1.1 also reads `yes` and `on` as true; editors with YAML 1.2 do not, so only one spelling counts here.
        if node.kind == "scalar" and node.tag == "bool" and node.text in ("true", "false"):
            return node.text == "true"
        shown = f"`{shorten(node.text)}`" if node.tag == "bool" else found(node)
        self._fault(path, node, f"found {shown}, expected {expected(shape)}")
        return False

    def _choice(self, shape: Shape, node: Node, path: Path) -> Any:
        if node.kind == "scalar" and node.tag == "str" and node.text in shape.choices:
            return node.text
        if node.kind == "scalar":
            near = nearest(node.text, shape.choices)
            self._fault(
                path,
                node,
                f"found `{shorten(node.text)}`, expected {expected(shape)}"
                + (f"; did you mean `{near}`?" if near else ""),
            )
            return placeholder(shape)
        return self._wrong(shape, node, path)

    def _list(self, shape: Shape, node: Node, path: Path) -> Any:
        if node.kind != "list" or shape.item is None:
            return self._wrong(shape, node, path)
        values = []
        for index, item in enumerate(node.items):
            here = (*path, index)
            self._findings.places[here] = self._place(item)
            values.append(self._read(shape.item, item, here))
        return tuple(values)

    def _mapping(self, shape: Shape, node: Node, path: Path) -> Any:
        if node.kind != "mapping" or shape.item is None or shape.key is None:
            return self._wrong(shape, node, path)
        values = {}
        for key, value in node.pairs:
            here = (*path, key.text)
            self._findings.places[here] = self._place(value if value.kind == "scalar" else key)
            if shape.key.choices and key.text not in shape.key.choices:
                near = nearest(key.text, shape.key.choices)
                self._fault(
                    path,
                    key,
                    f"unknown key `{shorten(key.text)}`, expected {expected(shape.key)}"
                    + (f"; did you mean `{near}`?" if near else ""),
                )
                continue
            values[key.text] = self._read(shape.item, value, here)
        return values

    def _record(self, shape: Shape, node: Node, path: Path) -> Any:
        if shape.record is None:
            raise TypeError("a record's shape names its class")
        return self._fields(shape.record, node, path)

    def _wrong(self, shape: Shape, node: Node, path: Path) -> Any:
        self._fault(path, node, f"found {found(node)}, expected {expected(shape)}")
        return placeholder(shape)

    def _unquoted(self, shape: Shape, node: Node, path: Path) -> Any:
        self._fault(path, node, f'found {found(node)}, expected {expected(shape)}; quote it: `"{shorten(node.text)}"`')
        return placeholder(shape)

    def _fault(self, path: Path, node: Node, message: str) -> None:
        self._findings.add(path, message, self._place(node))

    def _place(self, node: Node) -> Place:
        return Place(node.file, node.line, node.column)


_AS_WRITTEN = frozenset({"bytes", "bytes-or-host", "seconds", "seconds-or-never", "time-of-day"})
"""Text to us, whatever YAML makes of it (23:30 is 1410 to it); their own message is better than advice to quote."""
_HARMLESS = {
    "count": 1,
    "count-or-host": 1,
    "port": 1,
    "bytes": 0,
    "bytes-or-host": 0,
    "seconds": 1,
    "seconds-or-never": 0,
    "time-of-day": "00:00",
}
"""What stands for a scalar that could not be read; text is empty."""
_MAY_BE_EMPTY = frozenset({"version-range"})
"""Nothing is a value: every version."""

_TAGS = {
    "int": "which YAML reads as a number",
    "float": "which YAML reads as a number",
    "bool": "which YAML reads as true or false",
    "timestamp": "which YAML reads as a date",
}


def found(node: Node) -> str:
    """What stands there, in words."""
    if node.kind != "scalar":
        return f"a {node.kind}"
    if node.tag == "null":
        return "nothing"
    kind = _TAGS.get(node.tag)
    return f"`{shorten(node.text)}`, {kind}" if kind else f"`{shorten(node.text)}`"


def expected(shape: Shape) -> str:
    """What should stand there, in words."""
    if shape.kind == "scalar":
        return EXPECTED[shape.name]
    if shape.kind == "choice":
        *others, last = (f"`{choice}`" for choice in shape.choices)
        return f"{', '.join(others)} or {last}" if others else last
    if shape.kind == "record":
        return "a mapping"
    return {"text": "text", "flag": "`true` or `false`", "list": "a list", "mapping": "a mapping"}[shape.kind]


def placeholder(shape: Shape) -> Any:
    """A harmless value for one that could not be read."""
    if shape.optional:
        return None
    if shape.kind == "record" and shape.record is not None:
        values = {
            field.name: placeholder(field.shape) if field.required else field.default
            for field in fields_of(shape.record)
        }
        return shape.record(**values)
    if shape.kind == "scalar":
        return _HARMLESS.get(shape.name, "")
    if shape.kind == "choice":
        return shape.choices[0]
    values_by_kind: dict[str, Any] = {"text": "", "flag": False, "list": (), "mapping": {}}
    return values_by_kind[shape.kind]
