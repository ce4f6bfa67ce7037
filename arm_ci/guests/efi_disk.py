"""Whether a disk starts through UEFI firmware, and on which processors: its GPT, its EFI system partition, the loader.

As in the UEFI specification 2.10: 5.3 (GPT), 13.3 (system partition), 3.5.1.1 (what is started from a disk that the
firmware does not know yet: \\EFI\\BOOT\\BOOT*.EFI), and in Microsoft's PE format (the machine's number).
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

from arm_ci.guests.errors import ImageError
from arm_ci.guests.fat_reading import FatReader, NotFatError, ReadAt

LOADERS = {"EFI/BOOT/BOOTAA64.EFI": "arm64", "EFI/BOOT/BOOTARM.EFI": "armhf"}
_OTHER_LOADERS = {"BOOTX64.EFI": "x86-64", "BOOTIA32.EFI": "32-bit x86", "BOOTRI~1.EFI": "RISC-V"}
_PE_MACHINES = {0xAA64: "arm64", 0x01C2: "armhf", 0x8664: "x86-64", 0x014C: "32-bit x86"}
_SYSTEM_PARTITION = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_SECTOR = 512
HEAD_BYTES = 1 << 20
"""The beginning of a disk in which a GPT lies whole."""


@dataclass(frozen=True)
class Partition:
    """Where the EFI system partition lies on the disk."""

    offset_bytes: int
    length_bytes: int


def system_partition(head: bytes) -> Partition:
    """The EFI system partition, from the first bytes of a disk. Raises ImageError that says what there is instead."""
    if head[_SECTOR : _SECTOR + 8] != b"EFI PART":
        raise ImageError(_instead_of_gpt(head))
    first, number, size = struct.unpack_from("<QII", head, _SECTOR + 72)
    table = head[first * _SECTOR : first * _SECTOR + number * size]
    if size < 128 or number > 4096 or len(table) < number * size:
        raise ImageError("its partition table (GPT) is damaged")
    for offset in range(0, len(table), size):
        kind = uuid.UUID(bytes_le=table[offset : offset + 16])
        begin, end = struct.unpack_from("<QQ", table, offset + 32)
        if kind == _SYSTEM_PARTITION and begin <= end:
            return Partition(begin * _SECTOR, (end - begin + 1) * _SECTOR)
    raise ImageError("it has no EFI system partition, so that UEFI firmware cannot start it")


def _instead_of_gpt(head: bytes) -> str:
    if head[0x8001:0x8006] == b"CD001":
        return "it is a CD, mostly one that installs a system; the image of an installed system was expected"
    if head[257:262] == b"ustar":
        return "it is a tar archive; unpack it, and import the disk image in it"
    if head[510:512] == b"\x55\xaa" and head[:3] not in (b"\xeb\x3c\x90", b"\xeb\x58\x90"):
        return "its partition table is an MBR; a cloud image that starts through UEFI has a GPT"
    return "it is no disk image: no partition table (GPT) is in it"


def architecture(read_at: ReadAt) -> tuple[str, str]:
    """Reads an EFI system partition: the architecture that it starts (`arm64` or `armhf`), and the loader's path.

    Raises ImageError when there is no loader for either.
    """
    try:
        reader = FatReader(read_at)
        for path, expected in LOADERS.items():
            program = reader.read(path, 4096)
            if program is None:
                continue
            found = _machine_of(program)
            if found != f"a program for {expected}":
                raise ImageError(f"{path} in its EFI system partition is {found}")
            return expected, path
        others = [_OTHER_LOADERS[name] for name in reader.names("EFI/BOOT") if name in _OTHER_LOADERS]
    except NotFatError:
        raise ImageError("its EFI system partition holds no FAT file system that can be read") from None
    if others:
        raise ImageError(f"it is made for {others[0]}; an image for arm64 or armhf was expected")
    raise ImageError(
        "its EFI system partition holds neither EFI/BOOT/BOOTAA64.EFI (arm64) nor EFI/BOOT/BOOTARM.EFI (armhf), "
        "so that UEFI firmware does not know what to start"
    )


def _machine_of(program: bytes) -> str:
    if program[:2] == b"MZ" and len(program) >= 0x40:
        (header,) = struct.unpack_from("<I", program, 0x3C)
        if program[header : header + 4] == b"PE\0\0" and len(program) >= header + 6:
            (number,) = struct.unpack_from("<H", program, header + 4)
            return f"a program for {_PE_MACHINES.get(number, f'the machine {number:#06x}')}"
    return "no program"
