"""A site's values over the catalogue's, as trees of nodes, before anything is read: key by key, and the site wins.

Every node keeps the file, line and column where it was written, so a later mistake names its place in either file.
What a value means is reader.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from arm_ci.config.yaml_nodes import Node

OFF = "off"
"""What a site writes in the place of an entry to take it out of the catalogue."""


def over(shipped: Node, own: Node) -> Node:
    """`own` over `shipped`: mappings are merged key by key, at every depth; anything else replaces what was there."""
    if shipped.kind != "mapping" or own.kind != "mapping":
        return own
    merged = Node("mapping", own.line, own.column, file=own.file)
    pairs = {key.text: (key, value) for key, value in shipped.pairs}
    for key, value in own.pairs:
        before = pairs.get(key.text)
        pairs[key.text] = (key, over(before[1], value) if before else value)
    merged.pairs = list(pairs.values())
    return merged


@dataclass(frozen=True)
class Table:
    """The entries of one table, the site's over the catalogue's."""

    entries: Node
    taken_out: frozenset[str] = frozenset()
    """Entries of the catalogue that the site does not want."""
    strays: tuple[Node, ...] = ()
    """Keys that take out what the catalogue does not have."""


def table_over(shipped: Node, own: Node, named_only: bool = False) -> Table:
    """A site's entries over the catalogue's. With `named_only` the catalogue's count only where the site names them.

    An entry without a value (`mesos:`) is the catalogue's as it ships; `off` in its place takes it out.
    """
    if own.kind != "mapping":
        return Table(own)
    known = {key.text: (key, value) for key, value in shipped.pairs}
    pairs = {} if named_only else dict(known)
    taken_out, strays = set(), []
    for key, value in own.pairs:
        before = known.get(key.text)
        if _is_off(value):
            taken_out.add(key.text)
            pairs.pop(key.text, None)
            if before is None:
                strays.append(key)
        elif before is None:
            pairs[key.text] = (key, value)
        else:
            pairs[key.text] = (key, before[1] if _is_nothing(value) else over(before[1], value))
    merged = Node("mapping", own.line, own.column, file=own.file)
    merged.pairs = list(pairs.values())
    return Table(merged, frozenset(taken_out), tuple(strays))


def _is_off(node: Node) -> bool:
    # YAML 1.1 reads it as false.
    return node.kind == "scalar" and node.tag in ("bool", "str") and node.text == OFF


def _is_nothing(node: Node) -> bool:
    return node.kind == "scalar" and node.tag == "null"


@dataclass(frozen=True)
class Stock:
    """What a site has of what the catalogue's matrices name."""

    boards: Collection[str] | None
    """Boards with a worker; None: nobody knows, so every board counts."""
    compilers_out: Collection[str] = ()
    linkers_out: Collection[str] = ()

    def has(self, axis: str, name: str) -> bool:
        """Whether the site has a value of the axis `board`, `compiler` or `linker`; it has every value of another."""
        if axis == "board":
            return self.boards is None or name in self.boards
        if axis == "compiler":
            return name not in self.compilers_out
        return axis != "linker" or name not in self.linkers_out


def cut_to(stock: Stock, projects: Node, is_shipped: Callable[[Node], bool]) -> dict[str, tuple[str, ...]]:
    """Takes out of the catalogue's matrices and fallbacks what a site does not have; what the site wrote itself stays.

    Returns the boards of the catalogue's matrix for each project of which the site has none.
    """
    without: dict[str, tuple[str, ...]] = {}
    for name, project in projects.pairs:
        matrix = _at(project, "matrix")
        boards = _at(matrix, "boards")
        named = tuple(each.text for each in boards.items)
        for axis, values in _lists_of(project, matrix):
            if is_shipped(values):
                values.items = [each for each in values.items if stock.has(axis, each.text) and _usable(stock, each)]
        if named and not boards.items and not _at(matrix, "include").items:
            without[name.text] = named
    return without


def _at(node: Node, key: str) -> Node:
    return node.get(key) or Node("list", node.line, node.column, file=node.file)


def _lists_of(project: Node, matrix: Node) -> Iterator[tuple[str, Node]]:
    """The lists that may name what a site does not have, each with the axis whose values are in it, if they are."""
    yield "", _at(project, "fallback")
    for key, value in matrix.pairs:
        yield key.text.removesuffix("s"), value


def _usable(stock: Stock, entry: Node) -> bool:
    """Whether the site has all that an include or a fallback of the catalogue names."""
    if entry.kind != "mapping":
        return True
    return all(value.kind != "scalar" or stock.has(key.text, value.text) for key, value in entry.pairs)
