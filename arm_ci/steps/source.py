"""The source at the wanted revision, by Buildbot's own Git step, with the build tree kept outside the checkout."""

from __future__ import annotations

from typing import Any

from buildbot.plugins import steps

from arm_ci.config.model import Config, Project


def repository_url(config: Config, project: Project) -> str:
    """Where workers fetch the project from; a plain directory's repository is made in the state directory."""
    if project.directory:
        return str(config.path(config.site.state) / "sources" / f"{project.name}.git")
    if "://" in project.repository or (":" in project.repository and not project.repository.startswith(("/", "."))):
        return project.repository
    return str(config.path(project.repository))


def source_step(config: Config, project: Project) -> Any:
    """The Git step of a project: a clean checkout of the revision, whatever the last build left behind."""
    return steps.Git(
        name="source",
        repourl=repository_url(config, project),
        branch=project.branches[0],
        mode="full",
        method="clean",
        workdir="source",
        logEnviron=False,
        env={"LC_ALL": "C"},
        progress=False,
        retry=(30, 2),
        timeout=project.timeout,
        haltOnFailure=True,
    )
