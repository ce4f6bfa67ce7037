"""Which finding belongs to which failed edge: by ninja's blocks, by names, else by order.

In parallel make builds a tool's message and make's line about its target stand apart, with other edges' between them.
"""

from __future__ import annotations

from collections.abc import Iterable

from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.findings import Failure, Finding

_NEAR_LINES = 3
"""So near to make's line about a signal stands what a shell said of it."""
_FAR_LINES = 80
"""Lines between two messages that are no longer taken for one edge's."""
_ENDS = ("killed", "terminated", "crashed", "file-limit", "linker-failed", "not-loaded")
_SOURCE_ERRORS = ("compile", "driver", "link", "linker-failed", "configure", "test")
_PASSES_ON = ("stopped", "worker-lost", "silent", "timed-out", "oom-status", "not-oom", "kernel-kill")
_MOST_SIGNAL_STATUS = 128 + 65
"""Below it, and over 128, an exit status is a signal that a shell passes on."""
_NINJA = 1000
"""Depth of a ninja that a make started: deeper than any make."""


def failures(findings: Iterable[Finding]) -> tuple[list[Failure], list[Finding]]:
    """The failed edges, in the order of their lines, and the findings that belong to none."""
    every = list(findings)
    edges = [each for each in every if each.means == "edge-failed"]
    found: list[Failure] = []
    outside: list[Finding] = []
    inside: dict[int, list[Finding]] = {}
    for each in every:
        if each.means == "edge-failed":
            outside.append(each)
            continue
        number = _block_of(edges, each.line)
        if number is None:
            outside.append(each)
        else:
            inside.setdefault(number, []).append(each)
    for number, edge in enumerate(edges):
        found.extend(_of_edge(edge, inside.get(number, [])))
    by_make, loose = _of_make(outside)
    found.extend(by_make)
    found.sort(key=lambda failure: failure.line)
    return found, loose


def _block_of(edges: list[Finding], line: int) -> int | None:
    for number, edge in enumerate(edges):
        if edge.line < line <= edge.last_line:
            return number
    return None


def _of_edge(edge: Finding, findings: list[Finding]) -> list[Failure]:
    # An edge that runs a build of its own: the target that failed there says more.
    if any(each.means == "target-failed" for each in findings):
        nested, loose = _of_make(findings)
        if nested:
            first = nested[0]
            nested[0] = Failure(
                first.output, first.build_tools_line, (*first.findings, *loose), first.command or edge.command
            )
            return nested
    return [Failure(edge.output, edge, tuple(findings), edge.command)]


def _of_make(findings: list[Finding]) -> tuple[list[Failure], list[Finding]]:
    found: list[Failure] = []
    groups: list[list[Finding]] = []
    rest: list[Finding] = []
    depths: list[int] = []
    for each in findings:
        if each.means == "edge-failed":
            depths.append(_NINJA)
        elif each.means == "target-failed":
            deeper = [depth for depth in depths if depth > each.level]
            depths = [depth for depth in depths if depth <= each.level]
            depths.append(each.level)
            # A make that only passes on what a deeper one said.
            if not deeper:
                taken = _take(groups, each)
                found.append(Failure(each.output, each, tuple(taken), each.command))
        elif each.means in _PASSES_ON:
            rest.append(each)
        else:
            _add(groups, each)
    rest.extend(each for group in groups for each in group)
    rest.sort(key=lambda each: each.line)
    return found, rest


def _add(groups: list[list[Finding]], each: Finding) -> None:
    if groups and _continues(groups[-1], each):
        groups[-1].append(each)
    else:
        groups.append([each])


def _continues(group: list[Finding], each: Finding) -> bool:
    last = group[-1]
    if each.line - last.line > _FAR_LINES:
        return False
    # LLVM's crash report is followed by whoever saw the signal.
    if last.means in _ENDS and (last.means != "crashed" or last.signal is not None):
        # clang's driver and lto-wrapper say in a second line what the first was about.
        second = each.means in ("linker-failed", "crashed", "link", "assembler") or each.program.startswith("clang")
        return second and each.line - last.line <= 2 and each.means != last.means
    return True


def _take(groups: list[list[Finding]], target: Finding) -> list[Finding]:
    """Takes the findings out of `groups` that are about this target."""
    taken = _about(groups, target)
    groups[:] = [group for group in groups if not any(group is each for each in taken)]
    return [each for group in taken for each in group]


def _about(groups: list[list[Finding]], target: Finding) -> list[list[Finding]]:
    """The groups that are about this target: by its name, by how it ended, else the first that names no other."""
    named = [group for group in groups if any(_is_about(each, target.output) for each in group)]
    # Where make itself saw the signal the tool had no words.
    if named or target.signal is not None:
        return named
    if target.status is not None and 128 < target.status < _MOST_SIGNAL_STATUS:
        near = [group for group in groups if group[-1].signal and target.line - group[-1].line <= _NEAR_LINES]
        return near[-1:]
    return _first_nameless(groups, target)


def _first_nameless(groups: list[list[Finding]], target: Finding) -> list[list[Finding]]:
    """The first group that names no other output; where those are errors in a source, all such groups."""
    nameless = [group for group in groups if not any(_names_another(each, target.output) for each in group)]
    if nameless and _only_source_errors(nameless[0]):
        return [group for group in nameless if _only_source_errors(group)]
    return nameless[:1]


def _only_source_errors(group: list[Finding]) -> bool:
    return all(each.means in _SOURCE_ERRORS for each in group)


def _is_about(finding: Finding, target: str) -> bool:
    names = [finding.output, logged_commands.output(finding.command)]
    if any(name and _last(name) == _last(target) for name in names):
        return True
    return bool(finding.source) and _stem(finding.source) == _stem(target)


def _names_another(finding: Finding, target: str) -> bool:
    name = finding.output if finding.means not in ("missing", "patch", "network") else ""
    name = name or logged_commands.output(finding.command)
    return bool(name) and _last(name) != _last(target) and _stem(name) != _stem(target)


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _stem(path: str) -> str:
    """`dir/x.cpp.o` and `src/x.cpp` are both about `x`."""
    name = _last(path)
    for ending in (".o", ".obj", ".lo", ".d", ".gch"):
        name = name.removesuffix(ending)
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in _SOURCES else name


_SOURCES = frozenset(("c", "cc", "cpp", "cxx", "c++", "cu", "m", "mm", "s", "f", "f90", "ii", "i"))
