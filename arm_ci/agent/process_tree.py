"""What the processes of an edge hold right now, from /proc (proc(5)).

Where the kernel lists children (CONFIG_PROC_CHILDREN) a tree costs some reads; elsewhere every process is looked at.
"""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Optional, Tuple

_KIBIBYTE = 1024
_LONGEST_STATUS = 4096
_ELF_CLASS_BITS = {1: 32, 2: 64}
_HAS_CHILDREN = os.path.exists("/proc/{0}/task/{0}/children".format(os.getpid()))


class Held(NamedTuple):
    """One process."""

    pid: int
    name: str
    """As the kernel knows it, 15 characters at most."""
    rss_bytes: int
    """Largest resident set so far (VmHWM)."""
    anonymous_bytes: int
    swap_bytes: int
    virtual_bytes: int
    """Largest address space so far (VmPeak)."""


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, _LONGEST_STATUS)
    except OSError:
        return b""
    finally:
        os.close(file)


def _kilobytes(status: bytes, key: bytes) -> Optional[int]:
    start = status.find(key)
    if start < 0:
        return None
    words = status[start + len(key) : start + len(key) + 24].split(None, 1)
    return int(words[0]) * _KIBIBYTE if words and words[0].isdigit() else None


def held(pid: int) -> Optional[Held]:
    """What a process holds; None when it is gone or a zombie."""
    status = _read("/proc/{}/status".format(pid))
    virtual = _kilobytes(status, b"\nVmPeak:")
    if virtual is None:
        return None
    resident = _kilobytes(status, b"\nVmRSS:") or 0
    anonymous = _kilobytes(status, b"\nRssAnon:")
    return Held(
        pid=pid,
        name=status[status.find(b"\t") + 1 : status.find(b"\n")].decode("utf-8", "backslashreplace"),
        rss_bytes=_kilobytes(status, b"\nVmHWM:") or resident,
        # RssAnon came with Linux 4.5.
        anonymous_bytes=resident if anonymous is None else anonymous,
        swap_bytes=_kilobytes(status, b"\nVmSwap:") or 0,
        virtual_bytes=virtual,
    )


def _parents() -> Dict[int, List[int]]:
    """Parent -> children, of every process."""
    found: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _read("/proc/{}/stat".format(name)).rpartition(b")")[2].split()
            if len(fields) > 1:
                found.setdefault(int(fields[1]), []).append(int(name))
    return found


class ProcessTree:
    """Parents and children at one moment."""

    def __init__(self) -> None:
        self._table = None if _HAS_CHILDREN else _parents()

    def children(self, pid: int) -> List[int]:
        """Processes that this one started and that live."""
        if self._table is not None:
            return self._table.get(pid, [])
        text = _read("/proc/{0}/task/{0}/children".format(pid))
        return [int(word) for word in text.split()]

    def below(self, pid: int, without: Tuple[int, ...] = ()) -> List[int]:
        """All that descend from a process, itself left out, and with it everything at and below `without`."""
        found = []
        waiting = [pid]
        while waiting:
            for child in self.children(waiting.pop()):
                if child not in without:
                    found.append(child)
                    waiting.append(child)
        return found


def address_bits(pid: int) -> Optional[int]:
    """Size of a pointer of a process: from its program, or from the name of the emulator that runs it."""
    path = "/proc/{}/exe".format(pid)
    try:
        target = os.path.basename(os.readlink(path))
    except OSError:
        return None
    if target.startswith(("qemu-arm", "qemu-i386", "qemu-mips")) and "64" not in target:
        return 32
    head = _read(path)[:5]
    return _ELF_CLASS_BITS.get(head[4]) if head[:4] == b"\x7fELF" and len(head) == 5 else None


def command_line(pid: int) -> List[str]:
    """The words of a process's command line, as far as they fit into a few kilobytes."""
    words = _read("/proc/{}/cmdline".format(pid)).split(b"\0")
    return [word.decode("utf-8", "backslashreplace") for word in words if word]
