"""A small FAT16 file system as bytes: how a seed reaches a guest without root, tools and loose files.

As in Microsoft's "FAT: General Overview of On-Disk Format", 1.03. Files lie in the root directory; all have a long
name, which the short one cannot hold (`user-data` has nine letters and no capitals).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_SECTOR = 512
_SECTORS = 8192
_ROOT_ENTRIES = 512
_FAT_SECTORS = 32
"""Two bytes for each of 8,095 clusters of one sector; below 4,085 clusters it would be FAT12."""
_ROOT_SECTORS = _ROOT_ENTRIES * 32 // _SECTOR
_DATA = 1 + 2 * _FAT_SECTORS + _ROOT_SECTORS
ROOM_BYTES = (_SECTORS - _DATA) * _SECTOR
"""How much all files take at most, each rounded up to 512."""
_END = 0xFFFF
_MEDIA = 0xF8
_DATE = 0x0021
"""1980-01-01: the same files give the same bytes."""
_LABEL, _ARCHIVE, _LONG = 0x08, 0x20, 0x0F


def fat_volume(label: str, files: Mapping[str, bytes]) -> bytes:
    """A volume of 4 MiB with this label (11 capitals at most) and these files.

    Raises ValueError when they do not fit.
    """
    table = [0xFF00 | _MEDIA, _END]
    root = _entry(label.ljust(11).encode("ascii"), _LABEL, 0, 0)
    data = b""
    for number, (name, content) in enumerate(files.items(), 1):
        first = len(table) if content else 0
        clusters = -(-len(content) // _SECTOR)
        table += [*range(first + 1, first + clusters), _END][:clusters]
        short = f"FILE{number:04}".encode().ljust(11)
        root += _long_name(name, short) + _entry(short, _ARCHIVE, first, len(content))
        data += content.ljust(clusters * _SECTOR, b"\0")
    if len(data) > ROOM_BYTES or len(root) > _ROOT_ENTRIES * 32:
        raise ValueError(f"{len(files)} files of {len(data)} bytes do not fit into {ROOM_BYTES} bytes")
    fat = struct.pack(f"<{len(table)}H", *table).ljust(_FAT_SECTORS * _SECTOR, b"\0")
    volume = _boot_sector(label) + fat + fat + root.ljust(_ROOT_SECTORS * _SECTOR, b"\0") + data
    return volume.ljust(_SECTORS * _SECTOR, b"\0")


def _boot_sector(label: str) -> bytes:
    head = b"\xeb\x3c\x90" + b"ARM_CI  "
    sizes = struct.pack("<HBHBHHBHHHII", _SECTOR, 1, 1, 2, _ROOT_ENTRIES, _SECTORS, _MEDIA, _FAT_SECTORS, 32, 2, 0, 0)
    extended = struct.pack("<BBBI", 0x80, 0, 0x29, 0xC1DA7A00) + label.ljust(11).encode("ascii") + b"FAT16   "
    return (head + sizes + extended).ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


def _entry(short: bytes, kind: int, cluster: int, size: int) -> bytes:
    return short + struct.pack("<BBBHHHHHHHI", kind, 0, 0, 0, _DATE, _DATE, 0, 0, _DATE, cluster, size)


def _long_name(name: str, short: bytes) -> bytes:
    """The entries of a long name, last part first: 13 letters in each, and a sum over the short name that follows."""
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    units = name.encode("utf-16-le")
    parts = -(-len(units) // 26)
    if len(units) < parts * 26:
        units = (units + b"\0\0").ljust(parts * 26, b"\xff")
    entries = b""
    for number in range(parts, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == parts else 0)
        entries += struct.pack("<B10sBBB12sH4s", order, part[:10], _LONG, 0, total, part[10:22], 0, part[22:])
    return entries
