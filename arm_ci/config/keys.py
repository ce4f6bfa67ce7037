"""What the keys of config/*.yaml are made of: choices, scalars with a meaning, and `key`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, field
from typing import Annotated, Any, Literal, get_args

Architecture = Literal["armhf", "arm64", "amd64", "i386"]
BoardArchitecture = Literal["armhf", "arm64", "amd64", "i386", "host"]
CompilerFamily = Literal["gcc", "clang"]
Generator = Literal["ninja", "make", "autotools", "kati", "meson"]
_WITH_CMAKE = ("ninja", "make", "kati")
BUILD_SYSTEMS: Mapping[str, str] = {name: "cmake" if name in _WITH_CMAKE else name for name in get_args(Generator)}
"""The section of a project that says how a generator builds it."""
DebugInfo = Literal["full", "line-tables", "split", "none"]
Tier = Literal["commit", "nightly", "force"]
BuildType = Literal["Debug", "Release", "RelWithDebInfo", "MinSizeRel"]
TestKind = Literal["ctest", "gtest", "meson"]
GuestMachine = Literal["virt", "raspi3b"]
LinkerSelection = Literal["fuse-ld", "directory"]
FallbackKind = Literal["compile", "link"]
FallbackTime = Literal["too-large", "always"]
LessDebugInfo = Literal["line-tables", "none"]

# Scalars with a meaning of their own. The text beside each type is what a mistake says was expected.
Bytes = Annotated[int, "bytes"]
"""Memory or disk, written as `925M`, `12G`, `0`; binary units: K = 1,024 bytes, M = 1,024 K, G, T."""
HostBytes = Annotated[int, "bytes-or-host"]
"""As Bytes, or `host`: read off the machine that loads the configuration."""
HostCount = Annotated[int, "count-or-host"]
"""A whole number >= 1, or `host`."""
Seconds = Annotated[int, "seconds"]
"""A duration, written as `90s`, `20m`, `3h`, `1d`."""
Interval = Annotated[int, "seconds-or-never"]
"""A duration, or `never`: 0."""
Version = Annotated[str, "version"]
"""Digits with dots, `12` or `3.9.0` (quote it when YAML would read a number)."""
VersionRange = Annotated[str, "version-range"]
"""Comparisons joined by commas, `>=1.0.0, <1.5.0`; empty means every version."""
Port = Annotated[int, "port"]
"""A TCP port, 1 to 65535."""
TimeOfDay = Annotated[str, "time-of-day"]
"""Hours and minutes of the master's clock, `02:00`."""
Pattern = Annotated[str, "pattern"]
"""A Python regular expression with exactly one group."""
Helper = Annotated[str, "helper"]
"""A machine that compiles for a board, `HOST[:PORT]/JOBS`; an IPv6 address stands in brackets."""
Name = Annotated[str, "name"]
"""Letters, digits, `.`, `_`, `+`, `-`; starts with a letter or digit."""
PatchSetName = Annotated[str, "patch-set"]
"""A Name, or `none`; empty means the project's own name."""
NO_PATCHES = "none"

AXES = ("project", "board", "compiler", "linker", "generator", "debug_info")


def key(doc: str, default: Any = MISSING, factory: Any = MISSING) -> Any:
    """A field that a YAML key sets: `doc` is its documentation; without a default the key is required."""
    if factory is not MISSING:
        return field(default_factory=factory, metadata={"doc": doc})
    if default is not MISSING:
        return field(default=default, metadata={"doc": doc})
    return field(metadata={"doc": doc})
