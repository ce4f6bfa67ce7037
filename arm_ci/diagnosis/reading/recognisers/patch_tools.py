"""Patches that do not apply: git apply, git am, patch and quilt."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser

_GIT = re.compile(
    r"^error: (?:patch failed: (?P<hunk>.+?):\d+$|(?P<whole>.+?): patch does not apply$|corrupt patch at "
    r"|(?P<index>.+?): does not "
    r"(?:exist in|match) index$|(?P<exists>.+?): already exists in (?:index|working directory)$"
    r"|Anwendung des Patches fehlgeschlagen: (?P<german>.+?):\d+$)"
)
_AM = re.compile(r"^Patch failed at \d+ |^error: could not apply [0-9a-f]{7,}")
_PATCH = re.compile(r"^\d+ out of \d+ hunks? FAILED(?: -- saving rejects to (?:file )?(?P<rejects>\S+?)(?:\.rej)?$)?")
_PATCH_HUNK = re.compile(r"^Hunk #\d+ FAILED at \d+")
_PATCH_OTHER = re.compile(
    r"^patch: \*\*\*\* |^can't find file to patch at input line |^Reversed \(or previously applied\) patch detected!"
)
_QUILT = re.compile(r"^Patch (?P<name>\S+) (?:does not apply|can be reverse-applied)")


def _git(match: re.Match[str]) -> Finding:
    named = [name for name in match.groups() if name]
    return Finding("patch", program="git", output=named[0] if named else "")


def _am(match: re.Match[str]) -> Finding:
    return Finding("patch", program="git")


def _patch(match: re.Match[str]) -> Finding:
    return Finding("patch", program="patch", output=match.groupdict().get("rejects") or "")


def _quilt(match: re.Match[str]) -> Finding:
    return Finding("patch", program="quilt")


RECOGNISERS = (
    Recogniser(("error: ",), _GIT, _git),
    Recogniser(("patch failed at", "could not apply"), _AM, _am),
    Recogniser(("hunk",), _PATCH, _patch),
    Recogniser(("hunk #",), _PATCH_HUNK, _patch),
    Recogniser(("patch",), _PATCH_OTHER, _patch),
    Recogniser(("patch ",), _QUILT, _quilt),
)
