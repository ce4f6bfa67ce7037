"""Which program a message is about, where the line itself does not name it, or names it vaguely."""

from __future__ import annotations

from collections.abc import Container

from arm_ci.agent import tools
from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.findings import Finding, Means

_NAME_THEMSELVES: tuple[Means, ...] = ("missing", "patch", "network", "test", "configure")
_C_ENDINGS = (".c", ".c.o", ".c.obj")
_COMPILE_PROPER = (
    *tools.COMPILE_HELPERS,
    *tools.LINK_HELPERS,
    tools.ASSEMBLER,
    *tools.OTHER_COMPILERS,
    *tools.OTHER_HELPERS,
)
_SOME_LINKER = (tools.ANY_LINKER, tools.LINK_DRIVER)
"""Names that do not say which linker it was."""
_GCC = tools.compiler_of_family("gcc")


def is_compiler(program: str) -> bool:
    """Whether a program is part of a compiler or linker."""
    return program in _COMPILE_PROPER or logged_commands.is_driver(program) or tools.is_linker(program)


def speaker(primary: Finding, findings: list[Finding], command: str, output: str) -> str:
    """The program of a failure that `primary` explains; `findings` are all that belong to it."""
    program = _speaker(primary, findings, command, output)
    driver = logged_commands.program(command)
    # clang calls itself so under any name; its command line says which one was started.
    return driver if all(map(logged_commands.compiles_in_process, (program, driver))) else program


def _speaker(primary: Finding, findings: list[Finding], command: str, output: str) -> str:
    if primary.means in _NAME_THEMSELVES:
        return primary.program or _program_of(findings, (primary.means,))
    line = command or primary.nearby_command
    crashed = _program_of([each for each in findings if each.command], ("crashed",))
    if primary.program in ("", *_SOME_LINKER) and _is_about_link(primary, findings):
        return _linker(findings, line) or crashed or tools.ANY_LINKER
    return primary.program or crashed or _nameless(primary, findings, line, output)


def _program_of(findings: list[Finding], means: Container[Means]) -> str:
    """The first program that a line of such a meaning names."""
    return next((each.program for each in findings if each.means in means and each.program), "")


def _nameless(primary: Finding, findings: list[Finding], line: str, output: str) -> str:
    """The program of a message that names none."""
    if _is_a_compilers(primary):
        return compiler_of(line, primary.source or output, findings)
    named = _program_of(findings, ("crashed", "terminated", "killed")) or logged_commands.program(line)
    if not named and primary.means == "refused" and output.endswith((".o", ".obj")):
        return compiler_of("", output, findings)
    return named


def _is_a_compilers(primary: Finding) -> bool:
    """Whether only a compiler prints such a message."""
    if primary.means in ("compile", "assembler") or primary.text.startswith("virtual memory exhausted"):
        return True
    return primary.means in ("crashed", "disk-full") and bool(primary.source)


def _is_about_link(primary: Finding, findings: list[Finding]) -> bool:
    if primary.program in _SOME_LINKER or primary.means in ("link", "linker-failed"):
        return True
    return any(each.means == "linker-failed" for each in findings)


def _linker(findings: list[Finding], command: str) -> str:
    named = logged_commands.linker(command)
    if named:
        return named
    return next((each.program for each in findings if tools.linker_of_program(each.program)), "")


def compiler_of(command: str, name: str, findings: list[Finding]) -> str:
    """The program that compiles: a driver that does so itself, or gcc's helper for the language."""
    driver = logged_commands.program(command)
    if logged_commands.compiles_in_process(driver):
        return driver
    spoken = next((each.program for each in findings if logged_commands.compiles_in_process(each.program)), "")
    if spoken:
        return spoken
    if driver and not logged_commands.is_driver(driver):
        return driver
    source = logged_commands.source(command) or name
    if source.endswith(_C_ENDINGS):
        return _GCC.c_helper
    if not source.endswith((".h", ".o", ".obj", ".lo")):
        return _GCC.cxx_helper
    plain_c = driver.rstrip("0123456789.-").endswith(("gcc", "cc")) and not driver.endswith("++")
    return _GCC.c_helper if plain_c else _GCC.cxx_helper
