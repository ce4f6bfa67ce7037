"""The variants of a configuration: the product of each project's axes, minus exclude, plus include.

With it come their tiers and options. Why a variant is in or out, in words, is why.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from arm_ci.config.keys import Tier
from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Combination, Matrix, Project, Selector

Axes = tuple[str, str, str, str, str]
"""board, compiler, linker, generator, debug info."""

SELECTOR_AXES = ("board", "compiler", "linker", "generator", "debug_info")
MATRIX_KEYS = ("boards", "compilers", "linkers", "generators", "debug_info")
"""The matrix's key for each axis of SELECTOR_AXES."""


def matcher(selector: Selector) -> Callable[[Axes], bool]:
    """Whether a combination is chosen: each axis that the selector gives must match one of its values."""
    wanted = [
        (index, frozenset(values))
        for index, values in enumerate(getattr(selector, axis) for axis in SELECTOR_AXES)
        if values
    ]
    return lambda axes: all(axes[index] in values for index, values in wanted)


def axes_of(combination: Combination) -> Axes:
    """The axes of an include."""
    return (
        combination.board,
        combination.compiler,
        combination.linker,
        combination.generator,
        combination.debug_info,
    )


def axes_of_variant(variant: Variant) -> Axes:
    """The axes of a variant."""
    return (variant.board, variant.compiler, variant.linker, variant.generator, variant.debug_info)


def product_of(matrix: Matrix) -> Iterator[Axes]:
    """Every combination of the axes, in the order in which they are written; exclude is not applied."""
    return product(matrix.boards, matrix.compilers, matrix.linkers, matrix.generators, matrix.debug_info)


def kept_product(matrix: Matrix) -> list[Axes]:
    """The product of the axes minus exclude."""
    out = [matcher(rule.match) for rule in matrix.exclude]
    return [axes for axes in product_of(matrix) if not any(matches(axes) for matches in out)]


def combinations(matrix: Matrix) -> list[Axes]:
    """The product of the axes minus exclude, then include (which exclude does not touch), each once."""
    return list(dict.fromkeys((*kept_product(matrix), *map(axes_of, matrix.include))))


def tier_rules(matrix: Matrix) -> list[tuple[Tier, int, Callable[[Axes], bool]]]:
    """(tier, index of its selector, matcher) in the order in which they are asked: commit comes first."""
    rules: list[tuple[Tier, int, Callable[[Axes], bool]]] = []
    rules.extend(("commit", index, matcher(selector)) for index, selector in enumerate(matrix.tiers.commit))
    rules.extend(("nightly", index, matcher(selector)) for index, selector in enumerate(matrix.tiers.nightly))
    return rules


def tier_of(axes: Axes, rules: Iterable[tuple[Tier, int, Callable[[Axes], bool]]]) -> tuple[Tier, int]:
    """The tier and the index of the selector that decided it; `force`, -1 when none did."""
    for tier, index, matches in rules:
        if matches(axes):
            return tier, index
    return "force", -1


def distcc_rules(matrix: Matrix) -> list[Callable[[Axes], bool]]:
    """A matcher for each selector of `distcc`, in their order."""
    return [matcher(selector) for selector in matrix.distcc]


def project_variants(project: Project) -> list[Variant]:
    """The variants of one project."""
    tiers = tier_rules(project.matrix)
    helped = distcc_rules(project.matrix)
    return [
        Variant(
            project.name,
            *axes,  # type: ignore[arg-type]
            tier=tier_of(axes, tiers)[0],
            distcc=any(matches(axes) for matches in helped),
        )
        for axes in combinations(project.matrix)
    ]


def variants(config: Config) -> tuple[Variant, ...]:
    """Every variant: projects in the order of the file, combinations in the order of their axes."""
    return tuple(variant for project in config.projects.values() for variant in project_variants(project))
