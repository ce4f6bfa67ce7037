"""The five files of a site and those of the catalogue -> a tree for each table, the site's values over the catalogue's.

Every file of a site may be missing. This file says which of the two counts where; layers.py merges.
"""

from __future__ import annotations

from collections.abc import Iterable

from arm_ci.config.layers import Stock, cut_to, table_over
from arm_ci.config.problems import Place, Problem, nearest, one_line, shorten, suggestion
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import KINDS, found
from arm_ci.config.yaml_nodes import Node, compose, read_text

FILES = {
    "site.yaml": "this master: where it listens, where it keeps its state",
    "boards.yaml": "the kinds of machines that build",
    "toolchains.yaml": "compilers and linkers",
    "projects.yaml": "what is built, and in which combinations",
    "workers.yaml": "the machines of each board",
}
"""The files of a site, and what each is for."""

_SECTIONS = ("compilers", "linkers")
"""The tables of toolchains.yaml; every other file is one table, of its own name."""


def trees(draft: Draft, alone: bool) -> dict[str, Node]:
    """The tree of `site` and of each table, without those that cannot be read: the draft has them as unread.

    With `alone` there is no site, and the catalogue counts as it stands, whatever machines there are.
    """
    shipped_at = draft.catalogue / "config"
    draft.shipped_files = frozenset(str(shipped_at / name) for name in FILES)
    own = {name: None if alone else _root(draft, str(draft.directory / name), name) for name in FILES}
    ships = {"boards.yaml", "toolchains.yaml", "projects.yaml"}
    if own["workers.yaml"] is None:
        ships.add("workers.yaml")
    tables: dict[str, Node] = {}
    for name in FILES:
        shipped = _root(draft, str(shipped_at / name), name) if name in ships else None
        tables |= _merged(draft, name, shipped, own[name])
    if "projects" in tables:
        stock = _stock(draft, None if alone else tables.get("workers"))
        without = cut_to(stock, tables["projects"], lambda node: node.file in draft.shipped_files)
        if own["projects.yaml"] is not None:
            draft.without_worker = without
        else:
            # Nobody asked for these.
            pairs = tables["projects"].pairs
            tables["projects"].pairs = [pair for pair in pairs if pair[0].text not in without]
    return tables


def _root(draft: Draft, file: str, name: str) -> Node | None:
    """The root of a file; None when there is no such file. What cannot be read is complained about and unread."""

    def complain(line: int, column: int, message: str) -> None:
        draft.findings.problems.append(Problem(file, line, column, one_line(message)))

    root = None
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - a name that no file can have raises ValueError
            data = opened.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        complain(1, 1, f"the file cannot be read ({error.strerror}); it holds {FILES[name]}")
    else:
        text = read_text(data, complain)
        root = compose(text, complain, file) if text is not None else None
    if root is None:
        draft.unread.update(_names(name))
        return Node("mapping", 1, 1, file=file)
    return root


def _names(name: str) -> tuple[str, ...]:
    return _SECTIONS if name == "toolchains.yaml" else (name.removesuffix(".yaml"),)


def _merged(draft: Draft, name: str, shipped: Node | None, own: Node | None) -> dict[str, Node]:
    """The trees of one file's tables, merged; those that cannot be read are left out."""
    nothing = Node("mapping", 1, 1, file=str(draft.directory / name))
    before, after = _sections(draft, name, shipped or nothing), _sections(draft, name, own or nothing)
    tables = {}
    for table in _names(name):
        root = (before if own is None and shipped is not None else after)[table]
        draft.findings.places.setdefault((table,), Place(root.file, root.line, root.column))
        if table in draft.unread:
            continue
        if table == "site":
            return {table: after[table]}
        merged = table_over(before[table], after[table], named_only=table == "projects" and own is not None)
        draft.taken_out[table] = merged.taken_out
        _refuse_strays(draft, table, merged.strays, before[table])
        tables[table] = merged.entries
    return tables


def _refuse_strays(draft: Draft, table: str, strays: Iterable[Node], shipped: Node) -> None:
    """Complains about what a site takes out although the catalogue does not have it."""
    known = [key.text for key, _ in shipped.pairs]
    for stray in strays:
        draft.findings.add(
            (table, stray.text),
            f"`off` takes a {KINDS[table]} of the catalogue out, and it has none of this name"
            + suggestion(stray.text, known, f"its {table} are"),
            Place(stray.file, stray.line, stray.column),
        )


def _sections(draft: Draft, name: str, root: Node) -> dict[str, Node]:
    """The trees in a file by the table that each is."""
    if name != "toolchains.yaml":
        return {_names(name)[0]: root}
    sections = dict.fromkeys(_SECTIONS, Node("mapping", 1, 1, file=root.file))
    if root.kind != "mapping":
        message = f"found {found(root)}, expected a mapping with the keys `compilers` and `linkers`"
        draft.findings.problems.append(Problem(root.file, root.line, root.column, message))
        draft.unread.update(_SECTIONS)
    for key, value in root.pairs:
        if key.text in sections:
            sections[key.text] = value
            draft.findings.places[(key.text,)] = Place(key.file, key.line, key.column)
        else:
            message = f"unknown key `{shorten(key.text)}`" + suggestion(key.text, _SECTIONS, "the keys are")
            draft.findings.problems.append(Problem(key.file, key.line, key.column, message))
            # What was meant is not empty.
            draft.unread.update({nearest(key.text, _SECTIONS)} - {""})
    return sections


def _stock(draft: Draft, workers: Node | None) -> Stock:
    """What the site has of what the catalogue's matrices name; without `workers` nobody knows its machines."""
    boards = _boards_of(workers) if workers is not None else None
    return Stock(boards, draft.taken_out.get("compilers", ()), draft.taken_out.get("linkers", ()))


def _boards_of(workers: Node) -> frozenset[str] | None:
    """The boards that the workers are of; None when that cannot be told."""
    if workers.kind != "mapping":
        return None
    return frozenset(value.text for _, worker in workers.pairs for key, value in worker.pairs if key.text == "board")
