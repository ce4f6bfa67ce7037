"""Whether each fallback of a project makes sense: it changes something, for some variants, and its tools go together.

How a fallback changes a command is the agent's business (agent/fallback/command_change.py).
"""

from __future__ import annotations

import re

from arm_ci.config.combinations import Clash, Judge, check_chooses
from arm_ci.config.matrix import Axes, combinations, matcher
from arm_ci.config.problems import count, shorten
from arm_ci.config.project import Fallback, Project, Selector
from arm_ci.config.project_checks import check_name, check_selector
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path

_CHANGES = ("linker", "compiler", "debug_info", "add", "remove")
# What decides which edge it is, not how it is built.
_NOT_HOW = re.compile(r"-(?:[cE]|o.*|x.*|M.*|fsyntax-only)")
_FOR_LINKER = "-Wl,"


def check_fallbacks(draft: Draft) -> None:
    """Adds what is wrong with the fallbacks of every project to the draft's findings."""
    for project in draft.projects.values():
        for index, fallback in enumerate(project.fallback):
            here: Path = ("projects", project.name, "fallback", index)
            _check_name_of_its_own(draft, project, index)
            _check_edges(draft, fallback, here)
            _check_changes(draft, project, fallback, here)
            check_selector(draft, fallback.match, (*here, "match"))
        _check_variants(draft, project)
        here = ("projects", project.name, "fallback_from_trials")
        if (
            project.fallback_from_trials
            and not project.link_trial
            and not draft.findings.broken(*here[:2], "link_trial")
        ):
            draft.findings.add(here, "nothing is tried without `link_trial: true`")


def _check_name_of_its_own(draft: Draft, project: Project, index: int) -> None:
    path: Path = ("projects", project.name, "fallback", index, "name")
    name = project.fallback[index].name
    if name in [fallback.name for fallback in project.fallback[:index]] and not draft.findings.broken(*path):
        draft.findings.add(path, f"fallback `{shorten(name)}` is here twice; rename one")


def _check_edges(draft: Draft, fallback: Fallback, path: Path) -> None:
    findings = draft.findings
    for key, everything in (("edges", "every edge"), ("kinds", "both")):
        here = (*path, key)
        if not getattr(fallback, key) and here in findings.places and not findings.broken(*here):
            findings.add(here, f"the list is empty; leave the key out for {everything}")
    for index, pattern in enumerate(fallback.edges):
        if (not pattern or pattern.startswith(("/", "./", "../"))) and not findings.broken(*path, "edges", index):
            findings.add(
                (*path, "edges", index),
                f"found `{shorten(pattern)}`, expected a shell pattern of outputs inside the build tree such as "
                "`src/*.o`",
            )


def _check_changes(draft: Draft, project: Project, fallback: Fallback, path: Path) -> None:
    findings = draft.findings
    if not any(getattr(fallback, key) or findings.broken(*path, key) for key in _CHANGES):
        findings.add(
            path, "changes nothing; name a `linker`, a `compiler`, `debug_info`, or options to `add` or `remove`"
        )
    for axis, name in (("linker", fallback.linker), ("compiler", fallback.compiler)):
        if name:
            check_name(draft, axis, name, (*path, axis))
    for key in ("add", "remove"):
        for index, word in enumerate(getattr(fallback, key)):
            if not findings.broken(*path, key, index):
                _check_option(draft, fallback, word, (*path, key, index))
    _check_kinds(draft, fallback, path)
    admitted = project.admission or findings.broken("projects", project.name, "admission")
    if fallback.when == "too-large" and not admitted:
        findings.add(
            path, "is for edges that do not fit, and without `admission` nobody finds that out; use `when: always`"
        )


def _check_kinds(draft: Draft, fallback: Fallback, path: Path) -> None:
    """Whether the changes are for edges of its kinds."""
    if fallback.linker and fallback.kinds == ("compile",):
        draft.findings.add((*path, "linker"), "a linker is for links, and `kinds` leaves them out")
    if fallback.debug_info == "line-tables" and fallback.kinds == ("link",):
        draft.findings.add((*path, "debug_info"), "line tables are made by compiles, and `kinds` leaves them out")


def _check_option(draft: Draft, fallback: Fallback, word: str, path: Path) -> None:
    shown = shorten(word)
    if not word.startswith("-") or re.search(r"\s", word):
        message = (
            f"found `{shown}`, expected one option that begins with `-`, its value in the same word as in "
            "`--param=ggc-min-expand=10`"
        )
    elif word in ("-S", "-s"):
        message = f"`{word}` is the linker's; write `{_FOR_LINKER}{word}`"
    elif _NOT_HOW.fullmatch(word):
        message = f"`{shown}` decides what the edge makes, not how"
    elif word.startswith(_FOR_LINKER) and fallback.kinds == ("compile",):
        message = f"`{shown}` is for links, and `kinds` leaves them out"
    else:
        return
    draft.findings.add(path, message)


def _check_variants(draft: Draft, project: Project) -> None:
    """Whether each fallback is for some variants, and for all of those can do what it says."""
    if draft.unread & {"boards", "compilers", "linkers"} or draft.findings.broken("projects", project.name, "matrix"):
        return
    kept = combinations(project.matrix)
    for index, fallback in enumerate(project.fallback):
        path: Path = ("projects", project.name, "fallback", index)
        if any(draft.findings.broken(*path, key) for key in ("linker", "compiler", "match")):
            continue
        if fallback.match != Selector() and not check_chooses(draft, fallback.match, kept, (*path, "match")):
            continue
        said: dict[tuple[str, str], int] = {}
        judge = Judge(draft, project)
        for axes in filter(matcher(fallback.match), kept):
            for clash in _clashes(judge, fallback, axes):
                said[clash] = said.get(clash, 0) + 1
        for (key, sentence), number in said.items():
            draft.findings.add(
                (*path, key), f"{sentence}: {count(number, 'variant')}; choose others with `match`, or take it out"
            )


def _clashes(judge: Judge, fallback: Fallback, axes: Axes) -> list[tuple[str, str]]:
    """What of a fallback does not go together for a variant: the key, and a sentence."""
    board, compiler, linker, _, _ = axes
    with_compiler, with_linker = fallback.compiler or compiler, fallback.linker or linker
    made_for, makes_for = (_target(judge, each, board) for each in (compiler, with_compiler))
    found: list[tuple[str, Clash | None]] = []
    changed = [key for key in ("linker", "compiler") if getattr(fallback, key)]
    if "compiler" in changed:
        found.append(("compiler", judge.answer("compiler", ((0, board), (1, with_compiler)))))
        found.append(("compiler", _other_board(with_compiler, makes_for, made_for)))
    if "linker" in changed:
        found.append(("linker", judge.answer("link", ((0, made_for), (2, with_linker)))))
    if changed and "link" in fallback.kinds:
        found.append((changed[0], judge.answer("drive", ((1, with_compiler), (2, with_linker)))))
    return [(key, clash.sentence) for key, clash in found if clash is not None]


def _target(judge: Judge, compiler: str, board: str) -> str:
    """The board that a compiler on `board` builds for."""
    return judge.draft.compilers[compiler].target or board


def _other_board(compiler: str, board: str, wanted: str) -> Clash | None:
    if board == wanted:
        return None
    return Clash(f"compiler `{compiler}` builds for board `{board}`, the variant's for `{wanted}`", "")
