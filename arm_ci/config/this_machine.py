"""This machine as a board sees it: architecture, cores, memory, swap, system. Boards may say `host` instead.

It reads /proc and /etc/os-release; where those are missing it falls back to what POSIX offers.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from arm_ci.config.keys import Architecture

_ARCHITECTURES: dict[tuple[str, int], Architecture] = {
    ("x86_64", 64): "amd64",
    ("amd64", 64): "amd64",
    ("x86_64", 32): "i386",
    ("i386", 32): "i386",
    ("i486", 32): "i386",
    ("i586", 32): "i386",
    ("i686", 32): "i386",
    ("aarch64", 64): "arm64",
    ("arm64", 64): "arm64",
    ("aarch64", 32): "armhf",
    ("armv8l", 32): "armhf",
    ("armv7l", 32): "armhf",
    ("armv6l", 32): "armhf",
}


@dataclass(frozen=True)
class Host:
    """What `host` stands for in boards.yaml. `architecture` is Debian's name, or the kernel's when we have none."""

    architecture: str
    cores: int
    memory: int
    """Bytes."""
    swap: int
    """Bytes."""
    os: str

    @classmethod
    def current(cls) -> Host:
        """The machine that this runs on."""
        memory, swap = _memory_and_swap()
        return cls(_architecture(), _cores(), memory, swap, _os())

    @property
    def supported(self) -> bool:
        """Whether boards of this architecture exist here."""
        return self.architecture in _ARCHITECTURES.values()


def architecture_of(machine: str, bits: int) -> str:
    """Debian's architecture for `uname -m` and the bits of a program; the machine's own name when unknown."""
    return cast(str, _ARCHITECTURES.get((machine, bits), machine))


def _architecture() -> str:
    # A 32-bit system on a 64-bit kernel builds 32-bit programs: our own pointers tell which it is.
    return architecture_of(os.uname().machine, struct.calcsize("P") * 8)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _memory_and_swap() -> tuple[int, int]:
    try:
        return parse_meminfo(Path("/proc/meminfo").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), 0


def parse_meminfo(text: str) -> tuple[int, int]:
    """Bytes of RAM and of swap from the text of /proc/meminfo (its kB are 1,024 bytes)."""
    found = {"MemTotal": 0, "SwapTotal": 0}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if name in found and words and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    return found["MemTotal"], found["SwapTotal"]


def _os() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            return parse_os_release(Path(path).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return os.uname().sysname.lower()


def parse_os_release(text: str) -> str:
    """`debian-12` from the text of /etc/os-release; only the name where there is no version (Debian sid)."""
    values = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign:
            values[name] = value.strip().strip("\"'")
    identity = values.get("ID", "linux") or "linux"
    version = values.get("VERSION_ID", "")
    return f"{identity}-{version}" if version else identity
