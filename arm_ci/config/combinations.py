"""Whether what comes out of a project's axes can be built at all, and whether every rule of its matrix does something.

A mistake is said once for each pair that does not go together, with the number of combinations, not once for each
combination. A matrix with a mistake of its own is not multiplied out: what came of it would be noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from arm_ci.config.keys import BUILD_SYSTEMS
from arm_ci.config.matrix import (
    MATRIX_KEYS,
    SELECTOR_AXES,
    Axes,
    axes_of,
    combinations,
    kept_product,
    matcher,
    product_of,
)
from arm_ci.config.model import Board, Compiler, Linker
from arm_ci.config.problems import count, listing
from arm_ci.config.project import Project, Selector
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path
from arm_ci.config.versions import may_be_in_range

MOST_COMBINATIONS = 5_000
"""More than Buildbot carries on any machine of ours, and a matrix of this size is a slip of the pen."""

Pair = tuple[tuple[int, str], ...]
"""Axis numbers and values that do not go together."""


@dataclass
class Clash:
    """A pair that does not go together, and what it spoils."""

    sentence: str
    advice: str
    number: int = 0
    include: int = -1
    """The first include that has it; -1 when the product has it too."""


@dataclass
class Judge:
    """Judges pairs of one draft, each once."""

    draft: Draft
    project: Project
    clashes: list[tuple[Pair, Clash]] = field(default_factory=list)
    _known: dict[tuple[str, Pair], Clash | None] = field(default_factory=dict)

    def see(self, axes: Axes, include: int) -> None:
        """Looks at one combination; `include` is its index there, -1 for one of the product."""
        board, compiler, linker, generator, _ = axes
        made_for = self.draft.compilers[compiler].target or board
        questions: tuple[tuple[str, Pair], ...] = (
            ("board", ((0, board),)),
            ("compiler", ((0, board), (1, compiler))),
            ("drive", ((1, compiler), (2, linker))),
            ("link", ((0, made_for), (2, linker))),
            ("generator", ((3, generator),)),
        )
        for question in questions:
            if question not in self._known:
                self._known[question] = self.answer(*question)
            clash = self._known[question]
            if clash is None:
                continue
            if clash.number == 0:
                self.clashes.append((question[1], clash))
                clash.include = include
            clash.number += 1

    def answer(self, kind: str, pair: Pair) -> Clash | None:
        """Why a pair does not go together; None: it does. `kind` is one of the questions of `see`."""
        draft = self.draft
        names = [name for _, name in pair]
        if kind == "board":
            return self._small(draft.boards[names[0]]) or self._without_worker(names[0])
        if kind == "compiler":
            return self._compiler(draft.boards[names[0]], draft.compilers[names[1]])
        if kind == "drive":
            return self._drive(draft.compilers[names[0]], draft.linkers[names[1]])
        if kind == "link":
            return self._link(draft.boards.get(names[0]), draft.linkers[names[1]])
        return self._generator(names[0])

    def _sound(self, table: str, name: str, *keys: str) -> bool:
        return not any(self.draft.findings.broken(table, name, key) for key in keys)

    def _without_worker(self, board: str) -> Clash | None:
        draft = self.draft
        if "workers" in draft.unread or any(worker.board == board for worker in draft.workers.values()):
            return None
        # A worker whose board is misspelt may be the one that is missing.
        if not all(self._sound("workers", name, "board") for name in draft.workers):
            return None
        return Clash(f"board `{board}` has no worker", "add one to workers.yaml or take the board out of the matrix")

    def _small(self, board: Board) -> Clash | None:
        read_here = self.draft.from_host.get(board.name, frozenset()) & {"memory", "swap"}
        sound = self._sound("boards", board.name, "memory", "swap") and self._sound(
            "projects", self.project.name, "memory"
        )
        if read_here or not sound or board.memory + board.swap >= self.project.memory:
            return None
        have, need = (round(value / 1024**2) for value in (board.memory + board.swap, self.project.memory))
        return Clash(
            f"board `{board.name}` has {have}M of RAM and swap, and the project needs {need}M",
            "exclude with a reason, or take the board out of the matrix",
        )

    def _compiler(self, board: Board, compiler: Compiler) -> Clash | None:
        if not self._sound("boards", board.name, "architecture"):
            return None
        advice = "exclude with a reason, or take one out of the matrix"
        runs_on = compiler.architectures
        if runs_on and board.architecture not in runs_on and self._sound("compilers", compiler.name, "architectures"):
            return Clash(
                f"compiler `{compiler.name}` runs on {_alternatives(runs_on)}, "
                f"and board `{board.name}` is {board.architecture}",
                advice,
            )
        target = self.draft.boards.get(compiler.target)
        if target and target.architecture == board.architecture and self._sound("boards", target.name, "architecture"):
            return Clash(
                f"cross compiler `{compiler.name}` builds for {target.architecture}, which board `{board.name}` is "
                "itself; a native compiler does that",
                advice,
            )
        return None

    def _drive(self, compiler: Compiler, linker: Linker) -> Clash | None:
        if not self._sound("linkers", linker.name, "compilers"):
            return None
        if not self._sound("compilers", compiler.name, "family", "version"):
            return None
        advice = "exclude with a reason, or take one out of the matrix"
        accepted = linker.compilers.get(compiler.family)
        if accepted is None:
            return Clash(
                f"compiler `{compiler.name}` cannot drive linker `{linker.name}` "
                f"(only {_alternatives(tuple(linker.compilers))} can)",
                advice,
            )
        # The version of a system's compiler is known on the worker only, and checked there.
        if compiler.version and not may_be_in_range(compiler.version, accepted):
            return Clash(
                f"compiler `{compiler.name}` cannot drive linker `{linker.name}` "
                f"(needs {compiler.family} {accepted.strip()}, has {compiler.version})",
                advice,
            )
        return None

    def _link(self, made_for: Board | None, linker: Linker) -> Clash | None:
        if made_for is None or not linker.architectures or made_for.architecture in linker.architectures:
            return None
        if not self._sound("boards", made_for.name, "architecture") or not self._sound(
            "linkers", linker.name, "architectures"
        ):
            return None
        return Clash(
            f"linker `{linker.name}` links for {_alternatives(linker.architectures)}, "
            f"and board `{made_for.name}` is {made_for.architecture}",
            "exclude with a reason, or take one out of the matrix",
        )

    def _generator(self, generator: str) -> Clash | None:
        section = BUILD_SYSTEMS[generator]
        missing = getattr(self.project, section) is None
        if not missing or not self._sound("projects", self.project.name, section):
            return None
        return Clash(
            f"generator `{generator}` needs a section `{section}` in the project, and there is none",
            "write one or take the generator out of the matrix",
        )


def check_combinations(draft: Draft) -> None:
    """Adds what is wrong with the products of the axes to the draft's findings."""
    if draft.unread & {"boards", "compilers", "linkers"}:
        return
    names: dict[str, tuple[str, Axes]] = {}
    for project in draft.projects.values():
        if draft.findings.broken("projects", project.name, "matrix"):
            continue
        _check_project(draft, project)
        if not draft.findings.broken("projects", project.name, "matrix"):
            _check_names(draft, project, names)


