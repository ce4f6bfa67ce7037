"""What `buildbot try` asks for: only what the force form allows too, or a refusal in one sentence.

Buildbot's client may send any branch, repository and property. Pure: nothing of Buildbot is needed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arm_ci.plan.choices import parse_jobs, parse_reference, parse_targets

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
    """The project, and the variants of it that are to be built."""
    if project and project not in projects:
        raise ValueError(f"there is no project `{project}`; expected one of {_listed(projects)}")
    if builders:
        return _named(projects, project, builders)
    if not project and len(projects) > 1:
        raise ValueError(
            "say what to build: `--builder VARIANT`, or `--properties project=NAME` for a project's variants of tier "
            f"`commit`, one of {_listed(projects)}"
        )
    name = project or next(iter(projects))
    if not projects[name].usual:
        raise ValueError(f"project `{name}` has no variants of tier `commit`; name one with --builder")
    return name, projects[name].usual


def _named(projects: Mapping[str, Tried], project: str, builders: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The project of the variants that were named, and each of them once."""
    owners = {variant: name for name, tried in projects.items() for variant in tried.variants}
    for builder in builders:
        if builder not in owners:
            raise ValueError(f"there is no variant `{builder}`")
        if project and owners[builder] != project:
            raise ValueError(f"variant `{builder}` is not of project `{project}`")
    found = {owners[builder] for builder in builders}
    if len(found) > 1:
        raise ValueError(f"the variants are of several projects: {_listed(found)}; try one at a time")
    return found.pop(), tuple(dict.fromkeys(builders))


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


def read_job(
    projects: Mapping[str, Tried],
    branch: Any,
    revision: Any,
    patch: Any,
    project: Any,
    builders: Any,
    properties: Any,
) -> Job:
    """Brings what came over the network into its types."""
    given = _patch_of(patch)
    if not isinstance(builders or [], tuple | list) or not isinstance(properties or {}, dict):
        raise ValueError("the request is not one of `buildbot try`")
    return check_job(
        projects,
        text_of(project),
        [text_of(builder) for builder in builders or []],
        text_of(branch),
        text_of(revision),
        given,
        {text_of(name): value for name, value in (properties or {}).items()},
    )


def _patch_of(patch: Any) -> tuple[Any, bytes]:
    """Strip level, which is yet to be checked, and text; empty when it is neither text nor bytes."""
    if not isinstance(patch, tuple | list) or len(patch) != 2:
        raise ValueError("the request holds no patch")
    strip, text = patch
    if isinstance(text, str):
        return strip, text.encode()
    return strip, text if isinstance(text, bytes) else b""


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return value.strip() if isinstance(value, str) else ""
