"""What the processes of an edge hold right now, from /proc (proc(5)).

Where the kernel lists children (CONFIG_PROC_CHILDREN) a tree costs some reads; elsewhere every process is looked at.
"""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..units import KIBIBYTE

_LONGEST_STATUS = 4096
_LONGEST_LIST = 1 << 16
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
    file_bytes: int = 0
    """What is resident and not anonymous."""


def _read(path: str, longest: int = _LONGEST_STATUS) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, longest)
    except OSError:
        return b""
    finally:
        os.close(file)


def _kilobytes(status: bytes, key: bytes) -> Optional[int]:
    start = status.find(key)
    if start < 0:
        return None
    words = status[start + len(key) : start + len(key) + 24].split(None, 1)
    return int(words[0]) * KIBIBYTE if words and words[0].isdigit() else None


def held(pid: int) -> Optional[Held]:
    """What a process holds; None when it is gone or a zombie."""
    status = _read("/proc/{}/status".format(pid))
    virtual = _kilobytes(status, b"\nVmPeak:")
    if virtual is None:
        return None
    resident = _kilobytes(status, b"\nVmRSS:") or 0
    anonymous = _kilobytes(status, b"\nRssAnon:")
    # RssAnon came with Linux 4.5.
    anonymous = resident if anonymous is None else anonymous
    return Held(
        pid=pid,
        name=status[status.find(b"\t") + 1 : status.find(b"\n")].decode("utf-8", "backslashreplace"),
        rss_bytes=_kilobytes(status, b"\nVmHWM:") or resident,
        anonymous_bytes=anonymous,
        swap_bytes=_kilobytes(status, b"\nVmSwap:") or 0,
        virtual_bytes=virtual,
        file_bytes=max(0, resident - anonymous),
    )


def _parents() -> Dict[int, List[int]]:
    """Parent -> children, of every process."""
    found: Dict[int, List[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        names = []
    for name in names:
        if name.isdigit():
            fields = _fields(int(name))
            if len(fields) > 1:
                found.setdefault(int(fields[1]), []).append(int(name))
    return found


def _fields(pid: int) -> List[bytes]:
    """The fields of /proc/PID/stat behind the name: the first is the state."""
    return _read("/proc/{}/stat".format(pid)).rpartition(b")")[2].split()


class ProcessTree:
    """Parents and children at one moment."""

    def __init__(self) -> None:
        self._table = None if _HAS_CHILDREN else _parents()
        self._parents: Dict[int, int] = {}

    def children(self, pid: int, of_threads: bool = False) -> List[int]:
        """Processes that this one started and that live; those of its other threads only when that is asked."""
        if self._table is not None:
            return self._table.get(pid, [])
        threads = [str(pid)]
        if of_threads:
            try:
                threads = os.listdir("/proc/{}/task".format(pid))
            except OSError:
                return []
        texts = [_read("/proc/{}/task/{}/children".format(pid, thread), _LONGEST_LIST) for thread in threads]
        return [int(word) for word in b" ".join(texts).split()]

    def below(self, pid: int, without: Tuple[int, ...] = (), of_threads: bool = False) -> List[int]:
        """All that descend from a process, itself left out, and with it everything at and below `without`."""
        found = []
        waiting = [pid]
        while waiting:
            parent = waiting.pop()
            for child in self.children(parent, of_threads):
                if child not in without:
                    self._parents[child] = parent
                    found.append(child)
                    waiting.append(child)
        return found

    def lineage(self, pid: int) -> List[int]:
        """A process and those above it, as far as they were found."""
        found = [pid]
        while found[-1] in self._parents:
            found.append(self._parents[found[-1]])
        return found[:-1] or found


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
    """The words of a process's command line; of one over 64 kilobytes the first."""
    words = _read("/proc/{}/cmdline".format(pid), _LONGEST_LIST).rstrip(b"\0").split(b"\0")
    return [word.decode("utf-8", "backslashreplace") for word in words] if words[0] else []


def age_seconds(pid: int) -> float:
    """How long ago a process was started; 0 for one that is gone."""
    fields = _fields(pid)
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK") if len(fields) > 19 else None
    return 0.0 if started is None else max(0.0, uptime_seconds() - started)


def uptime_seconds() -> float:
    """Seconds since boot; 0 where nobody says."""
    try:
        return float(_read("/proc/uptime").split()[0])
    except (ValueError, IndexError):
        return 0.0
