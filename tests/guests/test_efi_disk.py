"""Which disks start through UEFI firmware on which processors, and what is said of the others."""

import pytest
from efi_disks import ARM, ARM64, LINUX, X86_64, disk, file_system, program

from arm_ci.guests import efi_disk
from arm_ci.guests.errors import ImageError

NO_LOADER = (
    "its EFI system partition holds neither EFI/BOOT/BOOTAA64.EFI (arm64) nor EFI/BOOT/BOOTARM.EFI (armhf), "
    "so that UEFI firmware does not know what to start"
)


def architecture(partition: bytes) -> tuple[str, str]:
    return efi_disk.architecture(lambda offset, length: partition[offset : offset + length])


def test_the_system_partition_is_found_among_others():
    content = disk()
    found = efi_disk.system_partition(content[: 1 << 20])
    assert found == efi_disk.Partition(1 << 20, 4 << 20)
    assert content[found.offset_bytes :][: found.length_bytes] == file_system()


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "it is no disk image: no partition table (GPT) is in it"),
        (b"\0" * 4096, "it is no disk image: no partition table (GPT) is in it"),
        (b"<html>" + b" " * 5000, "it is no disk image: no partition table (GPT) is in it"),
        (file_system(), "it is no disk image: no partition table (GPT) is in it"),
        (b"\0" * 510 + b"\x55\xaa", "its partition table is an MBR; a cloud image that starts through UEFI has a GPT"),
        (
            b"\0" * 0x8001 + b"CD001",
            "it is a CD, mostly one that installs a system; the image of an installed system was expected",
        ),
        (b"\0" * 257 + b"ustar\0", "it is a tar archive; unpack it, and import the disk image in it"),
        (disk()[:1100], "its partition table (GPT) is damaged"),
        (disk(kind=LINUX), "it has no EFI system partition, so that UEFI firmware cannot start it"),
    ],
)
def test_a_disk_that_firmware_does_not_start_is_told_why(head, message):
    with pytest.raises(ImageError) as raised:
        efi_disk.system_partition(head)
    assert str(raised.value) == message


def test_the_loader_says_the_architecture():
    assert architecture(file_system()) == ("arm64", "EFI/BOOT/BOOTAA64.EFI")
    assert architecture(file_system("BOOTARM.EFI", program(ARM))) == ("armhf", "EFI/BOOT/BOOTARM.EFI")


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        (
            file_system("BOOTX64.EFI", program(X86_64)),
            "it is made for x86-64; an image for arm64 or armhf was expected",
        ),
        (file_system("BOOTRI~1.EFI", b""), "it is made for RISC-V; an image for arm64 or armhf was expected"),
        (file_system("GRUB.CFG", b""), NO_LOADER),
        (
            file_system(content=program(X86_64)),
            "EFI/BOOT/BOOTAA64.EFI in its EFI system partition is a program for x86-64",
        ),
        (
            file_system(content=program(0x5064)),
            "EFI/BOOT/BOOTAA64.EFI in its EFI system partition is a program for the machine 0x5064",
        ),
        (file_system(content=b"hello"), "EFI/BOOT/BOOTAA64.EFI in its EFI system partition is no program"),
        (
            file_system("BOOTARM.EFI", program(ARM64)),
            "EFI/BOOT/BOOTARM.EFI in its EFI system partition is a program for arm64",
        ),
        (b"\0" * 4096, "its EFI system partition holds no FAT file system that can be read"),
    ],
)
def test_a_system_partition_for_something_else_is_told(partition, message):
    with pytest.raises(ImageError) as raised:
        architecture(partition)
    assert str(raised.value) == message
