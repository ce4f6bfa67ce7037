"""`buildbot try`: a person's uncommitted work is built as a patch on top of an upstream revision.

Buildbot's client may send any branch, repository and property; here only what the force form allows too gets through,
and a refusal is a sentence that the client shows. Applying the patch is a step's business.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from buildbot.process.properties import Properties
from buildbot.process.results import EXCEPTION
from buildbot.schedulers.trysched import RemoteBuildSetStatus, Try_Userpass, Try_Userpass_Perspective
from twisted.python import log
from twisted.spread import pb

from arm_ci.config.model import Config, Variant
from arm_ci.config.project import Project
from arm_ci.master.deferred import as_deferred
from arm_ci.master.workers.configured import endpoint
from arm_ci.plan.recipe import parse_jobs, parse_reference, parse_targets

_LONGEST_COMMENT = 200
_REVISION = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


@dataclass(frozen=True)
class Tried:
    """A project as `buildbot try` sees it."""

    branches: tuple[str, ...]
    tags: tuple[str, ...]
    variants: tuple[str, ...]
    usual: tuple[str, ...]
    """What is built when nobody names a variant: those of tier `commit`."""


@dataclass(frozen=True)
class Job:
    """What a client asks for, checked."""

    project: str
    variants: tuple[str, ...]
    branch: str
    revision: str | None
    strip: int
    patch: bytes
    properties: Mapping[str, Any]


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


# -- judging a job --------------------------------------------------------------------------------------------


def check_job(
    projects: Mapping[str, Tried],
    project: str,
    builders: Sequence[str],
    branch: str,
    revision: str,
    patch: tuple[Any, bytes],
    properties: Mapping[str, Any],
) -> Job:
    """The job that a client's words mean. Raises ValueError with the sentence for the person."""
    given = dict(properties)
    # Buildbot's client has no option for the project, so that it may also come as a property.
    name, variants = _variants(projects, str(given.pop("project", project)), builders)
    strip, text = patch
    if not text:
        raise ValueError(
            "the diff is empty: nothing was changed, or git does not know on top of what "
            "(`git branch --set-upstream-to origin/BRANCH`)"
        )
    if not isinstance(strip, int) or isinstance(strip, bool):
        raise ValueError("the patch level is not a number")
    _check_patch(text, strip)
    revision = parse_reference(revision)
    if revision and not _REVISION.fullmatch(revision):
        raise ValueError(f"`{revision}` is not a revision: 7 to 64 digits and letters a to f were expected")
    return Job(
        project=name,
        variants=variants,
        branch=_branch(projects[name], parse_reference(branch), revision),
        revision=revision or None,
        strip=strip,
        patch=text,
        properties=_properties(given),
    )


