"""Five YAML files -> one checked Config, or every mistake in them at once."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from arm_ci.config.checks import check_entries
from arm_ci.config.combinations import check_combinations
from arm_ci.config.fallback_checks import check_fallbacks
from arm_ci.config.model import Board, Compiler, Config, Linker, Site, Worker
from arm_ci.config.problems import ConfigError, Place, Problem, one_line, shorten, suggestion
from arm_ci.config.project import Project
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Findings, Reader
from arm_ci.config.scalars import HOST
from arm_ci.config.source import Node, compose, read_text
from arm_ci.config.this_machine import Host

FILES = {
    "site.yaml": "this master: where it listens, where it keeps its state",
    "boards.yaml": "the kinds of machines that build",
    "toolchains.yaml": "compilers and linkers",
    "projects.yaml": "what is built, and in which combinations",
    "workers.yaml": "the machines of each board",
}
"""The files of a configuration, and what each is for."""

_TABLES: dict[str, tuple[str, type[Any]]] = {
    "boards.yaml": ("boards", Board),
    "projects.yaml": ("projects", Project),
    "workers.yaml": ("workers", Worker),
}


def load(directory: Path, host: Host | None = None) -> Config:
    """The configuration in `directory`, checked; `host` is what boards mean by `host` (this machine by default).

    Raises ConfigError with every mistake that was found.
    """
    findings = Findings()
    draft = Draft(directory=Path(directory), findings=findings, host=host)
    if not os.path.isdir(directory):  # noqa: PTH112 - Path.is_dir raises for names that no file can have
        raise ConfigError((Problem(str(directory), 1, 1, "no such directory; a configuration is a directory"),))
    for name, purpose in FILES.items():
        _read_file(draft, name, purpose)
    _resolve_host(draft)
    check_entries(draft)
    check_combinations(draft)
    check_fallbacks(draft)
    if findings.problems:
        raise ConfigError(_in_order(draft))
    return Config(
        directory=Path(directory).resolve(),
        site=draft.site,
        boards=draft.boards,
        compilers=draft.compilers,
        linkers=draft.linkers,
        projects=draft.projects,
        workers=draft.workers,
        places={path: str(place) for path, place in findings.places.items()},
    )


def _in_order(draft: Draft) -> tuple[Problem, ...]:
    order = {str(draft.directory / name): index for index, name in enumerate(FILES)}
    unique = dict.fromkeys(draft.findings.problems)
    return tuple(sorted(unique, key=lambda problem: (order.get(problem.file, 0), problem)))


def _read_file(draft: Draft, name: str, purpose: str) -> None:
    file = str(draft.directory / name)
    findings = draft.findings
    top = Place(file, 1, 1)
    for table in _tables_of(name):
        findings.places[(table,)] = top

    def complain(line: int, column: int, message: str) -> None:
        findings.problems.append(Problem(file, line, column, one_line(message)))

    root = None
    try:
        data = (draft.directory / name).read_bytes()
    except FileNotFoundError:
        complain(1, 1, f"the file is missing; it holds {purpose}")
    except OSError as error:
        complain(1, 1, f"the file cannot be read ({error.strerror}); it holds {purpose}")
    else:
        text = read_text(data, complain)
        if text is not None:
            root = compose(text, complain)
    if root is None:
        draft.unread.update(_tables_of(name))
        return
    _read_root(draft, name, Reader(file, findings), root)


def _tables_of(name: str) -> tuple[str, ...]:
    if name == "toolchains.yaml":
        return ("compilers", "linkers")
    return (name.removesuffix(".yaml"),)


def _read_root(draft: Draft, name: str, reader: Reader, root: Node) -> None:
    if name == "site.yaml":
        draft.site = reader.record(Site, root, ("site",))
    elif name == "toolchains.yaml":
        _read_toolchains(draft, reader, root)
    else:
        table, record = _TABLES[name]
        if root.kind != "mapping":
            draft.unread.add(table)
        setattr(draft, table, reader.table(record, root, (table,)))


def _read_toolchains(draft: Draft, reader: Reader, root: Node) -> None:
    file = str(draft.directory / "toolchains.yaml")
    findings = draft.findings
    records: dict[str, type[Any]] = {"compilers": Compiler, "linkers": Linker}
    missing = set(records)
    for key, value in root.pairs:
        if key.text in records:
            missing.discard(key.text)
            findings.places[(key.text,)] = Place(file, key.line, key.column)
            if value.kind != "mapping":
                draft.unread.add(key.text)
            setattr(draft, key.text, reader.table(records[key.text], value, (key.text,)))
        else:
            message = f"unknown key `{shorten(key.text)}`" + suggestion(key.text, records, "the keys are")
            findings.problems.append(Problem(file, key.line, key.column, message))
    for table in sorted(missing):
        draft.unread.add(table)
        findings.problems.append(Problem(file, 1, 1, f"key `{table}` is missing: a mapping of names to {table}"))


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
