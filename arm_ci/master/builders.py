"""One builder per variant: its workers, its tags (every axis), its steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from buildbot.config import BuilderConfig
from buildbot.process.factory import BuildFactory
from buildbot.process.project import Project as BuildbotProject

from arm_ci.config.model import Config, Project, Variant
from arm_ci.master.building import VariantBuild
from arm_ci.plan import Recipe
from arm_ci.steps import (
    Artefacts,
    Build,
    CheckWorker,
    Configure,
    ForcedPatch,
    PatchSet,
    Prerequisites,
    Summary,
    Tests,
    source_step,
)


def steps(config: Config, variant: Variant, source: Any, artefacts: Path) -> list[Any]:
    """The steps of a variant's build, in order; `source` is the project's source step."""
    recipe = Recipe(config, variant)
    return [
        CheckWorker(recipe),
        source,
        ForcedPatch(recipe),
        PatchSet(recipe),
        Prerequisites(recipe),
        Configure(recipe),
        Build(recipe),
        Tests(recipe),
        Artefacts(recipe, str(artefacts)),
        Summary(recipe),
    ]


def artefacts_directory(config: Config) -> Path:
    """Where artefacts are kept on the master: BUILDER/NUMBER/FILE below it."""
    return config.path(config.site.state) / "artefacts"


def builders(config: Config, chosen: Sequence[Variant]) -> list[BuilderConfig]:
    """A builder for each variant, in their order."""
    # Made once each, not once a builder: with a thousand builders that is a fifth of the start.
    sources = {project.name: source_step(config, project) for project in config.projects.values()}
    artefacts = artefacts_directory(config)
    workers: dict[str, list[str]] = {}
    for worker in config.workers.values():
        workers.setdefault(worker.board, []).append(worker.name)
    return [
        _builder(config, variant, workers[variant.board], steps(config, variant, sources[variant.project], artefacts))
        for variant in chosen
    ]


def buildbot_project(project: Project) -> Any:
    """A project's page, with its builders alone."""
    return BuildbotProject(name=project.name, slug=project.name, description=project.description or None)


def _builder(config: Config, variant: Variant, workers: list[str], its_steps: list[Any]) -> BuilderConfig:
    board = config.boards[variant.board]
    factory = BuildFactory(its_steps)
    factory.buildClass = VariantBuild
    return BuilderConfig(
        name=variant.name,
        project=variant.project,
        workernames=workers,
        factory=factory,
        # What a newer commit supersedes its scheduler ends, see superseding.py.
        collapseRequests=False,
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
