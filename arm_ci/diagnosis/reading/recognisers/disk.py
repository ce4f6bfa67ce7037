"""A full disk, in the words of those who could not write; also the limit on a file's size."""

from __future__ import annotations

import re

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import LINKER, Recogniser, program_name

_FULL = r"(?:No space left on device|no space left on device|Disk quota exceeded|disk quota exceeded)"
_LINKER = re.compile(
    rf"^(?P<program>{LINKER}) ?: (?:(?:fatal )?error: |fatal: )?(?:final link failed"
    rf"|(?:cannot open output file|failed to open|failed to write(?: to)?(?: the output file)?) (?P<opened>[^\s:]+)"
    rf"|(?P<output>[^\s:]+)(?=: )|[^:]+).*?: {_FULL}"
)
_ASSEMBLER = re.compile(
    r"^(?:(?:\S+|\{standard input\}): )?Fatal error: (?:can't (?:write \d+ bytes to section \S+ of|close|write(?: to)?"
    rf"|create) )?(?P<output>[^:]+): '?{_FULL}"
)
_COMPILER = re.compile(
    rf"^(?P<source>[^\s:]+(?::\d+)*|<built-in>|\w+): (?:fatal |catastrophic )?error: (?!.*assert).*?{_FULL}",
    re.IGNORECASE,
)
_WRITERS = tools.alternatives((*tools.DRIVERS, *tools.COMPILE_HELPERS, tools.LTO_COMPILER, "ccache", "tar", "cp"))
_MOLD = re.compile(rf"^(?P<program>{tools.alternatives(tools.linker_named('mold').programs)}): .*\bDisk full\?")
# Not within quotes: that is somebody who speaks of it.
_OTHER = re.compile(
    rf"^(?:(?P<program>[\w./+-]+?)(?:\[\d+\])?: )?(?!.*\b(?:assert|EXPECT|expected|echo)\b)"
    rf".*?(?<![\"'`]){_FULL}(?![\"'`\w\\])"
)
_PLACE = re.compile(
    r"(?:^E: You don't have enough free space in (?P<where>\S+?)\.?$"
    r"|needs? \d+\w+ (?:more space )?on the \S+ filesystem"
    r"|^(?:ERROR|Error): (?:insufficient|not enough) disk space|\bDiskSpaceMonitor\b|Available disk space is too low)"
)
_FILE_LIMIT = re.compile(rf"^(?P<program>{LINKER}|\S+): .*?: File too (?:large|big)$")


def _linker(match: re.Match[str]) -> Finding:
    return Finding("disk-full", program=program_name(match["program"]), output=match["output"] or match["opened"] or "")


def _assembler(match: re.Match[str]) -> Finding:
    return Finding("disk-full", program=tools.ASSEMBLER, output=match["output"].strip().strip("'"))


def _compiler(match: re.Match[str]) -> Finding:
    source = match["source"]
    if "catastrophic" in match[0]:
        # Edison's front end, within nvcc or icc.
        return Finding("disk-full")
    if source == "fatal":
        # clang: `fatal error: error in backend: IO failure on output stream: ...`.
        return Finding("disk-full")
    if re.fullmatch(rf"{tools.TARGET}(?:{_WRITERS})(?:-[\d.]+)?", source):
        return Finding("disk-full", program=source)
    return Finding("disk-full", source=source.split(":")[0])


def _clang(match: re.Match[str]) -> Finding:
    return Finding("disk-full")


def _other(match: re.Match[str]) -> Finding:
    program = match["program"] or ""
    if program.lower() in ("error", "fatal", "warning", "oserror", "ioerror", "note"):
        program = {"fatal": "git"}.get(program, "")
    return Finding("disk-full", program=program_name(program) if program else "")


def _place(match: re.Match[str]) -> Finding:
    return Finding("disk-full", output=match["where"] or "")


def _file_limit(match: re.Match[str]) -> Finding:
    return Finding("file-limit", program=program_name(match["program"]), signal=25)


RECOGNISERS = (
    Recogniser(("no space left", "quota exceeded"), _LINKER, _linker),
    Recogniser(("no space left", "quota exceeded"), _ASSEMBLER, _assembler),
    Recogniser(("no space left", "quota exceeded"), re.compile(rf"^(?:fatal error: |LLVM ERROR: ).*{_FULL}"), _clang),
    Recogniser(("no space left", "quota exceeded"), _COMPILER, _compiler),
    Recogniser(("disk full?",), _MOLD, _other),
    Recogniser(("no space left", "quota exceeded"), _OTHER, _other),
    Recogniser(("free space", "filesystem", "disk space", "diskspace"), _PLACE, _place),
    Recogniser(("file too ",), _FILE_LIMIT, _file_limit),
)
