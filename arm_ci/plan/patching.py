"""A variant's patch set: what is brought to the worker, and what the tree will be built for.

The patch engine is imported late: a master starts without it where no project has patches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from arm_ci.config.keys import Architecture, CompilerFamily, Generator
from arm_ci.config.model import Config
from arm_ci.config.project import Project
from arm_ci.plan.recipe import Recipe

if TYPE_CHECKING:
    from arm_ci.patches import engine, series


def known_names() -> series.KnownNames:
    """What the conditions of patches may name: the configuration's own names."""
    from arm_ci.patches import series

    return series.KnownNames(get_args(Architecture), get_args(CompilerFamily), get_args(Generator))


def bundle_of(config: Config, project: Project) -> dict[str, Any]:
    """A project's patch set as engine.py takes it. Raises series.SeriesError with every mistake in it."""
    from arm_ci.patches import series

    version = project.version
    return series.bundle(
        project.name,
        config.patch_set(project),
        known_names(),
        version.file if version else "",
        version.pattern if version else "",
    )


def patch_set_problems(config: Config) -> tuple[str, ...]:
    """Every mistake in the patch sets of the configuration's projects, each as `file:line:column: message`."""
    problems: dict[str, None] = {}
    found = (config.patch_set(project) for project in config.projects.values())
    for directory in dict.fromkeys(each for each in found if each is not None):
        from arm_ci.patches import series

        try:
            series.read(directory, known_names())
        except series.SeriesError as error:
            problems |= dict.fromkeys(error.problems)
    return tuple(problems)


def context_of(recipe: Recipe, compiler_version: str, os: str) -> engine.Context:
    """What a variant's tree is built for; empty words are unknown, and conditions on them count as met."""
    from arm_ci.patches import engine

    compiler = recipe.config.compilers[recipe.variant.compiler]
    board = recipe.config.boards[compiler.target or recipe.variant.board]
    return engine.Context(
        architecture=board.architecture,
        compiler=compiler.family,
        compiler_version=compiler_version or None,
        generator=recipe.variant.generator,
        os=os or None,
    )


def options_of(context: engine.Context) -> tuple[str, ...]:
    """The context as options of `engine.py check|apply`."""
    values = {
        "architecture": context.architecture,
        "compiler": context.compiler,
        "compiler-version": context.compiler_version,
        "generator": context.generator,
        "os": context.os,
    }
    return tuple(word for name, value in values.items() if value for word in (f"--{name}", value))


def state_table(patches: Sequence[Mapping[str, str]]) -> str:
    """One line a patch: its state, its name, the reason."""
    states = max((len(patch["state"]) for patch in patches), default=0)
    names = max((len(patch["name"]) for patch in patches), default=0)
    return "".join(f"{patch['state']:{states}}  {patch['name']:{names}}  {patch['reason']}\n" for patch in patches)
