"""`arm-ci config`: the site's configuration over the catalogue's, with the file and line of each value."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from arm_ci.catalogue import catalogue
from arm_ci.cli.options import DONE, CommandError, add_site_option, site_of
from arm_ci.config.loader import merged
from arm_ci.config.origins import lines_of
from arm_ci.config.problems import suggestion
from arm_ci.config.yaml_nodes import Node

_TABLES = ("boards", "compilers", "linkers", "projects", "workers")
"""Each has an option of its name, without the `s`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "config",
        help="show the configuration, with the file and line that each value comes from",
        description="Prints, as YAML, the site's values over those that ship, with the place of each in a comment. "
        "Keys that nobody wrote have their defaults (docs/configuration.md).",
    )
    add_site_option(parser)
    for table in _TABLES:
        parser.add_argument(
            f"--{table.removesuffix('s')}",
            dest=table,
            action="append",
            default=[],
            metavar="NAME",
            help=f"only this {table.removesuffix('s')}; any of these options may be given several times",
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the whole configuration, or the entries that are named."""
    site = site_of(arguments)
    trees = merged(site)
    wanted = {table: tuple(getattr(arguments, table)) for table in _TABLES if getattr(arguments, table)}
    for table, names in wanted.items():
        known = [key.text for key, _ in trees[table].pairs]
        for name in names:
            if name not in known:
                message = f"--{table.removesuffix('s')}: unknown `{name}`"
                raise CommandError(message + suggestion(name, known, "there are"))
    print("\n".join(text(trees, wanted, site)))
    return DONE


def text(trees: Mapping[str, Node], wanted: Mapping[str, tuple[str, ...]], site: Path | None) -> Iterator[str]:
    """The lines: where the files are, then the tables; with `wanted` only those entries of those tables."""
    shipped = str(catalogue() / "config")
    if site is not None:
        yield f"# site: {site.resolve()}"
    yield f"# catalogue: {shipped}"
    for table, tree in trees.items():
        if not tree.pairs:
            continue
        if not wanted:
            yield from lines_of(table, tree, lambda node: _place(node, shipped))
        elif table in wanted:
            some = Node("mapping", tree.line, tree.column, file=tree.file)
            some.pairs = [(key, value) for key, value in tree.pairs if key.text in wanted[table]]
            yield from lines_of(table, some, lambda node: _place(node, shipped))


def _place(node: Node, shipped: str) -> str:
    file = Path(node.file)
    where = "catalogue" if str(file.parent) == shipped else "site"
    return f"{where}/{file.name}:{node.line}"
