"""Disks as publishers of cloud images make them, small and empty but for the loader."""

import struct
import uuid

from arm_ci.guests.fat_volume import fat_volume

SYSTEM_PARTITION = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
ARM64, ARM, X86_64 = 0xAA64, 0x01C2, 0x8664
FIRST_SECTOR = 2048
_DATA = (1 + 2 * 32 + 32) * 512
_TABLE = 512


def program(machine: int) -> bytes:
    """A PE program as far as its machine's number."""
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80) + b"\0" * 64 + b"PE\0\0" + struct.pack("<H", machine)


def _entry(name: str, kind: int, cluster: int, size: int) -> bytes:
    stem, _, extension = name.partition(".")
    short = stem.ljust(8).encode() + extension.ljust(3).encode()
    return short + struct.pack("<B8xHHHHI", kind, 0, 0, 0x21, cluster, size)


def file_system(loader: str = "BOOTAA64.EFI", content: bytes = program(ARM64)) -> bytes:
    """FAT16 with one file in EFI/BOOT, of two clusters that do not follow each other."""
    content = content.ljust(1000, b"\0")
    volume = bytearray(fat_volume("EFI", {}))
    for cluster, following in ((2, 0xFFFF), (3, 0xFFFF), (4, 9), (9, 0xFFFF)):
        struct.pack_into("<H", volume, _TABLE + cluster * 2, following)
    root = (1 + 2 * 32) * 512
    volume[root + 32 : root + 64] = _entry("EFI", 0x10, 2, 0)
    for cluster, data in (
        (2, _entry("DELETED", 0x10, 3, 0).replace(b"D", b"\xe5", 1) + _entry("BOOT", 0x10, 3, 0)),
        (3, _entry(loader, 0x20, 4, 1000)),
        (4, content[:512]),
        (9, content[512:]),
    ):
        place = _DATA + (cluster - 2) * 512
        volume[place : place + len(data)] = data
    return bytes(volume)


def disk(partition: bytes = file_system(), kind: uuid.UUID = SYSTEM_PARTITION) -> bytes:
    """A disk with a GPT, a Linux partition, and one of this kind."""
    sectors = len(partition) // 512
    head = bytearray(FIRST_SECTOR * 512)
    head[510:512] = b"\x55\xaa"
    head[512:604] = b"EFI PART".ljust(72, b"\0") + struct.pack("<QII", 2, 128, 128) + b"\0" * 4
    for number, (each, first, last) in enumerate(
        ((LINUX, 4096, 8191), (kind, FIRST_SECTOR, FIRST_SECTOR + sectors - 1))
    ):
        at = 1024 + number * 128
        head[at : at + 48] = each.bytes_le + uuid.UUID(int=number + 1).bytes_le + struct.pack("<QQ", first, last)
    return bytes(head) + partition + b"\0" * 65536
