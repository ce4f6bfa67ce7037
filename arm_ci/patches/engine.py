"""Judge and apply a patch set on a source tree: which patches are needed, which upstream has already, which conflict.

It does not read series.yaml (series.py makes the JSON bundle that this reads) and knows nothing of boards or variants.
Diffs are read by diffs.py, matched by matching.py, written by transaction.py. It is shipped to workers: standard
library only, Python >= 3.7.
"""

# zip's strict is newer than 3.7:
# ruff: noqa: B905

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .diffs import BundleError, FilePatch, reversed_file
from .matching import RefusedError, Tree, quoted, run
from .parsing import parse_patch
from .paths import outside, shown, text_of
from .transaction import SourceError, opened, write

SCHEMA = 1
APPLIES = "applies"
ALREADY_UPSTREAM = "already upstream"
NOT_NEEDED = "not needed"
CONFLICTS = "conflicts"
STATES = (APPLIES, ALREADY_UPSTREAM, NOT_NEEDED, CONFLICTS)


@dataclass(frozen=True)
class Context:
    """What the tree will be built for. An axis that is None is not asked: conditions on it count as met."""

    version: str | None = None
    """Upstream version; None: read from the tree as the bundle says."""
    architecture: str | None = None
    compiler: str | None = None
    """Family: gcc or clang."""
    compiler_version: str | None = None
    generator: str | None = None
    os: str | None = None
    """Distribution and version, for example debian-12."""


