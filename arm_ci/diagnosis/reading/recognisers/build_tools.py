"""What make, ninja, scons and other build tools say about an edge that failed, and about the build as a whole."""

# ruff: noqa: RUF001  (letters and quotes as the tools print them)

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser
from arm_ci.diagnosis.reading.translations import signal_of

_MAKE = re.compile(
    r"^(?:\S*/)?(?:g|re|mingw32-)?make(?:\.exe)?(?:\[(?P<level>\d+)\])?: \*\*\* "
    r"\[(?P<target>[^\[\]]+)\] (?P<words>.+)$"
)
# Since make 4.0 with the place of the rule: `Makefile:5: heavy.o`; in Chinese with full-width colons.
_RULE = re.compile(r"^.*?[:：]\d+ ?[:：] ?(?=\S)")
_SCONS = re.compile(r"^scons: \*\*\* \[(?P<target>[^\]]+)\] (?P<words>.+)$")
_NUMBER = re.compile(r"(\d+)\s*(?:\(|$)")
_NO_RULE = re.compile(
    r"^(?:\S*/)?(?:g|mingw32-)?make(?:\.exe)?(?:\[\d+\])?: \*\*\* No rule to make target "
    r"[`'‘](?P<missing>[^'’]+)['’], needed by [`'‘](?P<by>[^'’]+)['’]"
)
_NINJA_MISSING = re.compile(
    r"^ninja: error: '(?P<missing>[^']+)', needed by '(?P<by>[^']+)', missing and no known rule to make it"
)
_NINJA_FAILED = re.compile(r"^FAILED: (?:\[code=(?P<status>-?\d+)\] )?(?P<outputs>\S.*)$")
_SAMURAI = re.compile(r"^ninja: job failed: (?P<command>.+)$")
_WRITES = re.compile(r"\s-o ?(\S+)")
# pytest and gtest print FAILED as well.
_NOT_NINJA = re.compile(r"\S+\.py(?:::|\b)|\(|errors?=|failures?=|\S+::|.* (?:ms|sec)\b")


def _make(match: re.Match[str]) -> Finding | None:
    words = match["words"]
    if "(ignored)" in words:
        return None
    level = int(match["level"] or 0)
    signal = signal_of(words)
    number = _NUMBER.search(words)
    status = int(number[1]) if number and signal is None else None
    if status is None and signal is None:
        # A signal's name in a language that we do not know: the only other thing make says there.
        signal = 0
    return Finding(
        "target-failed", output=_RULE.sub("", match["target"]).strip(), level=level, signal=signal, status=status
    )


def _scons(match: re.Match[str]) -> Finding:
    number = _NUMBER.search(match["words"])
    return Finding("target-failed", output=match["target"], status=int(number[1]) if number else None)


def _no_rule(match: re.Match[str]) -> Finding:
    return Finding("missing", program="make", output=match["missing"], source=match["by"])


def _ninja_missing(match: re.Match[str]) -> Finding:
    return Finding("missing", program="ninja", output=match["missing"], source=match["by"])


def _ninja_failed(match: re.Match[str]) -> Finding | None:
    if _NOT_NINJA.match(match["outputs"]):
        return None
    status = int(match["status"]) if match["status"] else None
    outputs = match["outputs"]
    if " -" in outputs:
        # ninja before 1.7 named the command alone.
        return Finding("edge-failed", output=_output(outputs), status=status, command=outputs)
    return Finding("edge-failed", output=outputs.split()[0], status=status)


def _output(command: str) -> str:
    named = _WRITES.findall(command)
    return named[-1].strip("'\"") if named else ""


def _samurai(match: re.Match[str]) -> Finding:
    return Finding("edge-failed", output=_output(match["command"]), command=match["command"])


def _interrupted(match: re.Match[str]) -> Finding:
    return Finding("terminated", program=match["program"], signal=2)


def _stopped(match: re.Match[str]) -> Finding:
    return Finding("stopped", program="ninja")


RECOGNISERS = (
    Recogniser((": *** ",), _NO_RULE, _no_rule),
    Recogniser((": *** ",), _MAKE, _make),
    Recogniser(("scons: ***",), _SCONS, _scons),
    Recogniser(("missing and no known",), _NINJA_MISSING, _ninja_missing),
    Recogniser(("failed: ",), _NINJA_FAILED, _ninja_failed),
    Recogniser(("ninja: job failed",), _SAMURAI, _samurai),
    Recogniser(
        ("interrupted by user",), re.compile(r"^(?P<program>ninja): build stopped: interrupted by user"), _interrupted
    ),
    Recogniser(("ninja: build stopped",), re.compile(r"^ninja: build stopped: "), _stopped),
)
