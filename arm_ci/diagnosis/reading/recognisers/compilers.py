"""Errors of compilers and their drivers: in a source, on the command line, and of the compiler itself."""

from __future__ import annotations

import re

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import DRIVER, Recogniser, program_name
from arm_ci.diagnosis.reading.translations import signal_of

_PLACE = (
    r"(?P<source>(?:[A-Za-z]:)?[^\s:()'\"`][^:()'\"`]*?)(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)(?: \(col\. \d+\))?):? ?:?"
)
_INTERNAL = re.compile(rf"^(?:{_PLACE} |(?P<program>\S+?): )?(?:\w+: )?[Ii]nternal compiler error: (?P<words>.+)$")
_ICE_WORDS = re.compile(r"^(?P<word>[A-Z][a-z]+(?: [a-z]+)*)")
_SOURCE = re.compile(
    rf"^{_PLACE} (?:fatal |catastrophic )?error(?: [A-Z]+\d+)?: (?!undefined reference)(?P<words>.*)$", re.IGNORECASE
)
_HELPER = tools.alternatives((*tools.COMPILE_HELPERS, tools.LTO_COMPILER))
_WERROR = re.compile(rf"^(?P<program>{_HELPER}): (?:some|all) warnings being treated as errors")
_DRIVER = re.compile(
    rf"^(?P<program>{DRIVER}|{_HELPER}|{tools.ASSEMBLER}|ccache|distcc): (?:fatal )?error: (?P<words>.+)$"
)
_BUG_REPORT = re.compile(r"^PLEASE submit a bug report to |^Stack dump:$")
_ARGUMENTS = re.compile(r"^0\.\s+Program arguments: (?P<command>.+)$")
_ASSEMBLER = re.compile(
    r"^(?:\{standard input\}|\{[^}]+\}|/\S*/cc\w{6}\.s):(?:\d+:)? (?:Error|Warning|Fatal error"
    r"|Assembler messages|Fehler|Warnung): ?"
    r"(?=.*(?:end of file|\.cfi_endproc|missing|unfinished|CFI|newline inserted|expected|operands))"
)
_AS_ERROR = re.compile(r"^(?:\{standard input\}|[^\s:]+\.[sS]):\d+: Error: ")
_RUST = re.compile(r"^error(?:\[E\d+\])?: (?:could not compile|aborting due to) ")
_NOT_SOURCE = re.compile(r"^(?:https?|git|ssh|file|\d{1,2}|\w+Error|Error|WARNING|INFO|DEBUG|[A-Z][a-z]+ \w+ .*)$")


def _internal(match: re.Match[str]) -> Finding:
    words = match["words"]
    word = _ICE_WORDS.match(words)
    signal = signal_of(word["word"]) if word else None
    program = match["program"] or ""
    if program and re.fullmatch(DRIVER, program):
        program = ""
    return Finding("crashed", program=program_name(program), source=match["source"] or "", signal=signal)


def _source(match: re.Match[str]) -> Finding | None:
    source = match["source"]
    if _NOT_SOURCE.match(source) or len(source) > 500:
        return None
    return Finding("compile", source=source)


def _werror(match: re.Match[str]) -> Finding:
    return Finding("compile", program=match["program"])


def _driver(match: re.Match[str]) -> Finding:
    return Finding("driver", program=program_name(match["program"]))


def _bug_report(match: re.Match[str]) -> Finding:
    return Finding("crashed")


def _arguments(match: re.Match[str]) -> Finding:
    command = match["command"]
    return Finding("crashed", program=program_name(command.split()[0]), command=command)


def _assembler(match: re.Match[str]) -> Finding:
    return Finding("assembler", program=tools.ASSEMBLER)


def _rust(match: re.Match[str]) -> Finding:
    return Finding("compile", program="rustc")


RECOGNISERS = (
    Recogniser(("{standard input}", ".s:"), _ASSEMBLER, _assembler),
    Recogniser((" error: ",), _AS_ERROR, _assembler),
    Recogniser(("internal compiler error",), _INTERNAL, _internal),
    Recogniser(("error",), _SOURCE, _source),
    Recogniser(("treated as errors",), _WERROR, _werror),
    Recogniser(("error: ",), _DRIVER, _driver),
    Recogniser(("please submit a bug report", "stack dump:"), _BUG_REPORT, _bug_report),
    Recogniser(("program arguments: ",), _ARGUMENTS, _arguments),
    Recogniser(("could not compile", "aborting due to"), _RUST, _rust),
)
