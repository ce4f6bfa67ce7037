"""Why one edge failed, as far as the log alone says: kind, program, output, bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.findings import Failure, Finding, Means
from arm_ci.diagnosis.reading.recognisers.process_ends import means_of
from arm_ci.diagnosis.verdict import Kind

# The lower, the more it explains: what killed a tool explains the errors of the others around it.
_RANK: dict[Means, int] = {
    "not-oom": 0,
    "oom-status": 1,
    "killed": 2,
    "too-large": 3,
    "disk-full": 4,
    "refused": 4,
    "fork-refused": 4,
    "not-loaded": 4,
    "file-limit": 5,
    "crashed": 6,
    "terminated": 7,
    "missing": 8,
    "network": 9,
    "patch": 9,
    "test": 10,
    "configure": 11,
    "link": 12,
    "compile": 12,
    "driver": 13,
    "linker-failed": 14,
    "assembler": 15,
}
_KINDS: dict[Means, Kind] = {
    "not-oom": "killed-other",
    "killed": "oom-kill",
    "oom-status": "oom-kill",
    "too-large": "address-space",
    "disk-full": "disk-full",
    "refused": "alloc-failed",
    "fork-refused": "overcommit",
    "not-loaded": "alloc-failed",
    "file-limit": "killed-other",
    "terminated": "killed-other",
    "missing": "missing-byproduct",
    "network": "network",
    "patch": "patch-failed",
    "test": "test-failure",
    "configure": "configure-error",
    "link": "link-error",
    "linker-failed": "link-error",
    "compile": "compile-error",
    "driver": "compile-error",
    "assembler": "compile-error",
}
_MAPPING_LINKERS = ("ld.lld", "ld.gold", "mold", "ld")
"""They map their output file, so that a full disk is a SIGBUS; `ld` may be one of them."""
_C_ENDINGS = (".c", ".c.o", ".c.obj")
_COMPILE_PROPER = (
    "cc1",
    "cc1plus",
    "cc1obj",
    "lto1",
    "f951",
    "as",
    "collect2",
    "lto-wrapper",
    "nvcc",
    "ptxas",
    "cicc",
    "rustc",
)


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
    says = failure.says
    if says is not None:
        ended = _ended(says)
        if ended is not None:
            findings.append(ended)
    primary = _primary(findings, says)
    if primary is None:
        return _guess(failure)
    return _cause(primary, findings, failure.output, failure.command, attached=True)


def loose_cause(findings: Iterable[Finding]) -> Cause | None:
    """The cause that stands in lines which belong to no failed edge."""
    every = [each for each in findings if each.means in _RANK]
    if any(each.means == "configure" for each in every):
        # What a configure step tries to compile fails without being a failure.
        every = [each for each in every if each.means not in ("compile", "driver", "link", "linker-failed", "crashed")]
    primary = _primary(every, None)
    if primary is None:
        return None
    near = [each for each in every if abs(each.line - primary.line) <= 60]
    return _cause(primary, near, "", primary.command or primary.nearby, attached=False)


def _ended(says: Finding) -> Finding | None:
    """The end of the edge's process as the build tool saw it, when it was a signal."""
    signal = says.signal
    if signal is None and says.status is not None and says.status - 128 in (4, 6, 7, 8, 9, 11, 15, 25):
        signal = says.status - 128
    if signal is None:
        return None
    return Finding(means_of(signal), says.line, says.text, signal=signal, status=says.status, command=says.command)


def _primary(findings: list[Finding], says: Finding | None) -> Finding | None:
    known = [each for each in findings if each.means in _RANK]
    tests = [each for each in known if each.means == "test"]
    if tests:
        # Tests print all sorts of words; only how they ended themselves counts.
        ends = [
            each
            for each in known
            if each.means == "killed" and (each.command or (says is not None and each.line == says.line))
        ]
        known = [*ends, *tests]
    # A crash is best told by the line that names its signal, a missing symbol not by the function that lacks it.
    return min(
        known,
        key=lambda each: (_RANK[each.means], each.signal is None, ": in function " in each.text, each.line),
        default=None,
    )


def _guess(failure: Failure) -> Cause | None:
    says = failure.says
    if says is None:
        return None
    name = failure.output
    if name.endswith((".o", ".obj", ".lo", ".gch")):
        program = compiler_of(failure.command, name, [])
        return Cause("compile-error", says, program, name, attached=True, guessed=True, command=failure.command)
    if logged_commands.is_link(failure.command):
        program = logged_commands.linker(failure.command) or "ld"
        return Cause("link-error", says, program, name, attached=True, guessed=True, command=failure.command)
    return None


