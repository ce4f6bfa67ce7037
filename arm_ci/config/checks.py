"""Whether each entry of the configuration makes sense by itself and names only what exists.

The site and projects have files of their own, site_checks.py and project_checks.py; what comes out of the product of
the axes is judged in combinations.py.
"""

from __future__ import annotations

import os
import re

from arm_ci.agent.tools import COMPILERS, LINKERS
from arm_ci.config.guest_checks import check_guest, check_guest_worker
from arm_ci.config.model import Compiler, Linker, Worker
from arm_ci.config.problems import shorten, suggestion
from arm_ci.config.project_checks import PACKAGE, check_project
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path
from arm_ci.config.secret_checks import check_secret
from arm_ci.config.site_checks import check_site
from arm_ci.config.versions import version_key

TRIPLET = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+){1,3}", re.ASCII)
CPU = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*", re.ASCII)
# What gcc accepts after -fuse-ld=, https://gcc.gnu.org/onlinedocs/gcc/Link-Options.html
_FUSE_LD = sorted(linker.fuse_ld_program for linker in LINKERS if linker.gcc_since is not None)


def check_entries(draft: Draft) -> None:
    """Adds what is wrong with single entries to the draft's findings."""
    if "site" not in draft.unread:
        check_site(draft)
    for name in draft.boards:
        _check_board(draft, name)
    for compiler in draft.compilers.values():
        _check_compiler(draft, compiler)
    for linker in draft.linkers.values():
        _check_linker(draft, linker)
    for project in draft.projects.values():
        check_project(draft, project)
    for worker in draft.workers.values():
        _check_worker(draft, worker)


def _check_board(draft: Draft, name: str) -> None:
    board, findings = draft.boards[name], draft.findings
    path: Path = ("boards", name)
    if board.memory == 0 and not findings.broken(*path, "memory"):
        findings.add((*path, "memory"), "found `0`, expected the RAM that the system can use")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", board.os) and not findings.broken(*path, "os"):
        findings.add(
            (*path, "os"),
            f"found `{shorten(board.os)}`, expected a distribution and version such as `debian-12`, or `host`",
        )
    if board.triplet and not TRIPLET.fullmatch(board.triplet):
        findings.add(
            (*path, "triplet"),
            f"found `{shorten(board.triplet)}`, expected a GNU triplet such as `aarch64-linux-gnu`",
        )
    if board.cpu and not CPU.fullmatch(board.cpu):
        findings.add((*path, "cpu"), f"found `{shorten(board.cpu)}`, expected a processor such as `cortex-a53`")
    check_guest(draft, board)


def _check_compiler(draft: Draft, compiler: Compiler) -> None:
    findings = draft.findings
    path: Path = ("compilers", compiler.name)
    _check_minimum(draft, path, compiler.version, compiler.minimum)
    for key in ("directory", "sysroot"):
        value = getattr(compiler, key)
        if value and not value.startswith("/"):
            findings.add((*path, key), f"found `{shorten(value)}`, expected an absolute path on the worker")
    if compiler.target:
        _check_known(draft, "boards", compiler.target, (*path, "target"))
    elif compiler.sysroot and not findings.broken(*path, "target"):
        findings.add(
            (*path, "sysroot"), "a sysroot is for cross builds; `target` says for which board, and it is missing"
        )
    if compiler.cmake_toolchain_file and not os.path.isfile(draft.path(compiler.cmake_toolchain_file)):  # noqa: PTH113
        findings.add(
            (*path, "cmake_toolchain_file"),
            f"there is no file `{shorten(compiler.cmake_toolchain_file)}` beside the site's files",
        )
    _check_packages(draft, path, compiler.packages)


def _check_linker(draft: Draft, linker: Linker) -> None:
    findings = draft.findings
    path: Path = ("linkers", linker.name)
    readable = not findings.broken(*path, "program") and not findings.broken(*path, "selection")
    if readable and linker.selection == "fuse-ld" and linker.program not in _FUSE_LD:
        findings.add(
            (*path, "program"),
            f"found `{shorten(linker.program)}`, expected {', '.join(_FUSE_LD[:-1])} or {_FUSE_LD[-1]}: "
            "-fuse-ld= knows no other; use `selection: directory`",
        )
    elif readable and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", linker.program):
        findings.add((*path, "program"), f"found `{shorten(linker.program)}`, expected the name of a program")
    if not linker.compilers and not findings.broken(*path, "compilers"):
        families = " or ".join(f"`{compiler.family}`" for compiler in COMPILERS)
        findings.add((*path, "compilers"), f"no compiler can drive this linker; name {families}")
    _check_packages(draft, path, linker.packages)


def _check_minimum(draft: Draft, path: Path, version: str, minimum: str) -> None:
    if not version or not minimum:
        return
    # Version 12 stands for every 12.x, so only the numbers that are written count.
    written = version.count(".") + 1
    if version_key(version) < version_key(minimum)[:written]:
        draft.findings.add((*path, "minimum"), f"found `{minimum}`, which is newer than the version `{version}`")


def _check_packages(draft: Draft, path: Path, packages: tuple[str, ...]) -> None:
    for index, package in enumerate(packages):
        here: Path = (*path, "packages", index)
        if not PACKAGE.fullmatch(package) and not draft.findings.broken(*here):
            draft.findings.add(here, f"found `{shorten(package)}`, expected a package name such as `g++-12`")


def _check_known(draft: Draft, table: str, name: str, path: Path) -> None:
    known = getattr(draft, table)
    if table in draft.unread or name in known or draft.findings.broken(*path):
        return
    draft.findings.add(
        path, f"unknown {table.removesuffix('s')} `{shorten(name)}`" + suggestion(name, known, f"the {table} are")
    )


def _check_worker(draft: Draft, worker: Worker) -> None:
    findings = draft.findings
    path: Path = ("workers", worker.name)
    _check_known(draft, "boards", worker.board, (*path, "board"))
    board = draft.boards.get(worker.board)
    if board is not None and board.guest is not None:
        check_guest_worker(draft, worker)
    elif worker.local:
        if worker.password_file:
            findings.add(
                (*path, "password_file"), "a local worker runs inside the master and has no password; take one key out"
            )
        _check_local(draft, worker, path)
    else:
        where: Path = (*path, "password_file") if worker.password_file else path
        if not findings.broken(*path, "password_file"):
            check_secret(draft, draft.site.password_file(worker), where, "its secret file")


def _check_local(draft: Draft, worker: Worker, path: Path) -> None:
    board = draft.boards.get(worker.board)
    if board is None or draft.findings.broken("boards", worker.board, "architecture"):
        return
    host = draft.host_now()
    if host.supported and board.architecture != host.architecture:
        draft.findings.add(
            (*path, "board"),
            f"board `{worker.board}` is {board.architecture}, but a local worker runs on this machine, "
            f"which is {host.architecture}",
        )
