"""One builder per variant: its workers, its tags (every axis), its steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from buildbot.config import BuilderConfig
from buildbot.process.factory import BuildFactory
from buildbot.process.project import Project as BuildbotProject

from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Project
from arm_ci.guests import git_service
from arm_ci.master.builds.variant_build import VariantBuild


def steps(config: Config, variant: Variant) -> list[Any]:
    """The steps of a variant's build, in order."""
    # Imported late: see VariantFactory.
    from arm_ci.plan import Recipe
    from arm_ci.steps import (
        Artefacts,
        Build,
        CheckWorker,
        Configure,
        ForcedPatch,
        LearnPeaks,
        LinkTrial,
        PatchSet,
        Prerequisites,
        Summary,
        Tests,
        source_step,
    )

    recipe = Recipe(config, variant)
    return [
        CheckWorker(recipe),
        source_step(config.projects[variant.project], _repository(config, variant)),
        ForcedPatch(recipe),
        PatchSet(recipe),
        Prerequisites(recipe),
        Configure(recipe),
        Build(recipe, str(peaks_directory(config))),
        LearnPeaks(recipe),
        LinkTrial(recipe),
        Tests(recipe),
        Artefacts(recipe, str(artefacts_directory(config))),
        Summary(recipe),
    ]


def _repository(config: Config, variant: Variant) -> str:
    """Where the variant's worker fetches from: a guest has no directory of this machine."""
    address = config.repository_url(config.projects[variant.project])
    return address if config.boards[variant.board].guest is None else git_service.url(address)


def artefacts_directory(config: Config) -> Path:
    """Where artefacts are kept on the master: BUILDER/NUMBER/FILE below it."""
    return config.path(config.site.state) / "artefacts"


def peaks_directory(config: Config) -> Path:
    """Where the learned peaks are kept on the master: VARIANT.json in it."""
    return config.path(config.site.state) / "peaks"


class VariantFactory(BuildFactory):
    """Makes the steps of a variant when it is first built.

    Of a thousand variants most are not built today, and a configuration that is only checked builds none.
    """

    buildClass = VariantBuild
    compare_attrs = ("_config", "_variant")

    def __init__(self, config: Config, variant: Variant) -> None:
        super().__init__()
        self._config = config
        self._variant = variant

    def newBuild(self, requests: Any, builder: Any) -> Any:
        """A build with all its steps."""
        if not self.steps:
            self.addSteps(steps(self._config, self._variant))
        return super().newBuild(requests, builder)


def builders(config: Config, chosen: Sequence[Variant]) -> list[BuilderConfig]:
    """A builder for each variant, in their order."""
    workers: dict[str, list[str]] = {}
    for worker in config.workers.values():
        workers.setdefault(worker.board, []).append(worker.name)
    return [_builder(config, variant, workers[variant.board]) for variant in chosen]


def buildbot_project(project: Project) -> Any:
    """A project's page, with its builders alone."""
    return BuildbotProject(name=project.name, slug=project.name, description=project.description or None)


def _builder(config: Config, variant: Variant, workers: list[str]) -> BuilderConfig:
    board = config.boards[variant.board]
    return BuilderConfig(
        name=variant.name,
        project=variant.project,
        workernames=workers,
        factory=VariantFactory(config, variant),
        # What a newer commit supersedes its scheduler ends, see triggers/superseding.py.
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
