"""The verdict in one sentence, as a maintainer reads it in a build's summary line. Numbers only from evidence."""

from __future__ import annotations

from arm_ci.agent import tools
from arm_ci.diagnosis.figures import exact_size, size
from arm_ci.diagnosis.verdict import Kind

LONGEST_MESSAGE = 120

_COMPILING = (*tools.COMPILE_HELPERS, tools.LTO_COMPILER)


def doing(program: str, output: str, stage: str = "") -> str:
    """` while linking bin/app`, ` while compiling x.o`, ` while making gen/tables.cpp`, or nothing."""
    if not output:
        return ""
    if stage == "link" or program == tools.LINK_DRIVER or tools.is_linker(program):
        return f" while linking {output}"
    if program in _COMPILING or output.endswith((".o", ".obj", ".lo", ".gch")):
        return f" while compiling {output}"
    return f" while making {output}"


def who(program: str) -> str:
    """The program, or what stands for one that is not known."""
    return program or "a program"


def oom_kill_sentence(
    program: str,
    output: str,
    scope: str,
    held: int | None,
    had: int | None,
    why: str = "",
    how: str = "",
    ended: str = "was killed",
) -> str:
    """An OOM kill; `why` stands where there are no figures, `how` are words such as `though it ran alone`."""
    text = f"oom-kill: {who(program)} {ended}{doing(program, output)}{f' {how}' if how else ''}"
    figures = []
    if held:
        figures.append(f"it held {size(held)}")
    if had:
        whose = {"cgroup": "the cgroup's limit was", "system": "the machine has"}.get(scope, "there were")
        figures.append(f"{whose} {size(had)}")
    if figures:
        return f"{text}: {', '.join(figures)}"
    return f"{text}: {why}" if why else text


def refusal_sentence(kind: Kind, program: str, output: str, asked: int | None, why: str) -> str:
    """A request for memory that was refused."""
    what = exact_size(asked) if asked else "memory"
    return f"{kind}: {who(program)} could not get {what}{doing(program, output)}: {why}"


def tool_sentence(kind: Kind, program: str, output: str, message: str) -> str:
    """A failure that is not about memory: who, what, and the tool's own words."""
    subject = {
        "disk-full": f"{who(program)} could not write {output}"
        if output
        else f"{who(program)} could not write its output",
        "missing-byproduct": f"{who(program)} knows no rule that makes {output}",
        "compile-error": f"{output} does not compile" if output else f"{who(program)} found errors",
        "link-error": f"{output} does not link" if output else f"{who(program)} failed",
        "configure-error": f"{who(program)} could not set the build up",
        "patch-failed": f"the patch does not apply to {output}"
        if output
        else f"{who(program)} could not apply a patch",
        "test-failure": f"test {program} failed" if program else "tests failed",
        "network": f"{who(program)} could not fetch {output}"
        if output
        else f"{who(program)} could not fetch something",
        "compiler-crash": f"{who(program)} crashed{doing(program, output)}",
        "worker-lost": "the worker was lost",
    }.get(kind, f"{who(program)} failed")
    return f"{kind}: {subject}: {cut(message)}" if message else f"{kind}: {subject}"


def cut(message: str) -> str:
    """A tool's words, shortened for a sentence."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 3].rstrip() + "..."
