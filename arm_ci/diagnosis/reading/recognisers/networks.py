"""Something could not be fetched: git, curl, wget, apt, dnf, pip and CMake's downloads."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser

_GIT = re.compile(
    r"^(?:fatal: (?:unable to access |Could not read from remote repository|unable to (?:connect to|look up) "
    r"|the remote end hung up"
    r"|early EOF|protocol error|remote error: |repository '[^']+' not found|read error: Connection reset"
    r"|couldn't connect)"
    r"|error: (?:RPC failed|\d+ bytes of body are still expected|GnuTLS recv error)|ssh: connect to host "
    r"|ssh: Could not resolve hostname )"
)
_GIT_CLONE = re.compile(
    r"^(?:fatal: clone of '[^']+' into submodule path '(?P<path>[^']+)' failed|Failed to clone '(?P<module>[^']+)')"
)
_CURL = re.compile(r"^(?:.*[\s\"])?curl: \((?P<code>\d+)\) (?P<words>.+)$")
_WGET = re.compile(
    r"^(?:wget: (?:unable to resolve|can't connect|server returned error|bad address)"
    r"|(?:.* )?ERROR \d{3}: [A-Z][\w ]+\.$|(?:Connecting|Resolving) .*failed: )"
)
_APT = re.compile(r"^(?:E: Failed to fetch |Err:\d+ https?://|E: Unable to fetch some archives|W: Failed to fetch )")
_DNF = re.compile(
    r"Curl error \(\d+\): |^(?:Error|Errors?): Failed to download (?:metadata|packages)"
    r"|Cannot download .*: All mirrors were tried"
)
_PIP = re.compile(
    r"Max retries exceeded with url|NewConnectionError\("
    r"|^ERROR: Could not install packages due to an (?:OSError: HTTP|EnvironmentError: HTTP)"
    r"|ReadTimeoutError: HTTPS?ConnectionPool"
)
_CMAKE = re.compile(
    r"^\s*(?:error: downloading '|Each download failed!|CMake Error: .*(?:status_code: \d+|Couldn't connect))"
    r"|^\s*status_code: (?!0\b)\d+"
)
_OTHER = re.compile(
    r"^(?!.*\b(?:[Tt]est|TEST|PASS|EXPECT|ASSERT)\b).*(?:Could not resolve host"
    r"|Temporary failure (?:in name resolution|resolving)|[Uu]nable to resolve host address)"
)


def _git(match: re.Match[str]) -> Finding:
    return Finding("network", program="git")


def _git_clone(match: re.Match[str]) -> Finding:
    return Finding("network", program="git", output=match["module"] or match["path"] or "")


def _curl(match: re.Match[str]) -> Finding | None:
    # 23: the disk, 27: memory; the others are the network's or the server's.
    return None if match["code"] in ("23", "27") else Finding("network", program="curl")


def _wget(match: re.Match[str]) -> Finding:
    return Finding("network", program="wget")


def _apt(match: re.Match[str]) -> Finding:
    return Finding("network", program="apt")


def _dnf(match: re.Match[str]) -> Finding:
    return Finding("network", program="dnf")


def _pip(match: re.Match[str]) -> Finding:
    return Finding("network", program="pip")


def _cmake(match: re.Match[str]) -> Finding:
    return Finding("network", program="cmake")


def _other(match: re.Match[str]) -> Finding:
    return Finding("network")


RECOGNISERS = (
    Recogniser(("fatal: clone", "failed to clone"), _GIT_CLONE, _git_clone),
    Recogniser(("fatal: ", "error: ", "ssh: "), _GIT, _git),
    Recogniser(("curl: (",), _CURL, _curl),
    Recogniser(("wget: ", "error ", "failed: "), _WGET, _wget),
    Recogniser(("fetch", "err:"), _APT, _apt),
    Recogniser(("curl error", "failed to download", "cannot download"), _DNF, _dnf),
    Recogniser(("retries exceeded", "newconnectionerror", "could not install packages", "readtimeout"), _PIP, _pip),
    Recogniser(("download", "status_code"), _CMAKE, _cmake),
    Recogniser(("resolve", "resolution", "resolving"), _OTHER, _other),
)
