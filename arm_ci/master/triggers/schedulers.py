"""Starts builds without a person: the variants of tier `commit` for new commits, those of tier `nightly` every night.

Which commits there are is commit_poller.py's business, what happens to requests that still wait superseding.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from buildbot.plugins import util
from twisted.python import log

from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Project
from arm_ci.master.buildbot_fixes.nightly_time import PunctualNightly
from arm_ci.master.buildbot_fixes.taken_changes import TakesChanges
from arm_ci.master.buildbot_fixes.tree_timer import EachBranchScheduler
from arm_ci.master.deferred import as_deferred
from arm_ci.master.triggers.superseding import Superseding

# Ten commits of one push arrive one after the other; together they are one build of the newest.
STABLE_SECONDS = 2


@dataclass(frozen=True)
class Important:
    """Whether a change can matter to a build; compares equal for equal patterns, so that a reconfig changes nothing."""

    unimportant: tuple[str, ...]

    def __call__(self, change: Any) -> bool:
        """A change without files counts: an empty commit was made to be built, or what it changes is not known."""
        return not change.files or any(not self.is_unimportant(file) for file in change.files)

    def is_unimportant(self, file: str) -> bool:
        return any(fnmatchcase(file, pattern) for pattern in self.unimportant)


class CommitScheduler(TakesChanges, Superseding, EachBranchScheduler):
    """Builds the newest commit of each branch when no other came for some seconds."""


class NightlyScheduler(TakesChanges, Superseding, PunctualNightly):
    """Builds a branch every night.

    `compared` is the directory of a repository on this machine of which no changes are told: a night is skipped when
    the branch there is where it was when a night built it last.
    """

    def checkConfig(self, *args: Any, compared: str = "", **kwargs: Any) -> None:
        super().checkConfig(*args, **kwargs)

    @as_deferred
    async def reconfigService(self, *args: Any, compared: str = "", **kwargs: Any) -> None:
        self.compared = compared
        await super().reconfigService(*args, **kwargs)

    @as_deferred
    async def startBuild(self) -> None:
        head = head_of(Path(self.compared), self.branch) if self.compared else ""
        if head and head == await self.getState("built", ""):
            log.msg(f"{self.name}: nothing is built, for nothing has changed since {head}")
            return
        await super().startBuild()
        if self.enabled:
            await self.setState("built", head)


def head_of(repository: Path, branch: str) -> str:
    """The newest commit of a branch in a bare repository; empty when it cannot be told."""
    name = f"refs/heads/{branch}"
    with suppress(OSError, ValueError):
        return (repository / name).read_text(encoding="ascii").strip()
    # Where git moves it when it tidies up.
    with suppress(OSError, ValueError):
        rows = (repository / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((row.partition(" ")[0] for row in rows if row.endswith(f" {name}")), "")
    return ""


def is_watched(config: Config, project: Project) -> bool:
    """Whether new commits of a project are noticed: by asking its repository, or because GitHub says so."""
    return bool(project.repository) and (project.poll > 0 or config.site.github_webhook)


def schedulers_of(project: Project, variants: Sequence[Variant], watched: bool, own: str = "") -> list[Any]:
    """The schedulers of a project; `watched` is whether new commits of it are noticed.

    `own` is the repository of a project that is a `directory`.
    """
    commit = [variant.name for variant in variants if variant.tier == "commit"]
    nightly = [variant.name for variant in variants if variant.tier == "nightly"]
    found = [_commit_scheduler(project, commit)] if commit and watched else []
    return [
        *found,
        *(_nightly_scheduler(project, branch, nightly, watched, own) for branch in project.branches if nightly),
    ]


def _commit_scheduler(project: Project, builders: list[str]) -> Any:
    return CommitScheduler(
        name=f"commit-{project.name}",
        builderNames=builders,
        change_filter=util.ChangeFilter(project=project.name, branch=list(project.branches)),
        treeStableTimer=STABLE_SECONDS,
        fileIsImportant=Important(project.unimportant),
        onlyImportant=True,
        reason=f"new commits of {project.name}",
        properties={"trigger": "commit"},
    )


def _nightly_scheduler(project: Project, branch: str, builders: list[str], watched: bool, own: str) -> Any:
    hour, minute = project.nightly.split(":")
    return NightlyScheduler(
        # No project's name holds a colon, so that project `a`, branch `b-c` and project `a-b`, branch `c` are two.
        name=f"nightly-{project.name}:{branch}",
        builderNames=builders,
        change_filter=util.ChangeFilter(project=project.name, branch=branch),
        branch=branch,
        codebases={"": {"branch": branch, "repository": ""}},
        hour=int(hour),
        minute=int(minute),
        # Of a repository elsewhere that nobody watches it is not known whether a commit came.
        onlyIfChanged=watched and not project.nightly_unchanged,
        compared="" if project.nightly_unchanged else own,
        fileIsImportant=Important(project.unimportant),
        onlyImportant=True,
        reason=f"nightly build of {project.name} {branch}",
        properties={"trigger": "nightly"},
    )
