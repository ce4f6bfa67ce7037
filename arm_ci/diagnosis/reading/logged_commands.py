"""Command lines in a log: which of them made an output, and what a compiler's or linker's command line tells."""

from __future__ import annotations

import re
import shlex

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.clean_text import readable, tools_own
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.log_window import LogWindow
from arm_ci.diagnosis.reading.recognisers.recogniser import program_name

_WRAPPERS = frozenset(
    (
        "ccache",
        "distcc",
        "sccache",
        "icecc",
        "env",
        "time",
        "nice",
        "ionice",
        "nohup",
        "sudo",
        "exec",
        "command",
        "libtool:",
        "compile:",
        "link:",
        "timeout",
        "xargs",
    )
)
_SHELLS = frozenset(("sh", "bash", "dash"))
_SKIPPED = re.compile(r"^(?:\w+=(?:\"[^\"]*\"|'[^']*'|\S*)|:|&&|;|\(|\{|!|@|--?[\w=-]+|cd\b.*)$")
_OUTPUT = re.compile(r"(?:^|\s)-o ?(\"[^\"]+\"|'[^']+'|[^\s\"']+)")
_SOURCE = re.compile(r"\s([^\s\"]+\.(?:c|cc|cpp|cxx|c\+\+|C|cu|m|mm|S|s|f90))(?=[\s\"]|$)")
_COMMAND = re.compile(r"^(?:[\w./+~-]*/)?[\w.+-]+\s+\S|^: && |^cd \S+ && |^\w+=\S* ")
_NOT_COMMAND = re.compile(
    r"^(?:\[|FAILED|\S*make(?:\[\d+\])?:|ninja:|Error|In file|from |collect2|\S+:\d+[:,]|\S+: (?:fatal "
    r"|internal |warning|error|note|In )|--\s|Makefile|\S+:\d+: recipe|Scanning|Linking|Building|Consolidate"
    r"|Entering|Leaving|Checking|\d+ )"
)
_CLONING = re.compile(rb"(?:^|\n)[^\n]{0,100}Cloning into (?:bare repository )?'([^'\n]{1,500})'")
_PATCHING = re.compile(
    rb"(?:^|\n)[^\n]{0,100}(?:patching file|Checking patch) '?([^'\n]{1,500}?)'?(?:\.\.\.)?(?= \(|\n|$)"
)
_INCLUDED = re.compile(rb"(?:\n|^)[^\n]{0,60}\b(?:included )?from ([^\s:]{1,500}\.(?:c|cc|cpp|cxx|C|cu|m|mm)):\d+[:,]")
_SPEAKER = re.compile(r"^([\w.+-]+): .*(?:error|failed|fatal).*:$")
_PLAIN = re.compile(r"^[a-z./][\w./+-]*(?: [^\s:]+)*? \S*[./]\S*(?: [^\s:]+)*$")
_PARTS = re.compile(r"\s*(?:&&|;|\|\|)\s*")
_COMPILERS = re.compile(rf"^{tools.TARGET}(?:{tools.alternatives((*tools.DRIVERS, 'cpp'))})(?:-[\d.]+)?$")


def command_of(window: LogWindow, output: str, place: int) -> str:
    """The command line before this place of the window that names the output; empty when there is none."""
    name = output.rsplit("/", 1)[-1].encode("utf-8", "replace")
    if len(name) < 2:
        return ""
    end = place
    for _ in range(12):
        end = window.text.rfind(name, 0, end)
        if end < 0:
            break
        start = window.text.rfind(b"\n", 0, end) + 1
        stop = window.text.find(b"\n", end)
        text = tools_own(readable(window.text[start : min(stop if stop >= 0 else place, start + 65536)]))
        end = start
        if is_command(text):
            return text
    return _just_before(window, place)


def _just_before(window: LogWindow, place: int) -> str:
    """A command right above that names no output at all: of a rule like `gen 5 > $@` or `python3 gen.py`."""
    for each in reversed(window.lines_before(place, 2)):
        text = tools_own(readable(window.text[slice(*window.line(each))]))
        is_prose = text.endswith((".", ":", ",")) or _NOT_COMMAND.match(text)
        if not is_prose and _PLAIN.match(text) and not output(text):
            return text
    return ""