def _check_project(draft: Draft, project: Project) -> None:
    matrix = project.matrix
    path: Path = ("projects", project.name, "matrix")
    size = 1
    for key in MATRIX_KEYS:
        size *= len(getattr(matrix, key))
    if size > MOST_COMBINATIONS:
        draft.findings.add(path, f"the axes have {size:,} combinations; {MOST_COMBINATIONS:,} are the most")
        return
    kept = combinations(matrix)
    if not kept and project.name in draft.without_worker:
        boards = listing(draft.without_worker[project.name])
        draft.findings.add(
            path[:2],
            f"no worker of workers.yaml is of its boards ({boards}): add one, name boards of yours in "
            "`matrix: {boards: [...]}`, or take the project out",
        )
        return
    product = frozenset(kept_product(matrix))
    _check_exclusions(draft, project, list(product_of(matrix)), path)
    _check_includes(draft, project, product, path)
    _check_tiers(draft, project, kept, path)
    _check_distcc(draft, project, kept, path)
    if not kept:
        draft.findings.add(path, "every combination is excluded, so the project has no variant")
    _check_clashes(draft, project, product, path)


def _check_exclusions(draft: Draft, project: Project, everything: list[Axes], path: Path) -> None:
    for index, rule in enumerate(project.matrix.exclude):
        here = (*path, "exclude", index)
        if _check_values(draft, rule.match, everything, (*here, "match"), "combination of the axes"):
            continue
        if not any(map(matcher(rule.match), everything)) and not draft.is_shipped(here):
            draft.findings.add(here, "matches no combination of the axes; take the rule out or correct it")


def _check_tiers(draft: Draft, project: Project, kept: list[Axes], path: Path) -> None:
    for tier in ("commit", "nightly"):
        for index, selector in enumerate(getattr(project.matrix.tiers, tier)):
            check_chooses(draft, selector, kept, (*path, "tiers", tier, index))


def _check_distcc(draft: Draft, project: Project, kept: list[Axes], path: Path) -> None:
    for index, selector in enumerate(project.matrix.distcc):
        here = (*path, "distcc", index)
        if not check_chooses(draft, selector, kept, here):
            continue
        said: dict[str, int] = {}
        for axes in filter(matcher(selector), kept):
            for sentence in _why_not_distcc(draft, axes):
                said[sentence] = said.get(sentence, 0) + 1
        for sentence, number in said.items():
            draft.findings.add(here, sentence.format(count(number, "variant")))