@dataclass(frozen=True)
class PatchState:
    """The state of one patch (one of STATES) on one tree, and why, in a sentence."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class Conditions:
    """For what a patch is needed; an empty condition always holds."""

    versions: str = ""
    architectures: tuple[str, ...] = ()
    compilers: tuple[tuple[str, str], ...] = ()
    generators: tuple[str, ...] = ()
    os: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marker:
    """Upstream has its own fix when `pattern` (multi-line regular expression) is found in `file`."""

    file: str
    pattern: str


@dataclass(frozen=True)
class Patch:
    """One patch of a series."""

    name: str
    title: str
    needed_for: Conditions
    upstream: tuple[Marker, ...]
    files: tuple[FilePatch, ...]


@dataclass(frozen=True)
class Series:
    """A patch set: patches in the order in which they are applied."""

    project: str
    version: Marker | None
    """File and pattern (one group) that tell the upstream version."""
    patches: tuple[Patch, ...]


# --- bundles -----------------------------------------------------------------------------------------------------


def load_bundle(bundle: Mapping[str, Any]) -> Series:
    """The series of a bundle, as series.py makes them (`{"schema": 1, "project", "version", "patches"}`).

    Raises BundleError with the patch's name.
    """
    if not isinstance(bundle, dict) or bundle.get("schema") != SCHEMA:
        raise BundleError(f"expected a bundle with `schema` {SCHEMA}")
    patches = []
    for number, raw in enumerate(_get(bundle, "patches", list, "the bundle"), 1):
        where = f"patch {number}"
        if not isinstance(raw, dict):
            raise BundleError(f"{where}: expected an object")
        name = _get(raw, "name", str, where)
        try:
            files = parse_patch(_get(raw, "text", str, where).encode("utf-8", "surrogateescape"))
            patches.append(Patch(name, raw.get("title", ""), _conditions(raw), _markers(raw), files))
        except BundleError as error:
            raise BundleError(f"{name}: {error}") from None
    version = bundle.get("version")
    return Series(
        project=_get(bundle, "project", str, "the bundle"),
        version=None if version is None else _marker(version, "version"),
        patches=tuple(patches),
    )


def _get(raw: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if not isinstance(raw.get(key), kind):
        raise BundleError(f"{where}: `{key}`: expected {'text' if kind is str else 'a ' + kind.__name__}")
    return raw[key]


def _conditions(raw: Mapping[str, Any]) -> Conditions:
    given = raw.get("needed_for", {})
    if not isinstance(given, dict):
        raise BundleError("`needed_for`: expected an object")
    unknown = sorted(set(given) - {"versions", "architectures", "compilers", "generators", "os"})
    if unknown:
        raise BundleError(f"`needed_for`: unknown condition `{unknown[0]}`")
    lists = {}
    for key in ("architectures", "generators", "os"):
        values = given.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise BundleError(f"`needed_for.{key}`: expected a list of names")
        lists[key] = tuple(values)
    compilers = given.get("compilers", {})
    if not isinstance(compilers, dict):
        raise BundleError("`needed_for.compilers`: expected an object of family and version range")
    for expression in [given.get("versions", ""), *compilers.values()]:
        if not isinstance(expression, str):
            raise BundleError("`needed_for`: expected a version range as text")
        parse_range(expression)
    return Conditions(versions=given.get("versions", ""), compilers=tuple(compilers.items()), **lists)


def _markers(raw: Mapping[str, Any]) -> tuple[Marker, ...]:
    given = raw.get("upstream", [])
    if not isinstance(given, list):
        raise BundleError("`upstream`: expected a list of file and pattern")
    return tuple(_marker(marker, "upstream") for marker in given)


def _marker(raw: Any, where: str) -> Marker:
    if not isinstance(raw, dict):
        raise BundleError(f"`{where}`: expected file and pattern")
    marker = Marker(_get(raw, "file", str, f"`{where}`"), _get(raw, "pattern", str, f"`{where}`"))
    problem = outside(marker.file)
    if problem:
        raise BundleError(f"`{where}`: {problem}")
    try:
        re.compile(marker.pattern)
    except re.error as error:
        raise BundleError(f"`{where}`: `{marker.pattern}` is not a regular expression: {error}") from None
    return marker


# --- versions ----------------------------------------------------------------------------------------------------

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def parse_range(expression: str) -> list[tuple[str, tuple[int, ...]]]:
    """The comparisons of a version range such as `>=1.0.0, <1.5.0`; empty text has none. Raises BundleError."""
    found = []
    for part in expression.split(","):
        match = re.match(r"\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)\s*$", part)
        if match:
            found.append((match[1], _numbers(match[2])))
        elif expression.strip():
            raise BundleError(f"`{expression}` is not a version range: expected for example `>=1.0.0, <1.5.0`")
    return found


def in_range(version: str, expression: str) -> bool:
    """Whether a version meets every comparison of a range. Only leading numbers count: 1.2.0-rc1 is 1.2.0."""
    return all(_COMPARISONS[sign](_numbers(version), limit) for sign, limit in parse_range(expression))


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:  # 1.2 and 1.2.0 are the same
        numbers.pop()
    return tuple(numbers)


def read_version(source: str, version: Marker | None) -> str | None:
    """The upstream version that stands in the tree, or None. Raises SourceError."""
    try:
        found = _search(Tree(source), version) if version else None
    except OSError as error:
        raise SourceError(f"{os.fsdecode(error.filename or source)}: {error.strerror}") from error
    return shown(found[1].group(1).strip()) if found and found[1].re.groups else None


def _search(tree: Tree, marker: Marker) -> tuple[int, Any] | None:
    """Line number and match of a marker, or None."""
    try:
        file = tree.read(marker.file)
    except RefusedError:
        return None
    if file is None:
        return None
    text = text_of(file.data)
    match = re.search(marker.pattern, text, re.MULTILINE)
    return (text.count("\n", 0, match.start()) + 1, match) if match else None


# --- judging -----------------------------------------------------------------------------------------------------


def check(series: Series, source: str, context: Context) -> tuple[PatchState, ...]:
    """The state of every patch, each on top of those before it. An interrupted apply is finished or undone first.

    Raises SourceError.
    """
    with opened(source):
        return _judge(series, Tree(source), context)[0]


def apply(series: Series, source: str, context: Context) -> tuple[PatchState, ...]:
    """Apply every patch whose state is `applies`; the states are those before. Any conflict: nothing is changed.

    All files change or none, also when the process or the machine dies on the way. Raises SourceError.
    """
    with opened(source):
        states, tree = _judge(series, Tree(source), context)
        if tree.changes and not any(state.state == CONFLICTS for state in states):
            write(source, tree.changes)
        return states


def applied(states: Sequence[PatchState]) -> list[str]:
    """The patches that `apply` has applied when it returned these states."""
    if any(state.state == CONFLICTS for state in states):
        return []
    return [state.name for state in states if state.state == APPLIES]


def _judge(series: Series, tree: Tree, context: Context) -> tuple[tuple[PatchState, ...], Tree]:
    """States, and the tree as it would be."""
    if context.version is None:
        context = replace(context, version=read_version(tree.source, series.version))
    states, result = _judge_once(series.patches, tree, context)
    if result.changes:
        # The same patch again must find its own lines: otherwise a second apply would change the tree once more.
        again, _ = _judge_once(series.patches, result, context)
        states = tuple(_unless_lost(state, second) for state, second in zip(states, again))
    return tuple(replace(state, name=shown(state.name), reason=shown(state.reason)) for state in states), result


def _unless_lost(state: PatchState, again: PatchState) -> PatchState:
    """The state of a patch, given its state on the result of the series: it must be recognised there."""
    if state.state == APPLIES and again.state == APPLIES:
        return PatchState(state.name, CONFLICTS, "would apply again to the result of the series")
    if state.state == APPLIES and again.state == CONFLICTS:
        return PatchState(state.name, CONFLICTS, f"would not be recognised in the result of the series: {again.reason}")
    return state


def _judge_once(patches: Sequence[Patch], base: Tree, context: Context) -> tuple[tuple[PatchState, ...], Tree]:
    states = []
    tree = base
    for number, patch in enumerate(patches):
        upstream = _upstream(patch, base)
        unmet = None if upstream else _unmet(patch.needed_for, context)
        if upstream:
            states.append(PatchState(patch.name, ALREADY_UPSTREAM, upstream))
        elif unmet:
            states.append(PatchState(patch.name, NOT_NEEDED, unmet))
        else:
            state, tree = _judge_hunks(patch, patches[number + 1 :], tree, context)
            states.append(state)
    return tuple(states), tree


def _upstream(patch: Patch, tree: Tree) -> str | None:
    """Why upstream has its own fix, or None. All markers must be found."""
    found = [(marker, _search(tree, marker)) for marker in patch.upstream]
    if not found or not all(hit for _, hit in found):
        return None
    marker, hit = found[0]
    assert hit
    return f"upstream has its own: {quoted(hit[1].group(0).encode('utf-8', 'replace'))} at {marker.file}:{hit[0]}"


def _unmet(conditions: Conditions, context: Context) -> str | None:
    """Which condition does not hold and what is there instead, or None."""
    if context.version and not in_range(context.version, conditions.versions):
        return f"needed for versions {conditions.versions}; this is {context.version}"
    for values, actual in (
        (conditions.architectures, context.architecture),
        (conditions.generators, context.generator),
        (conditions.os, context.os),
    ):
        if actual and values and not any(fnmatch.fnmatchcase(actual, value) for value in values):
            return f"needed for {', '.join(values)}; this is {actual}"
    return _other_compiler(conditions, context)


def _other_compiler(conditions: Conditions, context: Context) -> str | None:
    """For which compilers it is needed, when this is none of them."""
    if not context.compiler or not conditions.compilers:
        return None
    wanted = dict(conditions.compilers).get(context.compiler)
    version = context.compiler_version
    if wanted is not None and (not version or in_range(version, wanted)):
        return None
    needed = " or ".join(f"{family} {versions}".strip() for family, versions in conditions.compilers)
    return f"needed for {needed}; this is {context.compiler} {version or ''}".rstrip()


def _judge_hunks(patch: Patch, later: Sequence[Patch], tree: Tree, context: Context) -> tuple[PatchState, Tree]:
    """The state of a patch that is needed, and the tree with it."""
    forward = run(patch.files, tree)
    backward = run([reversed_file(file) for file in patch.files], tree)
    if not backward.problems and not forward.problems and backward.drift == forward.drift:
        return PatchState(patch.name, CONFLICTS, "fits both as applied and as not applied: needs more context"), tree
    # Where both sides match (a tree of much the same lines), the one that is where the patch says is meant.
    stands = not backward.problems and (bool(forward.problems) or backward.drift < forward.drift)
    if stands or (forward.problems and _stands_below(patch, later, tree)):
        return PatchState(patch.name, ALREADY_UPSTREAM, "its lines stand in the tree already"), tree
    if forward.problems:
        return PatchState(patch.name, CONFLICTS, _joined(forward.problems)), tree
    return PatchState(patch.name, APPLIES, _summary(patch, context)), tree.changed(forward.changes)


def _stands_below(patch: Patch, later: Sequence[Patch], tree: Tree) -> bool:
    """Whether the result of the patch is in the tree under later patches of the series that changed the same files."""
    paths = {file.path for file in patch.files}
    for other in reversed(later):
        if paths & {file.path for file in other.files}:
            below = run([reversed_file(file) for file in other.files], tree)
            tree = tree if below.problems else tree.changed(below.changes)
    return not run([reversed_file(file) for file in patch.files], tree).problems


def _joined(problems: list[str]) -> str:
    more = f"; and {len(problems) - 2} more" if len(problems) > 2 else ""
    return "; ".join(problems[:2]) + more


def _summary(patch: Patch, context: Context) -> str:
    count = len(patch.files)
    text = f"changes {patch.files[0].path}" if count == 1 else f"changes {count} files"
    if patch.needed_for.versions and not context.version:
        text += f"; the upstream version is unknown, taken as {patch.needed_for.versions}"
    return text


def document(version: str | None, states: Sequence[PatchState], done: Sequence[str]) -> dict[str, Any]:
    """The JSON that check and apply print."""
    patches = [{"name": state.name, "state": state.state, "reason": state.reason} for state in states]
    return {"schema": SCHEMA, "version": version, "patches": patches, "applied": list(done)}
