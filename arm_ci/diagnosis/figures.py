"""Figures in words, the same in sentences, advice, pages and pictures."""

from __future__ import annotations

import math

_KIBIBYTE = 1024
_LARGEST = 1 << 62
# What people make swap and limits of.
_ROUND_MEGABYTES = (128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192)


def usable(value: float | None, most: float = _LARGEST) -> float | None:
    """The value, when it can be one: a report's JSON may hold Infinity and whole numbers without end too."""
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and 0 <= number <= most else None


def size(size_bytes: float) -> str:
    """Bytes for people, in binary units: `40 B`, `12 KB`, `925 MB`, `12.0 GB`."""
    if size_bytes < _KIBIBYTE:
        return f"{size_bytes:.0f} B"
    for unit in ("KB", "MB"):
        size_bytes /= _KIBIBYTE
        # 1023.6 MB is 1.0 GB.
        if round(size_bytes) < _KIBIBYTE:
            return f"{size_bytes:.0f} {unit}"
    return f"{size_bytes / _KIBIBYTE:.1f} GB"


def exact_size(size_bytes: int) -> str:
    """Bytes to the last one: `1,073,749,752 bytes`."""
    return f"{size_bytes:,} byte" if size_bytes == 1 else f"{size_bytes:,} bytes"


def duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `12 s`, `3 min 5 s`, `10 h 2 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, one: str) -> str:
    """`1 edge`, `4 edges`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def round_up(size_bytes: float) -> int:
    """The next size that a person would choose, in bytes: 256 MB, 512 MB, 1 GB, 1.5 GB, 2 GB, ..."""
    for megabytes in _ROUND_MEGABYTES:
        if size_bytes <= megabytes * _KIBIBYTE**2:
            return megabytes * _KIBIBYTE**2
    step = 4 * _KIBIBYTE**3
    return -int(-size_bytes // step) * step
