"""One builder per variant: its workers, its tags (every axis), its steps."""

from __future__ import annotations

from typing import Any

from buildbot.config import BuilderConfig
from buildbot.process.factory import BuildFactory

from arm_ci.config.model import Config, Variant
from arm_ci.plan import Recipe
from arm_ci.steps import (
    Artefacts,
    Build,
    CheckWorker,
    Configure,
    PatchSet,
    Prerequisites,
    Summary,
    Tests,
    source_step,
)


def steps(config: Config, variant: Variant) -> list[Any]:
    """The steps of a variant's build, in order."""
    recipe = Recipe(config, variant)
    artefacts = config.path(config.site.state) / "artefacts"
    return [
        CheckWorker(recipe),
        source_step(config, recipe.project),
        PatchSet(recipe),
        Prerequisites(recipe),
        Configure(recipe),
        Build(recipe),
        Tests(recipe),
        Artefacts(recipe, str(artefacts)),
        Summary(recipe),
    ]


def workers_of(config: Config, board: str) -> list[str]:
    """Names of the workers of a board."""
    return [worker.name for worker in config.workers.values() if worker.board == board]


def builder(config: Config, variant: Variant) -> BuilderConfig:
    """The builder of a variant."""
    board = config.boards[variant.board]
    return BuilderConfig(
        name=variant.name,
        workernames=workers_of(config, variant.board),
        factory=BuildFactory(steps(config, variant)),
        tags=[
            variant.project,
            variant.board,
            variant.compiler,
            variant.linker,
            variant.generator,
            f"debug-{variant.debug_info}",
            variant.tier,
        ],
        description=(
            f"{variant.project} on {board.description or board.name} with {variant.compiler} and {variant.linker}, "
            f"{variant.generator}, debug info {variant.debug_info}"
        ),
    )
