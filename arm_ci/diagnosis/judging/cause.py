"""Why one edge failed, as far as the log alone says: kind, program, output, bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arm_ci.agent import tools
from arm_ci.diagnosis.judging.speaker import compiler_of, is_compiler, speaker
from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.findings import Failure, Finding, Means
from arm_ci.diagnosis.reading.recognisers.process_ends import means_of
from arm_ci.diagnosis.verdict import Kind

_MEANINGS: dict[Means, tuple[int, Kind | None]] = {
    "not-oom": (0, "killed-other"),
    "oom-status": (1, "oom-kill"),
    "killed": (2, "oom-kill"),
    "too-large": (3, "address-space"),
    "disk-full": (4, "disk-full"),
    "refused": (4, "alloc-failed"),
    "fork-refused": (4, "overcommit"),
    "not-loaded": (4, "alloc-failed"),
    "file-limit": (5, "killed-other"),
    "crashed": (6, None),
    "terminated": (7, "killed-other"),
    "missing": (8, "missing-byproduct"),
    "network": (9, "network"),
    "patch": (9, "patch-failed"),
    "test": (10, "test-failure"),
    "configure": (11, "configure-error"),
    "link": (12, "link-error"),
    "compile": (12, "compile-error"),
    "driver": (13, "compile-error"),
    "linker-failed": (14, "link-error"),
    "assembler": (15, "compile-error"),
}
"""What explains a failure: its rank, and the kind of failure that it is; of a crash the program and signal say that.

The lower the rank, the more it explains: what killed a tool explains the errors of the others around it.
"""
_NEAR_LINES = 60
"""Lines between what belongs to no edge that are taken for one failure's."""


@dataclass(frozen=True)
class Cause:
    """What the log says of one failure."""

    kind: Kind
    finding: Finding
    """The line that says it."""
    program: str = ""
    output: str = ""
    bytes: int | None = None
    attached: bool = False
    """Whether the build tool says that this edge failed."""
    guessed: bool = False
    """The log only says that it failed; the kind is what such an edge usually fails of."""
    command: str = ""
    others: tuple[Finding, ...] = ()
    """What else was said about it."""

    @property
    def lines(self) -> list[Finding]:
        """All that was said about it, the line that says most first."""
        return [self.finding, *self.others]


def cause_of(failure: Failure) -> Cause | None:
    """The cause of a failed edge; None when the log says nothing about it but that it failed."""
    findings = list(failure.findings)
    build_line = failure.build_tools_line
    if build_line is not None:
        ended = _ended(build_line)
        if ended is not None:
            findings.append(ended)
    primary = _primary(findings, build_line)
    if primary is None:
        return _guess(failure)
    return _cause(primary, findings, failure.output, failure.command, attached=True)


def loose_cause(findings: Iterable[Finding]) -> Cause | None:
    """The cause that stands in lines which belong to no failed edge."""
    every = [each for each in findings if each.means in _MEANINGS]
    if any(each.means == "configure" for each in every):
        # What a configure step tries to compile fails without being a failure.
        every = [each for each in every if each.means not in ("compile", "driver", "link", "linker-failed", "crashed")]
    primary = _primary(every, None)
    if primary is None:
        return None
    near = [each for each in every if abs(each.line - primary.line) <= _NEAR_LINES]
    return _cause(primary, near, "", primary.command or primary.nearby_command, attached=False)


def _ended(build_line: Finding) -> Finding | None:
    """The end of the edge's process as the build tool saw it, when it was a signal."""
    signal = build_line.signal
    if signal is None and build_line.status is not None and build_line.status - 128 in (4, 6, 7, 8, 9, 11, 15, 25):
        signal = build_line.status - 128
    if signal is None:
        return None
    return Finding(
        means_of(signal),
        build_line.line,
        build_line.text,
        signal=signal,
        status=build_line.status,
        command=build_line.command,
    )


def _primary(findings: list[Finding], build_line: Finding | None) -> Finding | None:
    known = [each for each in findings if each.means in _MEANINGS]
    tests = [each for each in known if each.means == "test"]
    if tests:
        # Tests print all sorts of words; only how they ended themselves counts.
        ends = [
            each
            for each in known
            if each.means == "killed" and (each.command or (build_line is not None and each.line == build_line.line))
        ]
        known = [*ends, *tests]
    # A crash is best told by the line that names its signal, a missing symbol not by the function that lacks it.
    return min(
        known,
        key=lambda each: (_MEANINGS[each.means][0], each.signal is None, ": in function " in each.text, each.line),
        default=None,
    )


def _guess(failure: Failure) -> Cause | None:
    build_line = failure.build_tools_line
    if build_line is None:
        return None
    name = failure.output
    if name.endswith((".o", ".obj", ".lo", ".gch")):
        program = compiler_of(failure.command, name, [])
        return Cause("compile-error", build_line, program, name, attached=True, guessed=True, command=failure.command)
    if logged_commands.is_link(failure.command):
        program = logged_commands.linker(failure.command) or tools.ANY_LINKER
        return Cause("link-error", build_line, program, name, attached=True, guessed=True, command=failure.command)
    return None


def _cause(primary: Finding, findings: list[Finding], output: str, command: str, attached: bool) -> Cause:
    command = primary.command or command
    kind = _MEANINGS[primary.means][1]
    program = speaker(primary, findings, command, output)
    if kind is None:
        kind = _crash_kind(primary, program)
    return Cause(
        kind,
        primary,
        program,
        _output(kind, primary, findings, output, command),
        primary.bytes,
        attached=attached,
        command=command,
        others=tuple(each for each in findings if each is not primary),
    )


def _crash_kind(primary: Finding, program: str) -> Kind:
    if primary.signal == 4:
        # Code for another processor: neither the compiler's fault nor memory's.
        return "killed-other"
    if primary.signal == 7 and _maps_output(program):
        return "disk-full"
    if program and primary.signal is not None and not is_compiler(program):
        return "killed-other"
    return "compiler-crash"


def _maps_output(program: str) -> bool:
    """Whether a full disk ends it by SIGBUS; `ld` may be a linker of which that is so."""
    linker = tools.linker_of_program(program)
    return program == tools.ANY_LINKER or (linker is not None and linker.maps_output)


def _output(kind: Kind, primary: Finding, findings: list[Finding], output: str, command: str) -> str:
    if kind in ("missing-byproduct", "patch-failed", "network"):
        return _named_by_tool(primary, findings)
    if kind in ("configure-error", "test-failure"):
        return ""
    arguments = next((each.command for each in findings if each.means == "crashed" and each.command), "")
    made = map(logged_commands.output, (command, arguments, primary.nearby_command))
    return output or primary.output or next(filter(None, made), "")


def _named_by_tool(primary: Finding, findings: list[Finding]) -> str:
    """What a tool lacked or could not change, by its own words: of several names for one thing that in the tree."""
    named = [each.output for each in (primary, *findings) if each.output and each.means == primary.means]
    return next((each for each in named if not each.startswith("/")), named[0] if named else "")
