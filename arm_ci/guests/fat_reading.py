"""Reads a file out of a FAT file system given as bytes-like data, FAT16 or FAT32, by its short name (8.3).

Just enough to look into an EFI system partition; the form is Microsoft's, as in fat_volume.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

ReadAt = Callable[[int, int], bytes]
"""Offset and length -> bytes; fewer at the end."""
_DIRECTORY, _LABEL_OR_LONG = 0x10, 0x08


class NotFatError(Exception):
    """The data are no FAT file system, or a damaged one."""


class FatReader:
    """A file system behind a function that reads from it. Raises NotFatError."""

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        boot = read_at(0, 512)
        if len(boot) < 512 or boot[510:] != b"\x55\xaa":
            raise NotFatError
        sector, per_cluster, reserved, tables, root_entries, small = struct.unpack_from("<HBHBHH", boot, 11)
        narrow_table, large, wide_table = struct.unpack_from("<xH8xII", boot, 21)
        if sector not in (512, 1024, 2048, 4096) or not per_cluster or not tables:
            raise NotFatError
        table_sectors = narrow_table or wide_table
        root_sectors = -(-root_entries * 32 // sector)
        data = reserved + tables * table_sectors + root_sectors
        self._clusters = ((small or large) - data) // per_cluster
        # As Linux tells FAT32, also a small one; FAT12 is for floppies.
        self._wide = narrow_table == 0
        if not self._wide and self._clusters < 4085:
            raise NotFatError
        self._table = reserved * sector
        self._root = (reserved + tables * table_sectors) * sector
        self._root_bytes = root_sectors * sector
        self._root_cluster = struct.unpack_from("<I", boot, 44)[0] if self._wide else 0
        self._data = data * sector
        self._cluster_bytes = per_cluster * sector

    def read(self, path: str, length: int = 1 << 30) -> bytes | None:
        """The first bytes of a file, for example `EFI/BOOT/BOOTAA64.EFI`; None when there is no such file."""
        *directories, name = path.upper().split("/")
        where = self._root_cluster
        for directory in directories:
            found = self._find(where, directory)
            if found is None or not found[0] & _DIRECTORY:
                return None
            where = found[1]
        found = self._find(where, name)
        if found is None or found[0] & _DIRECTORY:
            return None
        _, first, size = found
        return self._chain(first, min(size, length)) if size else b""

    def names(self, path: str) -> list[str]:
        """The short names in a directory; empty when there is none."""
        where = self._root_cluster
        for directory in path.upper().split("/") if path else ():
            found = self._find(where, directory)
            if found is None or not found[0] & _DIRECTORY:
                return []
            where = found[1]
        return [name for name, *_ in self._entries(where) if name not in (".", "..")]

    def _find(self, directory: int, name: str) -> tuple[int, int, int] | None:
        return next((rest for each, *rest in self._entries(directory) if each == name), None)  # type: ignore[return-value]

    def _entries(self, directory: int) -> Iterator[tuple[str, int, int, int]]:
        """Short name, attributes, first cluster and size of what is in a directory; cluster 0 is FAT16's root."""
        raw = self._chain(directory) if directory else self._read_at(self._root, self._root_bytes)
        for offset in range(0, len(raw) - 31, 32):
            short, kind = raw[offset : offset + 11], raw[offset + 11]
            if short[0] == 0:
                return
            if short[0] == 0xE5 or kind & _LABEL_OR_LONG:
                continue
            high, low, size = struct.unpack_from("<H4xHI", raw, offset + 20)
            name = short[:8].decode("latin-1").rstrip()
            extension = short[8:].decode("latin-1").rstrip()
            cluster = low | (high << 16 if self._wide else 0)
            yield f"{name}.{extension}" if extension else name, kind, cluster, size

    def _chain(self, cluster: int, length: int = 1 << 24) -> bytes:
        """What the clusters hold that follow each other, `length` bytes at most."""
        data = b""
        width = 4 if self._wide else 2
        while 2 <= cluster < self._clusters + 2 and len(data) < length:
            data += self._read_at(self._data + (cluster - 2) * self._cluster_bytes, self._cluster_bytes)
            entry = self._read_at(self._table + cluster * width, width)
            if len(entry) < width:
                raise NotFatError
            cluster = int.from_bytes(entry, "little") & 0x0FFFFFFF
        return data[:length]