def _variants(projects: Mapping[str, Tried], project: str, builders: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    if project and project not in projects:
        raise ValueError(f"there is no project `{project}`; expected one of {_listed(projects)}")
    owners = {variant: name for name, tried in projects.items() for variant in tried.variants}
    for builder in builders:
        if builder not in owners:
            raise ValueError(f"there is no variant `{builder}`")
        if project and owners[builder] != project:
            raise ValueError(f"variant `{builder}` is not of project `{project}`")
    if builders:
        found = {owners[builder] for builder in builders}
        if len(found) > 1:
            raise ValueError(f"the variants are of several projects: {_listed(found)}; try one at a time")
        return found.pop(), tuple(dict.fromkeys(builders))
    if not project and len(projects) > 1:
        raise ValueError(
            "say what to build: `--builder VARIANT`, or `--properties project=NAME` for a project's variants of tier "
            f"`commit`, one of {_listed(projects)}"
        )
    name = project or next(iter(projects))
    if not projects[name].usual:
        raise ValueError(f"project `{name}` has no variants of tier `commit`; name one with --builder")
    return name, projects[name].usual


def _branch(project: Tried, branch: str, revision: str) -> str:
    """The upstream branch that a client's word means; git's client sends its local or remote name of it."""
    known = (*project.branches, *project.tags)
    branch = branch.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    for candidate in (branch, branch.partition("/")[2]):
        if candidate in known:
            return candidate
    if branch and not revision:
        raise ValueError(f"there is no branch `{branch}`; expected one of {_listed(known)}")
    # A branch of the person's own: what counts is the revision that it began with.
    return project.branches[0]


def _properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the force form offers: others would reach into the steps, as `builddir` does."""
    for name in properties:
        if name not in ("targets", "jobs"):
            raise ValueError(f"property `{name}` is not one of `targets`, `jobs` and `project`")
    found: dict[str, Any] = {}
    if "targets" in properties:
        if not isinstance(properties["targets"], str):
            raise ValueError("property `targets` is not text")
        found["targets"] = " ".join(parse_targets(properties["targets"]))
    if "jobs" in properties:
        found["jobs"] = parse_jobs(str(properties["jobs"]))
    return found


def _check_patch(text: bytes, strip: int) -> None:
    # Imported late: a master starts without the patch engine where nobody uses it.
    from arm_ci.patches import forced

    forced.parse_strip(str(strip))
    try:
        forced.parse(text, strip)
    except forced.ForcedPatchError as error:
        raise ValueError(f"the patch cannot be applied: {error}") from error


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


# -- Buildbot's side ------------------------------------------------------------------------------------------


class TryScheduler(Try_Userpass):
    """Buildbot's scheduler for `buildbot try` with a password, strict about what a client may ask for."""

    def checkConfig(self, projects: Mapping[str, Tried], **kwargs: Any) -> None:
        super().checkConfig(**kwargs)

    @as_deferred
    async def reconfigService(self, projects: Mapping[str, Tried], **kwargs: Any) -> None:
        self.projects = projects
        if self.active:
            # Buildbot's own forgets whom it registered and then cannot register them again.
            await self._destroy_pb()
        await super().reconfigService(**kwargs)

    @as_deferred
    async def _create_pb(self) -> None:
        for person, password in self.userpass:
            registration = await self.master.pbmanager.register(
                self.port, person, password, lambda _, name: Person(self, name)
            )
            self.registrations.append(registration)


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
            job = _read_job(self.scheduler.projects, branch, revision, patch, project, builderNames, properties)
        except ValueError as error:
            log.msg(f"`buildbot try` by {self.username}: refused: {error}")
            return Refusal(str(error))
        comment = _text(comment)[:_LONGEST_COMMENT]
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


def _read_job(
    projects: Mapping[str, Tried],
    branch: Any,
    revision: Any,
    patch: Any,
    project: Any,
    builders: Any,
    properties: Any,
) -> Job:
    """Brings what came over the network into its types."""
    if not isinstance(patch, tuple | list) or len(patch) != 2:
        raise ValueError("the request holds no patch")
    strip, text = patch
    if not isinstance(builders or [], tuple | list) or not isinstance(properties or {}, dict):
        raise ValueError("the request is not one of `buildbot try`")
    return check_job(
        projects,
        _text(project),
        [_text(builder) for builder in builders or []],
        _text(branch),
        _text(revision),
        (strip, text.encode() if isinstance(text, str) else text if isinstance(text, bytes) else b""),
        {_text(name): value for name, value in (properties or {}).items()},
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return value.strip() if isinstance(value, str) else ""


class Refusal(pb.Referenceable):
    """A refusal in the form of a build that failed: the client shows its text, where an error would be a traceback."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def remote_getBuildRequests(self) -> list[tuple[str, Refusal]]:
        return [("refused", self)]

    def remote_subscribe(self, subscriber: Any, interval: int = 0) -> Any:
        # Asked once for the request, and once, with an interval, for its build.
        return None if interval else subscriber.callRemote("newbuild", self, "refused")

    def remote_waitUntilFinished(self) -> Refusal:
        return self

    def remote_getResults(self) -> int:
        return int(EXCEPTION)

    def remote_getText(self) -> list[str]:
        return [self.sentence]
