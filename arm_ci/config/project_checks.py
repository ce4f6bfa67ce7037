"""Whether one project makes sense by itself: where it comes from, how it is built, what its matrix names.

What comes out when its axes are multiplied is judged in combinations.py.
"""

from __future__ import annotations

import os
import posixpath
import re

from arm_ci.config.keys import BUILD_SYSTEMS, NO_PATCHES
from arm_ci.config.matrix import MATRIX_KEYS, SELECTOR_AXES
from arm_ci.config.model import find_patch_set
from arm_ci.config.problems import shorten, suggestion
from arm_ci.config.project import BuildSystem, Combination, Exclusion, Project, Selector, Test
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path
from arm_ci.config.versions import satisfiable

# Debian policy 5.6.7, with the architecture that apt also takes (`libfoo-dev:arm64`).
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?", re.ASCII)
DISTRIBUTION = re.compile(r"[a-z][a-z0-9_]*(-[a-z][a-z0-9_]*)*(-[0-9][0-9.]*)?", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# git-check-ref-format(1), and no leading dash: git would take it for an option.
REFERENCE = re.compile(r"(?![-/.])(?!.*(\.\.|//|@\{|/\.|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
_NAMED = {"board": "boards", "compiler": "compilers", "linker": "linkers"}
"""Axes whose values are names from a table."""


def check_project(draft: Draft, project: Project) -> None:
    """Adds what is wrong with a project to the draft's findings."""
    path: Path = ("projects", project.name)
    if not re.fullmatch(r"[\w-]+", project.name, re.ASCII):
        draft.findings.add(
            path, "the name is part of an address of the web UI, which takes letters, digits, `_` and `-` there"
        )
    _check_source(draft, project, path)
    _check_references(draft, project, path)
    _check_unimportant(draft, project, (*path, "unimportant"))
    for key in dict.fromkeys(BUILD_SYSTEMS.values()):
        system = getattr(project, key)
        if system is not None:
            _check_build_system(draft, system, (*path, key))
    _check_surroundings(draft, project, path)
    _check_matrix(draft, project, (*path, "matrix"))


def _check_source(draft: Draft, project: Project, path: Path) -> None:
    findings = draft.findings
    broken = findings.broken(*path, "repository") or findings.broken(*path, "directory")
    if project.repository and project.directory:
        findings.add(
            (*path, "directory"), "a project comes from a `repository` or from a `directory`, and this one names both"
        )
    elif not project.repository and not project.directory and not broken:
        findings.add(path, "names neither a `repository` nor a `directory`; where does its source come from?")
    if project.directory and not os.path.isdir(draft.path(project.directory)):  # noqa: PTH112 - never raises
        findings.add(
            (*path, "directory"), f"there is no directory `{shorten(project.directory)}` beside the site's files"
        )
    _check_repository(draft, project.repository, (*path, "repository"))
    _check_directory(draft, project.source_directory, (*path, "source_directory"), "source tree")
    if project.version is not None:
        _check_inside(draft, project.version.file, (*path, "version", "file"), "source tree")
    _check_patch_set(draft, project, (*path, "patch_set"))


def _check_repository(draft: Draft, repository: str, path: Path) -> None:
    if names_user(repository):
        draft.findings.add(
            path,
            "the address holds a password or token, which every log would show; take out what stands before the `@`, "
            "and use a key or a credential helper",
        )
    elif repository and not re.fullmatch(r"(?!-)(?!\w+::)[^\s\x00-\x1f]+", repository):
        draft.findings.add(path, f"found `{shorten(repository)}`, expected the URL or path of a Git repository")


def _check_patch_set(draft: Draft, project: Project, path: Path) -> None:
    named = project.patch_set not in ("", NO_PATCHES)
    if not named or draft.findings.broken(*path) or draft.findings.broken("site", "patches"):
        return
    directories = draft.patch_directories()
    if find_patch_set(project, directories) is None:
        there = sorted({each.name for directory in directories for each in directory.glob("*/")})
        draft.findings.add(
            path,
            f"there is no patch set `{project.patch_set}`" + suggestion(project.patch_set, there, "the patch sets are"),
        )


def _check_references(draft: Draft, project: Project, path: Path) -> None:
    if not project.branches and not draft.findings.broken(*path, "branches"):
        draft.findings.add((*path, "branches"), "the list is empty; its first branch is what is built by default")
    for key in ("branches", "tags"):
        for index, name in enumerate(getattr(project, key)):
            here = (*path, key, index)
            if not REFERENCE.fullmatch(name) and not draft.findings.broken(*here):
                draft.findings.add(here, f"found `{shorten(name)}`, which cannot be the name of a branch or tag")


def _check_unimportant(draft: Draft, project: Project, path: Path) -> None:
    for index, pattern in enumerate(project.unimportant):
        here = (*path, index)
        if draft.findings.broken(*here):
            continue
        shown = shorten(pattern)
        if not pattern:
            draft.findings.add(here, "found nothing, expected a shell pattern of files such as `docs/*`")
        elif not pattern.strip("*?"):
            draft.findings.add(
                here,
                f"`{shown}` matches every file, so no commit would ever start a build; for that, leave tier `commit` "
                "empty",
            )
        elif pattern in project.unimportant[:index]:
            draft.findings.add(here, f"`{shown}` is in the list twice")
        elif pattern.endswith("/") and is_inside(pattern[:-1]):
            draft.findings.add(here, f"found `{shown}`, a directory; for the files in it write `{shown}*`")
        elif not is_inside(pattern):
            draft.findings.add(
                here, f"found `{shown}`, expected a shell pattern of files inside the source tree such as `docs/*`"
            )


def names_user(url: str) -> bool:
    """Whether a URL says who asks, as `https://TOKEN@host/` does; ssh needs a name, so only a password counts there."""
    match = re.match(r"([a-z][a-z0-9+.-]*)://([^/?#]*)@", url, re.ASCII | re.IGNORECASE)
    if match is None:
        return False
    return ":" in match[2] or "ssh" not in match[1].lower().split("+")


def is_inside(relative: str) -> bool:
    """Whether a path stays inside its tree and is written in one way only.

    The same rules as those of the patch engine, which reads the version file on the worker.
    """
    parts = relative.split("/")
    if "\0" in relative or "\\" in relative or relative.startswith("~"):
        return False
    # What Git and the patch engine keep in a source tree is no source.
    return not {"", ".", "..", ".git"} & set(parts) and parts[0] != ".arm_ci-patches"


def _check_inside(draft: Draft, relative: str, path: Path, tree: str) -> None:
    """Judges the path of a file."""
    if draft.findings.broken(*path) or is_inside(relative):
        return
    message = f"found `{shorten(relative)}`, expected a path inside the {tree}"
    plain = posixpath.normpath(relative)
    if is_inside(plain):
        message += f" without `.`, `..` and empty parts: `{shorten(plain)}`"
    draft.findings.add(path, message)


def _check_directory(draft: Draft, relative: str, path: Path, tree: str) -> None:
    """Judges the path of a directory; `.` is the tree itself."""
    if relative != ".":
        _check_inside(draft, relative, path, tree)


def _check_build_system(draft: Draft, system: BuildSystem, path: Path) -> None:
    findings = draft.findings
    for index, command in enumerate(system.prepare):
        here = (*path, "prepare", index)
        if not (command and command[0]) and not findings.broken(*here):
            findings.add(here, "the command is empty")
    if not system.targets and not findings.broken(*path, "targets"):
        findings.add((*path, "targets"), "the list is empty; leave the key out for `all`")
    for index, pattern in enumerate(system.artefacts):
        _check_inside(draft, pattern, (*path, "artefacts", index), "build tree")
    for index, test in enumerate(system.tests):
        _check_test(draft, test, (*path, "tests", index))
        for before, other in enumerate(system.tests[:index]):
            _check_twins(draft, (other, before), (test, index), path)


def _check_test(draft: Draft, test: Test, path: Path) -> None:
    findings = draft.findings
    _check_directory(draft, test.directory, (*path, "directory"), "build tree")
    if findings.broken(*path, "kind") or findings.broken(*path, "program"):
        return
    if test.kind == "gtest" and not test.program:
        findings.add(path, f"test `{test.name}` is a gtest and names no `program` to run")
    elif test.kind != "gtest" and test.program:
        findings.add((*path, "program"), f"a {test.kind} runs what the build system knows of; `program` is for gtest")
    elif test.program:
        _check_inside(draft, test.program, (*path, "program"), "build tree")


def _check_twins(draft: Draft, first: tuple[Test, int], second: tuple[Test, int], path: Path) -> None:
    test, index = second
    here = (*path, "tests", index)
    if test.name != first[0].name or draft.findings.broken(*here) or draft.findings.broken(*path, "tests", first[1]):
        return
    if satisfiable(test.versions, first[0].versions):
        draft.findings.add(
            (*here, "name"),
            f"test `{test.name}` is here twice for the same upstream versions; rename one, or give them `versions` "
            "that do not overlap",
        )


def _check_surroundings(draft: Draft, project: Project, path: Path) -> None:
    findings = draft.findings
    for name in project.environment:
        if not VARIABLE.fullmatch(name):
            findings.add(
                (*path, "environment", name),
                f"found `{shorten(name)}`, expected the name of a variable: letters, digits and `_`",
            )
    for system, packages in project.prerequisites.items():
        here: Path = (*path, "prerequisites", system)
        if not DISTRIBUTION.fullmatch(system):
            findings.add(
                here, f"found `{shorten(system)}`, expected a distribution such as `debian-12` or just `debian`"
            )
        for index, package in enumerate(packages):
            if not PACKAGE.fullmatch(package) and not findings.broken(*here, index):
                findings.add(
                    (*here, index), f"found `{shorten(package)}`, expected a package name such as `zlib1g-dev`"
                )


def _check_matrix(draft: Draft, project: Project, path: Path) -> None:
    matrix = project.matrix
    for axis, key in zip(SELECTOR_AXES, MATRIX_KEYS, strict=True):
        _check_axis(draft, axis, getattr(matrix, key), (*path, key))
    for index, combination in enumerate(matrix.include):
        _check_combination(draft, combination, (*path, "include", index))
    for index, rule in enumerate(matrix.exclude):
        _check_exclusion(draft, rule, (*path, "exclude", index))
    for tier in ("commit", "nightly"):
        for index, selector in enumerate(getattr(matrix.tiers, tier)):
            check_selector(draft, selector, (*path, "tiers", tier, index))
    for index, selector in enumerate(matrix.distcc):
        check_selector(draft, selector, (*path, "distcc", index))


def _check_axis(draft: Draft, axis: str, values: tuple[str, ...], path: Path) -> None:
    # A list of the catalogue may be empty because the site has nothing of it; that is judged with what remains.
    if not values and not draft.findings.broken(*path) and not draft.is_shipped(path):
        draft.findings.add(path, "the list is empty, so the project would have no variant")
    for index, value in enumerate(values):
        here = (*path, index)
        if value in values[:index] and not draft.findings.broken(*here):
            draft.findings.add(here, f"`{shorten(value)}` is in the list twice")
        check_name(draft, axis, value, here)


def _check_exclusion(draft: Draft, rule: Exclusion, path: Path) -> None:
    check_selector(draft, rule.match, (*path, "match"))
    if rule.match == Selector() and not draft.findings.broken(*path, "match"):
        draft.findings.add((*path, "match"), "matches every variant; name at least one axis")
    if not rule.reason.strip() and not draft.findings.broken(*path, "reason"):
        draft.findings.add((*path, "reason"), "the reason is empty; write why, for whoever misses these variants")


def check_selector(draft: Draft, selector: Selector, path: Path) -> None:
    for axis in SELECTOR_AXES:
        here = (*path, axis)
        values = getattr(selector, axis)
        if not values and here in draft.findings.places and not draft.findings.broken(*here):
            draft.findings.add(here, "the list is empty; leave the key out to match every value")
        for index, value in enumerate(values):
            check_name(draft, axis, value, (*here, index))


def _check_combination(draft: Draft, combination: Combination, path: Path) -> None:
    for axis in SELECTOR_AXES:
        check_name(draft, axis, getattr(combination, axis), (*path, axis))


def check_name(draft: Draft, axis: str, value: str, path: Path) -> None:
    table = _NAMED.get(axis)
    if table is None or table in draft.unread or draft.findings.broken(*path):
        return
    if draft.is_shipped(path) and value in draft.taken_out.get(table, ()):
        return
    known = getattr(draft, table)
    if value not in known:
        draft.findings.add(path, f"unknown {axis} `{shorten(value)}`" + suggestion(value, known, f"the {table} are"))
