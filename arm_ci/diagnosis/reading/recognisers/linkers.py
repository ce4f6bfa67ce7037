"""Errors of the linkers themselves: symbols and libraries that are not there, inputs of another machine."""

# ruff: noqa: RUF001  (letters and quotes as the tools print them)

from __future__ import annotations

import re

from arm_ci.agent.tools import ANY_LINKER, LINK_DRIVER, LINKER_NAMES
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import DRIVER, LINKER, Recogniser, program_name

_UNDEFINED = re.compile(
    rf"^(?:(?P<program>{LINKER}): )?(?:error: )?(?:(?P<object>\S+?):)?.*?\b(?:undefined reference to [`'‘\"]"
    rf"|undefined symbol: |multiple definition of [`'‘]|duplicate symbol: |unresolved external symbol)"
)
_LINKER = re.compile(
    rf"^(?P<program>{LINKER}): (?!warning|note|NOTE|.*\bwarning: )(?:error: |fatal error: |fatal: )?"
    r"(?=.*(?:cannot find |unable to find library|unrecognized option|unknown (?:option|argument)"
    r"|file not recognized|file format not recognized|skipping incompatible"
    r"|DSO missing|relocation |hidden symbol|final link failed|cannot open|No such file|lto-wrapper failed|BFD "
    r"|assertion fail|dangerous relocation|undefined|conflicts|mismatch"
    r"|incompatible|version node|not defined|error adding symbols|section .* will not fit|overflowed by"
    r"|in function|failed|error:|fatal|bad value|discarded section|recompile with -fPIC))"
)
_RETURNED = re.compile(
    rf"^(?:\S*/)?{LINK_DRIVER}(?:\.exe)?: (?:error: |fatal error: )?(?:.*\bld (?:returned|gab|a retourné"
    rf"|devolvió).*?(?P<status>\d+)|.*?(?P<status2>\d+).*)|^(?P<driver>{DRIVER}): error: "
    r"(?P<clang>linker command failed (?:with exit code (?P<status3>\d+)|due to signal))"
)

# `ld.` is in most names.
_NAMES = ("ld: ", "ld.", *(f"{name}{end}" for name in LINKER_NAMES if "ld." not in name for end in (": ", ".exe")))


def _undefined(match: re.Match[str]) -> Finding:
    program = match["program"] or ""
    return Finding("link", program=program_name(program) if program else "")


def _linker(match: re.Match[str]) -> Finding:
    return Finding("link", program=program_name(match["program"]))


def _returned(match: re.Match[str]) -> Finding:
    status = match["status"] or match["status2"] or match["status3"]
    return Finding("linker-failed", program=ANY_LINKER, status=int(status) if status else None)


RECOGNISERS = (
    Recogniser(("undefined", "multiple definition", "duplicate symbol", "unresolved external"), _UNDEFINED, _undefined),
    Recogniser((LINK_DRIVER, "linker command failed"), _RETURNED, _returned),
    Recogniser(_NAMES, _LINKER, _linker),
)