def _cause(primary: Finding, findings: list[Finding], output: str, command: str, attached: bool) -> Cause:
    command = primary.command or command
    kind = _KINDS.get(primary.means)
    program = _program(primary, findings, command, output)
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
    if primary.signal == 7 and program in _MAPPING_LINKERS:
        return "disk-full"
    if program and primary.signal is not None and not is_compiler(program):
        return "killed-other"
    return "compiler-crash"


def is_compiler(program: str) -> bool:
    """Whether a program is part of a compiler or linker."""
    return (
        program in _COMPILE_PROPER
        or logged_commands.is_driver(program)
        or program == "mold"
        or program == "ld"
        or program.startswith("ld.")
    )


def _output(kind: Kind, primary: Finding, findings: list[Finding], output: str, command: str) -> str:
    if kind in ("missing-byproduct", "patch-failed", "network"):
        # Of several names for one thing the one within the tree.
        named = [each.output for each in (primary, *findings) if each.output and each.means == primary.means]
        return next((each for each in named if not each.startswith("/")), named[0] if named else "")
    if kind in ("configure-error", "test-failure"):
        return ""
    arguments = next((each.command for each in findings if each.means == "crashed" and each.command), "")
    return (
        output
        or primary.output
        or logged_commands.output(command)
        or logged_commands.output(arguments)
        or logged_commands.output(primary.nearby)
    )


def _program(primary: Finding, findings: list[Finding], command: str, output: str) -> str:
    program = _speaker(primary, findings, command, output)
    driver = logged_commands.program(command)
    # clang calls itself so under any name; its command line says which one was started.
    return driver if logged_commands.is_clang(program) and logged_commands.is_clang(driver) else program


def _speaker(primary: Finding, findings: list[Finding], command: str, output: str) -> str:
    program = primary.program
    if primary.means in ("missing", "patch", "network", "test", "configure"):
        return program or next((each.program for each in findings if each.means == primary.means and each.program), "")
    arguments = next((each.program for each in findings if each.means == "crashed" and each.command), "")
    if program in ("", "ld", "collect2") and _is_about_link(primary, findings, command):
        return _linker(findings, command or primary.nearby) or arguments or "ld"
    if program:
        return program
    if arguments:
        return arguments
    if primary.means in ("compile", "assembler") or (primary.means == "crashed" and primary.source):
        return compiler_of(command or primary.nearby, primary.source or output, findings)
    if (primary.means == "disk-full" and primary.source) or primary.text.startswith("virtual memory exhausted"):
        return compiler_of(command or primary.nearby, primary.source or output, findings)
    speaker = next(
        (each.program for each in findings if each.means in ("crashed", "terminated", "killed") and each.program), ""
    )
    if speaker:
        return speaker
    named = logged_commands.program(command or primary.nearby)
    if not named and output and primary.means == "refused":
        return compiler_of("", output, findings) if output.endswith((".o", ".obj")) else ""
    return named


def _is_about_link(primary: Finding, findings: list[Finding], command: str) -> bool:
    if primary.program in ("ld", "collect2") or primary.means in ("link", "linker-failed"):
        return True
    return any(each.means == "linker-failed" for each in findings)


def _linker(findings: list[Finding], command: str) -> str:
    named = logged_commands.linker(command)
    if named:
        return named
    spoke = [each.program for each in findings if each.program == "mold" or each.program.startswith("ld.")]
    return spoke[0] if spoke else ""


def compiler_of(command: str, name: str, findings: list[Finding]) -> str:
    """The program that compiles: clang's driver itself, gcc's cc1 or cc1plus by the language."""
    driver = logged_commands.program(command)
    if logged_commands.is_clang(driver):
        return driver
    spoken = next((each.program for each in findings if logged_commands.is_clang(each.program)), "")
    if spoken:
        return spoken
    if driver and not logged_commands.is_driver(driver):
        return driver
    source = logged_commands.source(command) or name
    if source.endswith(_C_ENDINGS):
        return "cc1"
    if not source.endswith((".h", ".o", ".obj", ".lo")):
        return "cc1plus"
    plain_c = driver.rstrip("0123456789.-").endswith(("gcc", "cc")) and not driver.endswith("++")
    return "cc1" if plain_c else "cc1plus"
