"""`buildbot try`: a person's uncommitted work is built as a patch on top of an upstream revision.

What a client may ask for is try_job.py's business, applying the patch a step's.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from buildbot.process.properties import Properties
from buildbot.schedulers.trysched import RemoteBuildSetStatus, Try_Userpass_Perspective
from twisted.python import log

from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Project
from arm_ci.master.buildbot_fixes.try_port import Refusal, TryPort
from arm_ci.master.deferred import as_deferred
from arm_ci.master.triggers.try_job import Tried, read_job, text_of
from arm_ci.master.workers.configured import endpoint

_LONGEST_COMMENT = 200


def try_scheduler(config: Config, chosen: Sequence[Variant]) -> Any:
    """Accepts the jobs of the site's people for every project, on the workers' port."""
    return TryScheduler(
        name="try",
        builderNames=[variant.name for variant in chosen],
        port=endpoint(config.site.workers),
        userpass=[(person, _password(config, person)) for person in config.site.people],
        projects={project.name: _tried(project, chosen) for project in config.projects.values()},
        properties={"trigger": "try"},
    )


def _tried(project: Project, chosen: Sequence[Variant]) -> Tried:
    ours = [variant for variant in chosen if variant.project == project.name]
    return Tried(
        branches=project.branches,
        tags=project.tags,
        variants=tuple(variant.name for variant in ours),
        usual=tuple(variant.name for variant in ours if variant.tier == "commit"),
    )


def _password(config: Config, person: str) -> str:
    """A person's password; without a file that can be read, one that nobody knows."""
    path = config.path(config.site.person_file(person))
    try:
        if password := path.read_text(encoding="utf-8").strip():
            return password
        reason = "it is empty"
    except OSError as error:
        reason = str(error.strerror)
    log.msg(f"{person} cannot use `buildbot try`: {path}: {reason}")
    return secrets.token_urlsafe(32)


class TryScheduler(TryPort):
    """Buildbot's scheduler for `buildbot try` with a password, strict about what a client may ask for."""

    def checkConfig(self, projects: Mapping[str, Tried], **kwargs: Any) -> None:
        super().checkConfig(**kwargs)

    @as_deferred
    async def reconfigService(self, *, projects: Mapping[str, Tried], **kwargs: Any) -> None:  # type: ignore[override]
        self.projects = projects
        await super().reconfigService(**kwargs)

    def person(self, name: str) -> Person:
        return Person(self, name)


class Person(Try_Userpass_Perspective):
    """What somebody who logged in can do; methods that begin with `perspective_` are called by the client."""

    @as_deferred
    async def perspective_try(
        self,
        branch: Any,
        revision: Any,
        patch: Any,
        repository: Any,
        project: Any,
        builderNames: Any,
        who: Any = "",
        comment: Any = "",
        properties: Any = None,
    ) -> Any:
        """Starts builds. `repository` and `who` are not believed: the one is configured, the other has logged in."""
        try:
            job = read_job(self.scheduler.projects, branch, revision, patch, project, builderNames, properties)
        except ValueError as error:
            log.msg(f"`buildbot try` by {self.username}: refused: {error}")
            return Refusal(str(error))
        comment = text_of(comment)[:_LONGEST_COMMENT]
        reason = f"`buildbot try` by {self.username}" + (f": {comment}" if comment else "")
        wanted = Properties()
        wanted.update(job.properties, "buildbot try")
        wanted.setProperty("owner", self.username, "buildbot try")
        source = {
            "branch": job.branch,
            "revision": job.revision,
            "repository": "",
            "project": job.project,
            "codebase": "",
            "patch_level": job.strip,
            "patch_body": job.patch,
            "patch_subdir": "",
            "patch_author": self.username,
            "patch_comment": comment,
        }
        log.msg(f"{reason}: {', '.join(job.variants)}")
        build_set, requests = await self.scheduler.addBuildsetForSourceStamps(
            sourcestamps=[source], reason=reason, properties=wanted, builderNames=list(job.variants)
        )
        return RemoteBuildSetStatus(self.scheduler.master, build_set, requests)
