"""YAML text -> a tree of nodes that know their line and column, and what YAML itself has against the text.

It builds the tree from the parser's events, so that nesting, aliases and size stay bounded whatever the text is;
it knows nothing about boards or projects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

LARGEST_FILE_BYTES = 4 * 1024 * 1024
MOST_VALUES = 200_000
DEEPEST = 40

Complaint = Callable[[int, int, str], None]
"""Takes line, column (from 1) and a message."""

# What YAML does not allow in a text: invisible characters that somebody pasted.
_NOT_PRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")

# What may not come out of a quoted text's escapes either: no name, path or command holds it.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Node:
    """A scalar, a list or a mapping of the document."""

    __slots__ = ("column", "depth", "file", "items", "kind", "line", "pairs", "tag", "text", "weight")

    def __init__(self, kind: str, line: int, column: int, tag: str = "", text: str = "", file: str = "") -> None:
        self.kind = kind
        self.file = file
        self.line = line
        self.column = column
        self.tag = tag
        """Of a scalar: `str`, `int`, `float`, `bool`, `null`, `timestamp`, ... as YAML 1.1 reads it."""
        self.text = text
        self.items: list[Node] = []
        self.pairs: list[tuple[Node, Node]] = []
        self.weight = 1
        """Values in it when every alias is written out."""
        self.depth = 1

    def get(self, key: str) -> Node | None:
        """The value of a key of a mapping; None when there is none."""
        return next((value for name, value in self.pairs if name.text == key), None)


class _StopError(Exception):
    """The text is not worth reading on; carries line, column, message."""


def read_text(data: bytes, complain: Complaint) -> str | None:
    """The text of a file, or None when it is no UTF-8 text that YAML could read (complained about)."""
    if len(data) > LARGEST_FILE_BYTES:
        complain(1, 1, f"the file has {len(data):,} bytes; a configuration file has at most {LARGEST_FILE_BYTES:,}")
        return None
    for mark, name in ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if data.startswith(mark):
            complain(1, 1, f"the file starts with a byte order mark ({name}); save it as UTF-8 without one")
            return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        complain(line, column, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
        return None
    match = _NOT_PRINTABLE.search(text)
    if match:
        before_text = text[: match.start()]
        column = match.start() - before_text.rfind("\n")
        complain(before_text.count("\n") + 1, column, f"character U+{ord(match[0]):04X} is not allowed in YAML")
        return None
    return text


def compose(text: str, complain: Complaint, file: str = "") -> Node | None:
    """The root of the document, or None when the text is no YAML document of ours (complained about).

    A text with nothing but comments says nothing: an empty mapping. `file` is where every node says it stands.
    """
    import yaml  # imported late: whoever only wants the model does not pay for it

    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    try:
        loader = loader_class(text)
        root = _Composer(loader, yaml, complain, file).document()
    except _StopError as stop:
        complain(*stop.args)
        return None
    except yaml.YAMLError as error:
        complain(*_syntax_error(error, text))
        return None
    finally:
        if loader is not None:
            loader.dispose()
    if root is None or (root.kind == "scalar" and root.tag == "null"):
        return Node("mapping", 1, 1, file=file)
    return root


def _syntax_error(error: Any, text: str) -> tuple[int, int, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return 1, 1, f"not YAML: {getattr(error, 'reason', error)}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        return mark.line + 1, indentation.index("\t") + 1, "a tab indents this line; YAML allows spaces only"
    parts = [part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
    return mark.line + 1, mark.column + 1, "not YAML: " + ", ".join(parts)


class _Composer:
    """One document's tree, from the parser's events, without recursion."""

    def __init__(self, loader: Any, yaml: Any, complain: Complaint, file: str) -> None:
        self._file = file
        self._loader = loader
        self._yaml = yaml
        self._complain = complain
        self._anchors: dict[str, Node | None] = {}
        self._open: list[tuple[Node, str | None]] = []
        self._keys: list[Node | None] = []
        self._root: Node | None = None

    def document(self) -> Node | None:
        yaml = self._yaml
        documents = 0
        while True:
            event = self._loader.get_event()
            kind = type(event)
            if kind is yaml.StreamEndEvent or event is None:
                return self._root
            if kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _StopError(*_at(event), "a second document starts here; a configuration file holds one")
            elif kind is yaml.ScalarEvent:
                self._value(self._scalar(event), event.anchor)
            elif kind is yaml.AliasEvent:
                self._value(self._alias(event), None)
            elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                self._start(event, "mapping" if kind is yaml.MappingStartEvent else "list")
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                self._end()

    def _scalar(self, event: Any) -> Node:
        line, column = _at(event)
        self._refuse_tag(event)
        hidden = _HIDDEN.search(event.value)
        if hidden:
            raise _StopError(line, column, f"character U+{ord(hidden[0]):04X} is not allowed in a configuration")
        if event.implicit[0] and not event.tag:
            resolved = self._loader.resolve(self._yaml.ScalarNode, event.value, (True, False))
            tag = resolved.rsplit(":", 1)[-1]
        else:
            tag = "str"
        return Node("scalar", line, column, tag, event.value, self._file)

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise _StopError(*_at(event), f"alias `*{event.anchor}` has no anchor `&{event.anchor}` before it")
        node = self._anchors[event.anchor]
        if node is None:
            raise _StopError(*_at(event), f"alias `*{event.anchor}` stands inside its own anchor")
        return node

    def _start(self, event: Any, kind: str) -> None:
        self._refuse_tag(event)
        node = Node(kind, *_at(event), file=self._file)
        if len(self._open) >= DEEPEST:
            raise _StopError(node.line, node.column, f"nested more than {DEEPEST} deep")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append((node, event.anchor))
        self._keys.append(None)

    def _end(self) -> None:
        node, anchor = self._open.pop()
        self._keys.pop()
        if node.kind == "mapping":
            self._tidy(node)
        self._value(node, anchor)

    def _value(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        if parent.kind == "list":
            parent.items.append(node)
        elif self._keys[-1] is None:
            self._keys[-1] = node
        else:
            parent.pairs.append((self._keys[-1], node))
            self._keys[-1] = None
        parent.weight += node.weight
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.weight > MOST_VALUES:
            raise _StopError(
                node.line, node.column, f"more than {MOST_VALUES:,} values, aliases counted where they are used"
            )
        if parent.depth + len(self._open) > DEEPEST + 1:
            raise _StopError(node.line, node.column, f"nested more than {DEEPEST} deep")

    def _refuse_tag(self, event: Any) -> None:
        if event.tag and event.tag != "!":
            raise _StopError(
                *_at(event), "a YAML tag (`!`) stands here; there are none in a configuration, use quotes for text"
            )

    def _tidy(self, node: Node) -> None:
        """Complain about keys that are no text or come twice, and merge what `<<` names."""
        own: dict[str, tuple[Node, Node]] = {}
        merges: list[Node] = []
        for key, value in node.pairs:
            if key.kind == "scalar" and key.tag == "merge":
                merges.extend(value.items if value.kind == "list" else [value])
            elif wrong := _wrong_key(key, own.get(key.text)):
                self._complain(key.line, key.column, wrong)
            else:
                own[key.text] = (key, value)
        for merge in merges:
            if merge.kind != "mapping":
                self._complain(merge.line, merge.column, "`<<` merges mappings, and this is none")
                continue
            for key, value in merge.pairs:
                own.setdefault(key.text, (key, value))
        node.pairs = list(own.values())


def _wrong_key(key: Node, before: tuple[Node, Node] | None) -> str:
    """What is wrong with a key, in a sentence; `before` is the pair that has the same key."""
    if key.kind != "scalar":
        return f"a {key.kind} cannot be a key; a key is text"
    if key.tag != "str":
        shown = key.text if key.text.isprintable() and key.text else "~"
        return f'YAML does not read the key `{shown}` as text; quote it: `"{shown}"`'
    return f"key `{key.text}` is here twice, first in line {before[0].line}" if before else ""


def _at(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