def _why_not_distcc(draft: Draft, axes: Axes) -> Iterator[str]:
    """Why helpers cannot compile for a variant, with `{}` for the number of those that share the reason."""
    board, compiler, _, _, debug_info = axes
    findings = draft.findings
    if not draft.boards[board].distcc and not findings.broken("boards", board, "distcc"):
        yield f"board `{board}` has no helpers: {{}}; name some in its `distcc`, or choose other boards here"
    if draft.compilers[compiler].directory and not findings.broken("compilers", compiler, "directory"):
        yield (
            f"compiler `{compiler}` is in a directory, and helpers know compilers by name: {{}}; "
            "choose other compilers here"
        )
    if debug_info == "split":
        yield "debug info `split` would stay on the helpers, half of it: {}; choose other debug info here"


def check_chooses(draft: Draft, selector: Selector, kept: list[Axes], path: Path) -> bool:
    """Whether a selector chooses some variants, and has no value that chooses none; otherwise that is said."""
    if _check_values(draft, selector, kept, path, "variant of the project"):
        return False
    if not any(map(matcher(selector), kept)):
        # A rule of the catalogue may be about what this site does not have.
        if not draft.is_shipped(path):
            draft.findings.add(path, "matches no variant of the project; take it out or correct it")
        return False
    return True


def _check_values(draft: Draft, selector: Selector, among: list[Axes], path: Path, where: str) -> bool:
    """Whether some value of a selector stands nowhere among the combinations; each is said, but for the catalogue's."""
    if draft.is_shipped(path):
        return False
    silent = True
    for position, axis in enumerate(SELECTOR_AXES):
        present = {axes[position] for axes in among}
        for index, value in enumerate(getattr(selector, axis)):
            if value not in present:
                silent = False
                shown = axis.replace("_", " ")
                draft.findings.add((*path, axis, index), f"no {where} has {shown} `{value}`; take it out or correct it")
    return not silent


def _check_includes(draft: Draft, project: Project, kept: frozenset[Axes], path: Path) -> None:
    """Whether an include of the site is there already; one of the catalogue may be, after what the site changed."""
    seen: dict[Axes, int] = {}
    for index, combination in enumerate(project.matrix.include):
        axes = axes_of(combination)
        here = (*path, "include", index)
        if draft.is_shipped(here):
            continue
        if axes in kept:
            draft.findings.add(here, "the product of the axes has this variant already; take the include out")
        elif axes in seen:
            draft.findings.add(here, f"the same as `matrix.include[{seen[axes]}]`; take one out")
        seen.setdefault(axes, index)


def _check_clashes(draft: Draft, project: Project, product: frozenset[Axes], path: Path) -> None:
    judge = Judge(draft, project)
    for axes in kept_product(project.matrix):
        judge.see(axes, -1)
    for index, combination in enumerate(project.matrix.include):
        if axes_of(combination) not in product:
            judge.see(axes_of(combination), index)
    for pair, clash in judge.clashes:
        position, value = pair[-1]
        advice = clash.advice
        if clash.include >= 0:
            advice = "take the include out" if clash.number == 1 else "take the includes out"
            here: Path = (*path, "include", clash.include, SELECTOR_AXES[position])
        else:
            key = MATRIX_KEYS[position]
            here = (*path, key, getattr(project.matrix, key).index(value))
        draft.findings.add(here, f"{clash.sentence}: {count(clash.number, 'combination')}; {advice}")


# Buildbot names a builder's directory after it and puts `_` for these, so that two names may meet there.
_IN_DIRECTORIES = str.maketrans(".+", "__")


def _check_names(draft: Draft, project: Project, names: dict[str, tuple[str, Axes]]) -> None:
    said: set[tuple[str, ...]] = set()
    for axes in combinations(project.matrix):
        name = "-".join((project.name, *axes))
        other = names.setdefault(name.translate(_IN_DIRECTORIES), (project.name, axes))
        if other == (project.name, axes):
            continue
        differing = tuple(_differences((project.name, *axes), (other[0], *other[1])))
        if differing not in said:
            said.add(differing)
            draft.findings.add(
                ("projects", project.name, "matrix"),
                f"builder name `{name}` stands for two variants: {' and '.join(differing)}; rename one of them",
            )


def _differences(second: tuple[str, ...], first: tuple[str, ...]) -> Iterator[str]:
    axes = ("project", *SELECTOR_AXES)
    unlike = [index for index in range(len(axes)) if first[index] != second[index]]
    for values in (first, second):
        yield ", ".join(f"{axes[index].replace('_', ' ')} `{values[index]}`" for index in unlike)


def _alternatives(words: tuple[str, ...]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
