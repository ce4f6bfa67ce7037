"""What this machine has and what limits a process on it: read from /proc, /sys and the process's own limits.

Everything is optional: a board's kernel may lack any of it, and then the value is None or left out.
"""

from __future__ import annotations

import os
import platform
import resource
import struct
from typing import Any, Dict, List, Optional

from ..report import Limits
from ..units import KIBIBYTE

_THERMAL = "/sys/class/thermal"
_PLATFORM = "/sys/devices/platform"
PAGE_BYTES = resource.getpagesize()
"""4 KB, or 16 KB on a Raspberry Pi 5."""
# Bits of the Raspberry Pi firmware's get_throttled (raspberrypi/documentation, vcgencmd).
_THROTTLED_BITS = (
    (0, "undervoltage now"),
    (1, "frequency capped now"),
    (2, "throttled now"),
    (3, "soft temperature limit now"),
    (16, "undervoltage since boot"),
    (17, "frequency capped since boot"),
    (18, "throttled since boot"),
    (19, "soft temperature limit since boot"),
)


def read_text(path: str) -> Optional[str]:
    """A small file's text, or None when it is not there or not ours to read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def read_number(path: str) -> Optional[int]:
    """The whole number in a file, or None."""
    try:
        return int(read_text(path) or "", 0)
    except ValueError:
        return None


def memory_information() -> Dict[str, int]:
    """/proc/meminfo in bytes (proc(5)); what has no unit there as it is."""
    found = {}
    for line in (read_text("/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * (KIBIBYTE if len(words) > 1 else 1)
    return found


def zram_bytes() -> int:
    """Size of the zram devices that swap uses, from /proc/swaps."""
    lines = (read_text("/proc/swaps") or "").splitlines()[1:]
    return sum(int(line.split()[2]) * KIBIBYTE for line in lines if "/zram" in line.split()[0])


def address_top_bytes(maps: Optional[str] = None) -> Optional[int]:
    """End of the highest user mapping of this process: the size of the address space of a process of our kind."""
    top = None
    for line in (maps if maps is not None else read_text("/proc/self/maps") or "").splitlines():
        if line.endswith(("[vsyscall]", "[vectors]")):
            continue  # pages of the kernel above all of the program's (x86-64, 32-bit ARM)
        try:
            end = int(line.split()[0].partition("-")[2], 16)
        except (IndexError, ValueError):
            continue
        top = max(top or 0, end)
    return top


def _rlimit(which: int) -> Optional[int]:
    soft = resource.getrlimit(which)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def free_bytes(directory: str) -> Optional[int]:
    """Bytes that an ordinary user may still write where `directory` is."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def temporary_directory() -> str:
    """Where compilers put their temporary files."""
    return os.environ.get("TMPDIR") or "/tmp"


def limits(directory: str) -> Limits:
    """The limits of a command that runs in `directory`, its cgroup's left out."""
    memory = memory_information()
    return Limits(
        memory_bytes=memory.get("MemTotal", 0),
        swap_bytes=memory.get("SwapTotal", 0),
        zram_bytes=zram_bytes(),
        address_bits=struct.calcsize("P") * 8,
        address_top_bytes=address_top_bytes(),
        rlimit_as_bytes=_rlimit(resource.RLIMIT_AS),
        rlimit_data_bytes=_rlimit(resource.RLIMIT_DATA),
        rlimit_fsize_bytes=_rlimit(resource.RLIMIT_FSIZE),
        overcommit_mode=read_number("/proc/sys/vm/overcommit_memory") or 0,
        commit_limit_bytes=memory.get("CommitLimit"),
        committed_bytes=memory.get("Committed_AS"),
        free_disk_bytes=free_bytes(directory),
        free_temporary_bytes=free_bytes(temporary_directory()),
    )


_COUNTERS = ("oom_kill", "pswpin", "pswpout", "workingset_refault", "workingset_refault_file")


def counters() -> Dict[str, int]:
    """/proc/vmstat: counts since boot, in pages or events."""
    found = {}
    for line in (read_text("/proc/vmstat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name in _COUNTERS and value.isdigit():
            found[name] = int(value)
    return found


def pressure_seconds() -> Optional[List[float]]:
    """Seconds since boot that some, and that all tasks waited for memory (PSI); None where the kernel does not say."""
    text = read_text("/proc/pressure/memory")
    if not text:
        return None
    found = []
    for line in text.splitlines():
        total = line.rpartition("total=")[2]
        if not total.isdigit():
            return None
        found.append(int(total) / 1e6)
    return found if len(found) == 2 else None


def temperature_celsius() -> Optional[float]:
    """The hottest thermal zone, where the board tells."""
    try:
        zones = os.listdir(_THERMAL)
    except OSError:
        return None
    found = [read_number("{}/{}/temp".format(_THERMAL, zone)) for zone in zones if zone.startswith("thermal_zone")]
    degrees = [value / 1000 for value in found if value is not None]
    return max(degrees) if degrees else None


def get_throttled(platform_devices: str = _PLATFORM) -> Optional[int]:
    """The Raspberry Pi firmware's word about power and heat since boot; None on other boards."""
    try:
        names = [name for name in os.listdir(platform_devices) if name.startswith("soc")]
    except OSError:
        return None
    for name in names:
        # `soc/soc:firmware` on boards up to the fourth, `soc@107c000000/soc@107c000000:firmware` on the fifth.
        text = read_text("{0}/{1}/{1}:firmware/get_throttled".format(platform_devices, name))
        try:
            return int((text or "").strip(), 16)
        except ValueError:
            continue
    return None


def throttling(value: Optional[int]) -> List[str]:
    """The Raspberry Pi firmware's word about power and heat, as words."""
    return [words for bit, words in _THROTTLED_BITS if value is not None and value >> bit & 1]


def describe() -> Dict[str, Any]:
    """The machine in words, for the report's `host`."""
    model = (read_text("/proc/device-tree/model") or "").strip("\0\n ")
    firmware = get_throttled()
    found = {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "bits": struct.calcsize("P") * 8,
        "cores": len(os.sched_getaffinity(0)),
        "page_bytes": PAGE_BYTES,
        "python": platform.python_version(),
    }  # type: Dict[str, Any]
    if model:
        found["model"] = model
    degrees = temperature_celsius()
    if degrees is not None:
        found["temperature_celsius"] = degrees
    if firmware is not None:
        found["throttling"] = throttling(firmware)
    return found
