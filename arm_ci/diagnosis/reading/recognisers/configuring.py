"""The build could not be set up: CMake, configure, meson, and packages that are not to be had."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser

_CMAKE = re.compile(
    r"^CMake Error(?: at (?P<file>[^\s:]+):\d+| in (?P<file2>[^\s:]+):|: | \(dev\))"
    r"|^-- Configuring incomplete, errors occurred!|^See also \".*CMake(?:Error|Output|Configure)\S*\"\.$"
)
_CONFIGURE = re.compile(r"^(?:\S*/)?configure(?:\.ac|\.in)?(?::\d+)?: error: |^config\.status: error: ")
_AUTOTOOLS = re.compile(
    r"^(?P<program>autoreconf|aclocal|automake|autoconf|autoheader|libtoolize)(?:-[\d.]+)?: (?:error: "
    r"|.* failed with exit status)"
)
_MESON = re.compile(
    r"^(?:\S*meson\.build:\d+:\d+: |\S+/meson\.build:\d+:\d+: )ERROR: |^ERROR: (?:Dependency|Could not (?:detect"
    r"|execute)|Unknown compiler|Neither directory)|^meson\.build:\d+:\d+: ERROR"
)
_DNF = re.compile(
    r"^Failed to resolve the transaction|^No match for argument: |^Problem(?: \d+)?: (?:cannot install"
    r"|nothing provides|conflicting|package)|^\s*- nothing provides "
    r"|^Error: *(?:Unable to find a match|Problem)|^No matching package to install"
)
_RPM = re.compile(r"^error: Failed build dependencies:|^\s+\S.* is needed by \S+$")
_APT = re.compile(
    r"^E: (?:Unable to locate package|Unmet dependencies|Unable to correct problems"
    r"|Package '[^']+' has no installation candidate|Build-dependencies for)"
    r"|The following packages have unmet dependencies|^dpkg-checkbuilddeps: error: "
)
_YUM = re.compile(r"^(?:--> )?Error: Package: \S+ \(|^No package \S+ available\.$")
_PIP = re.compile(r"^ERROR: (?:No matching distribution found|Could not find a version that satisfies)")
_PKG_CONFIG = re.compile(r"^(?:No package '[^']+' found|Package \S+ was not found in the pkg-config search path)")


def _cmake(match: re.Match[str]) -> Finding:
    return Finding("configure", program="cmake", source=match["file"] or match["file2"] or "")


def _configure(match: re.Match[str]) -> Finding:
    return Finding("configure", program="configure")


def _named(match: re.Match[str]) -> Finding:
    return Finding("configure", program=match["program"])


def _meson(match: re.Match[str]) -> Finding:
    return Finding("configure", program="meson")


def _dnf(match: re.Match[str]) -> Finding:
    # dnf 4 has other words, `Error: Unable to find a match`.
    return Finding("configure", program="dnf" if match[0].startswith("Error:") else "dnf5")


def _rpm(match: re.Match[str]) -> Finding:
    return Finding("configure", program="rpmbuild")


def _apt(match: re.Match[str]) -> Finding:
    return Finding("configure", program="dpkg-checkbuilddeps" if match[0].startswith("dpkg") else "apt-get")


def _yum(match: re.Match[str]) -> Finding:
    return Finding("configure", program="yum")


def _pip(match: re.Match[str]) -> Finding:
    return Finding("configure", program="pip")


def _pkg_config(match: re.Match[str]) -> Finding:
    return Finding("configure", program="pkg-config")


RECOGNISERS = (
    Recogniser(("cmake error", "configuring incomplete", "see also "), _CMAKE, _cmake),
    Recogniser(("configure", "config.status"), _CONFIGURE, _configure),
    Recogniser(("auto", "aclocal", "libtoolize"), _AUTOTOOLS, _named),
    Recogniser(("error: ",), _MESON, _meson),
    Recogniser(("failed to resolve", "no match", "problem", "nothing provides", "unable to find a match"), _DNF, _dnf),
    Recogniser(("build dependencies", "is needed by"), _RPM, _rpm),
    Recogniser(("e: ", "unmet", "dpkg-check"), _APT, _apt),
    Recogniser(("error: package", "no package"), _YUM, _yum),
    Recogniser(("error: ",), _PIP, _pip),
    Recogniser(("no package", "was not found in"), _PKG_CONFIG, _pkg_config),
)
