"""The volume that carries a seed, and the reading of EFI system partitions."""

import shutil
import subprocess

import pytest
from efi_disks import ARM64, file_system, program

from arm_ci.guests.fat_reading import FatReader, NotFatError
from arm_ci.guests.fat_volume import ROOM_BYTES, fat_volume

FILES = {
    "user-data": b"#cloud-config\n" + b"x" * 5000,
    "meta-data": b"a",
    "empty": b"",
    "thirteen-long": b"y" * 512,
    "a-longer-name.than-26-letters.txt": bytes(range(256)) * 5,
}


def reader(volume: bytes) -> FatReader:
    return FatReader(lambda offset, length: volume[offset : offset + length])


def tool(*words: object) -> str:
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"{words[0]} is not here: apt-get install mtools dosfstools util-linux")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def volume(tmp_path):
    file = tmp_path / "seed.img"
    file.write_bytes(fat_volume("CIDATA", FILES))
    return file


def test_a_volume_is_found_by_its_label(volume):
    said = tool("/usr/sbin/blkid", "-p", "-o", "export", volume).splitlines()
    assert "LABEL=CIDATA" in said
    assert "TYPE=vfat" in said


def test_a_volume_has_no_faults(volume):
    tool("/usr/sbin/fsck.fat", "-n", volume)


def test_files_come_out_as_they_went_in(volume, tmp_path):
    tool("mcopy", "-n", "-i", volume, "::*", tmp_path)
    for name, content in FILES.items():
        assert (tmp_path / name).read_bytes() == content


def test_the_same_files_give_the_same_bytes():
    assert fat_volume("CIDATA", FILES) == fat_volume("CIDATA", FILES)


def test_what_does_not_fit_is_refused():
    assert len(fat_volume("X", {"a": b"x" * ROOM_BYTES})) == 4 << 20
    with pytest.raises(ValueError, match=f"2 files of {ROOM_BYTES + 512} bytes do not fit into {ROOM_BYTES} bytes"):
        fat_volume("X", {"a": b"x" * ROOM_BYTES, "b": b"x"})


def test_a_file_in_directories_is_read_along_its_chain():
    content = program(ARM64) + b"the end".rjust(800, b"\0")
    found = reader(file_system(content=content))
    assert found.read("EFI/BOOT/BOOTAA64.EFI") == content.ljust(1000, b"\0")
    assert found.read("efi/boot/bootaa64.efi", 4) == content[:4]
    assert found.names("EFI/BOOT") == ["BOOTAA64.EFI"]
    assert found.names("EFI") == ["BOOT"]


@pytest.mark.parametrize("path", ["EFI/BOOT", "EFI/BOOT/BOOTX64.EFI", "NONE/BOOT/X", "EFI/BOOT/BOOTAA64.EFI/X"])
def test_what_is_no_file_is_none(path):
    assert reader(file_system()).read(path) is None
    assert reader(file_system()).names("NONE/BOOT") == []


@pytest.mark.parametrize(("kind", "size"), [(16, 16), (32, 40), (32, 600)])
def test_what_mkfs_and_mtools_made_is_read(tmp_path, kind, size):
    file = tmp_path / "fat"
    with file.open("wb") as stream:
        stream.truncate(size << 20)
    content = bytes(range(256)) * 100
    (tmp_path / "content").write_bytes(content)
    tool("/usr/sbin/mkfs.vfat", "-F", kind, file)
    tool("mmd", "-i", file, "::EFI", "::EFI/BOOT", "::EFI/debian")
    for name in ("EFI/debian/grubaa64.efi", "EFI/BOOT/a-long-name.of-a-file", "EFI/BOOT/BOOTAA64.EFI"):
        tool("mcopy", "-i", file, tmp_path / "content", f"::{name}")
    with file.open("rb") as stream:

        def read_at(offset: int, length: int) -> bytes:
            stream.seek(offset)
            return stream.read(length)

        found = FatReader(read_at)
        assert found.read("EFI/BOOT/BOOTAA64.EFI") == content
        assert found.read("EFI/DEBIAN/GRUBAA64.EFI") == content
        assert len(found.names("EFI/BOOT")) == 2


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"\xff" * 4096, b"\0" * 510 + b"\x55\xaa"])
def test_what_is_no_file_system_is_told(data):
    with pytest.raises(NotFatError):
        reader(data)


def test_a_chain_that_bites_its_tail_ends():
    volume = bytearray(file_system())
    volume[512 + 4 * 2 : 512 + 4 * 2 + 2] = (4).to_bytes(2, "little")
    assert len(reader(bytes(volume)).read("EFI/BOOT/BOOTAA64.EFI") or b"") == 1000
