"""A site's YAML files over those of the catalogue -> one checked Config, or every mistake in them at once."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from arm_ci.catalogue import catalogue
from arm_ci.config.checks import check_entries
from arm_ci.config.combinations import check_combinations
from arm_ci.config.fallback_checks import check_fallbacks
from arm_ci.config.files import FILES, trees
from arm_ci.config.model import Board, Compiler, Config, Linker, Site, Worker, is_local
from arm_ci.config.problems import ConfigError, Problem
from arm_ci.config.project import Project
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Findings, Reader
from arm_ci.config.scalars import HOST
from arm_ci.config.this_machine import Host
from arm_ci.config.yaml_nodes import Node

_RECORDS: dict[str, type[Any]] = {
    "boards": Board,
    "compilers": Compiler,
    "linkers": Linker,
    "projects": Project,
    "workers": Worker,
}


def load(site: Path | None, host: Host | None = None, shipped: Path | None = None) -> Config:
    """The configuration of the site directory `site`: its files over those of the catalogue, checked.

    `None` is no site: all that the catalogue has, whatever machines there are. `host` is what boards mean by `host`
    (this machine by default), `shipped` the catalogue (the one that came with the code by default). Raises ConfigError
    with every mistake that was found.
    """
    top = shipped or catalogue()
    directory = Path(site) if site is not None else Path()
    draft = Draft(directory=directory, catalogue=top, findings=Findings(), host=host)
    if not os.path.isdir(directory):  # noqa: PTH112 - Path.is_dir raises for names that no file can have
        raise ConfigError((Problem(str(directory), 1, 1, "no such directory; a site is a directory"),))
    for table, node in trees(draft, alone=site is None).items():
        _read(draft, table, node)
    if site is None:
        # Nobody knows which machines there are, so nobody misses one.
        draft.unread.add("workers")
    _anchor(draft)
    _resolve_host(draft)
    check_entries(draft)
    check_combinations(draft)
    check_fallbacks(draft)
    findings = draft.findings
    if findings.problems:
        raise ConfigError(_in_order(draft))
    return Config(
        directory=directory.resolve(),
        catalogue=top,
        site=draft.site,
        boards=draft.boards,
        compilers=draft.compilers,
        linkers=draft.linkers,
        projects=draft.projects,
        workers=draft.workers,
        places={path: str(place) for path, place in findings.places.items()},
    )


def merged(site: Path | None, shipped: Path | None = None) -> dict[str, Node]:
    """The trees of a configuration without mistakes, by table, as `load` reads them. Raises ConfigError."""
    load(site, shipped=shipped)
    return trees(Draft(site or Path(), shipped or catalogue(), Findings()), alone=site is None)


def entry_names(site: Path, table: str) -> tuple[str, ...]:
    """The names in a table of a site and the catalogue, whatever mistakes there are elsewhere.

    Raises ConfigError when the table cannot be read.
    """
    draft = Draft(directory=site, catalogue=catalogue(), findings=Findings())
    entries = trees(draft, alone=False).get(table)
    if entries is None or entries.kind != "mapping":
        load(site)  # says where the mistake is
        raise ConfigError(_in_order(draft))
    return tuple(key.text for key, _ in entries.pairs)


def _in_order(draft: Draft) -> tuple[Problem, ...]:
    order = {name: index for index, name in enumerate(FILES)}
    unique = dict.fromkeys(draft.findings.problems)
    return tuple(sorted(unique, key=lambda problem: (order.get(Path(problem.file).name, 0), problem)))


def _read(draft: Draft, table: str, node: Node) -> None:
    reader = Reader(draft.findings)
    if table == "site":
        draft.site = reader.record(Site, node, ("site",))
        return
    if node.kind != "mapping":
        draft.unread.add(table)
    setattr(draft, table, reader.table(_RECORDS[table], node, (table,)))


def _anchor(draft: Draft) -> None:
    """Makes the paths in the catalogue absolute: they are relative to the file that they stand in, not to the site."""

    def anchored(table: str, name: str, key: str, value: str) -> str:
        if not value or not draft.is_shipped((table, name, key)):
            return value
        return str((draft.catalogue / "config" / value).resolve())

    for name, project in draft.projects.items():
        directory = anchored("projects", name, "directory", project.directory)
        repository = project.repository
        if is_local(repository):
            repository = anchored("projects", name, "repository", repository)
        draft.projects[name] = replace(project, directory=directory, repository=repository)
    for name, compiler in draft.compilers.items():
        file = anchored("compilers", name, "cmake_toolchain_file", compiler.cmake_toolchain_file)
        draft.compilers[name] = replace(compiler, cmake_toolchain_file=file)


def _resolve_host(draft: Draft) -> None:
    """Puts this machine's values where boards say `host`."""
    for name, board in draft.boards.items():
        asked = [field.name for field in fields(board) if getattr(board, field.name) in ("host", HOST)]
        asked = [key for key in asked if key in ("architecture", "cores", "memory", "swap", "os")]
        if not asked:
            continue
        host = draft.host_now()
        draft.from_host[name] = frozenset(asked)
        if "architecture" in asked and not host.supported:
            draft.findings.add(
                ("boards", name, "architecture"),
                f"this machine is `{host.architecture}`, and boards are armhf, arm64, amd64 or i386; "
                "leave this board out on this machine",
            )
        values = {key: getattr(host, key) for key in asked}
        if not host.supported:
            values["architecture"] = "amd64"
        draft.boards[name] = replace(board, **values)