def command_before(window: LogWindow, place: int) -> str:
    """The last compiler's or linker's command line shortly before this place; empty when there is none."""
    end = place
    low = max(0, place - 16384)
    for _ in range(6):
        end = max(window.text.rfind(b" -o", low, end), window.text.rfind(b" -c ", low, end))
        if end < 0:
            return ""
        start = window.text.rfind(b"\n", 0, end) + 1
        stop = window.text.find(b"\n", end)
        text = tools_own(readable(window.text[start : min(stop if stop >= 0 else place, start + 65536)]))
        if start >= place:
            continue
        end = start
        text = re.sub(r"^\[[^\]]*\] ", "", text)
        if is_command(text) and _COMPILERS.match(program(text)):
            return text
    return ""


def named_before(window: LogWindow, place: int, finding: Finding) -> str:
    """What git was cloning, or patch patching, when it failed at this place; empty when the log does not say."""
    pattern = _CLONING if finding.program == "git" and finding.means == "network" else _PATCHING
    names = pattern.findall(window.text, max(0, place - 4096), place)
    return readable(names[-1]) if names else ""


def includer(window: LogWindow, place: int) -> str:
    """The source that includes the header which an error at this place is in, as the lines before say."""
    names = _INCLUDED.findall(window.text, max(0, place - 8192), place)
    return readable(names[-1]) if names else ""


def speaker_before(window: LogWindow, place: int) -> str:
    """The program whose message the line at this place continues: `dpkg: unrecoverable fatal error, aborting:`."""
    start = window.text.rfind(b"\n", 0, max(0, place - 1)) + 1
    match = _SPEAKER.match(tools_own(readable(window.text[start : min(place, start + 400)])))
    return match[1] if match else ""


def is_command(text: str) -> bool:
    """Whether a line of a log looks like an echoed command."""
    if _COMMAND.match(text) is None or _NOT_COMMAND.match(text) is not None:
        return False
    first = text.split(maxsplit=1)[0]
    return " -" in text or "/" in first or "&&" in text or _COMPILERS.match(first) is not None


def program(command: str) -> str:
    """The program that a command line starts, without wrappers, shells and `cd`; empty when it cannot be told."""
    candidates = [_program_of(part) for part in _PARTS.split(command)[:12]]
    named = [
        each
        for each in candidates
        if each and each not in ("cd", ":", "true", "mkdir", "rm", "echo", "test", "set", "touch")
    ]
    for each in named:
        if _COMPILERS.match(each) or _links(each):
            return each
    return named[0] if named else ""


def _program_of(part: str) -> str:
    words = part.split()[:40]
    index = 0
    while index < len(words):
        word = words[index].strip("\"'(")
        name = program_name(word)
        index += 1
        if not name or word.startswith("-") or _SKIPPED.match(word) or name in _WRAPPERS:
            continue
        if name in _SHELLS:
            # `sh -c '...'` and `/bin/sh ../libtool --mode=link gcc ...`.
            continue
        if name == "libtool":
            continue
        return name
    return ""


def output(command: str) -> str:
    """What a command line writes with `-o`; empty when it does not say."""
    found = _OUTPUT.findall(command)
    if not found:
        return ""
    name: str = found[-1]
    return name.strip("\"'")


def linker(command: str) -> str:
    """Which linker a driver's command line asks for, `ld.gold`; empty: the system's."""
    name = program(command)
    if _links(name):
        return program_name(name)
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    asked = tools.asked_linker(words)
    return asked.program if asked else ""


def _links(name: str) -> bool:
    return tools.is_linker(name) or name == tools.LINK_DRIVER


def is_link(command: str) -> bool:
    """Whether a compiler driver was called to link."""
    words = command.split()
    return _COMPILERS.match(program(command)) is not None and not {"-c", "-S", "-E", "-fsyntax-only"} & set(words)


def compiles_in_process(name: str) -> bool:
    """Whether this driver compiles within its own process, as clang does."""
    found = tools.compiler_of_program(name)
    return found is not None and found.compiles_in_process


def is_driver(name: str) -> bool:
    """Whether this program is a compiler's driver."""
    return _COMPILERS.match(name) is not None


def source(command: str) -> str:
    """The source file that a command line compiles; empty when it cannot be told."""
    match = _SOURCE.search(command)
    return match[1] if match else ""
