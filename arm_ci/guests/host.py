"""What this machine has for guests: QEMU, memory, KVM."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from arm_ci.guests.errors import GuestError, not_installed
from arm_ci.guests.machine import PACKAGE, PROGRAMS, Machine, accelerator

RESERVE_BYTES = 1 << 30
"""What is left to this machine itself when guests take all they may."""


def require_programs(architecture: str) -> str:
    """The path of QEMU for this architecture. Raises GuestError with the command that installs what is missing."""
    program = PROGRAMS[architecture]
    for name, package in ((program, PACKAGE), ("qemu-img", "qemu-utils")):
        if shutil.which(name) is None:
            raise GuestError(not_installed(name, package))
    return str(shutil.which(program))


def version(program: str) -> str:
    """What QEMU says that it is. Raises GuestError when it cannot be run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise GuestError(f"{program} cannot be run: {error}") from error
    return done.stdout.splitlines()[0]


def require_memory(machine: Machine, meminfo: str) -> None:
    """Raises GuestError when this machine has not the memory for the guest just now; `meminfo` as in /proc/meminfo."""
    free = _field(meminfo, "MemAvailable")
    if free < machine.host_bytes:
        raise GuestError(
            f"there is no memory for the guest: with QEMU it needs {machine.host_bytes >> 20} MB, "
            f"and this machine has {free >> 20} MB free"
        )


def memory_for_guests(meminfo: str) -> int:
    """Bytes that guests may take of this machine all together: all but a reserve, at least half."""
    total = _field(meminfo, "MemTotal")
    return max(total - RESERVE_BYTES, total // 2)


def meminfo() -> str:
    """The text of /proc/meminfo."""
    return Path("/proc/meminfo").read_text(encoding="ascii")


def chosen_accelerator(architecture: str, machine: str) -> str:
    """`kvm` or `tcg`, as this host can."""
    return accelerator(architecture, machine, os.uname().machine, os.access("/dev/kvm", os.R_OK | os.W_OK))


def _field(text: str, name: str) -> int:
    """Bytes of a line of /proc/meminfo; 0: there is none."""
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return 0
