"""The initrd: an archive that cpio reads, and modules in an order in which they can be loaded."""

import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from arm_ci.guests import initrd


def module(path: Path, depends: str) -> None:
    content = b"\x7fELF...\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    module(tmp_path / "kernel/fs/ext4.ko", "mbcache,jbd2")
    module(tmp_path / "kernel/fs/mbcache.ko", "")
    module(tmp_path / "kernel/fs/jbd2.ko.xz", "")
    module(tmp_path / "kernel/drivers/virtio-blk.ko", "virtio")
    (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio.ko\n")
    return tmp_path


def test_a_module_comes_after_those_that_it_needs(modules: Path) -> None:
    order = initrd.module_order(modules, ["ext4", "virtio_blk"])
    assert [each.name for each in order] == ["mbcache.ko", "jbd2.ko.xz", "ext4.ko", "virtio-blk.ko"]


def test_what_is_built_into_the_kernel_is_left_out(modules: Path) -> None:
    assert initrd.module_order(modules, ["virtio"]) == ()


def test_a_name_that_the_kernel_does_not_know_is_found(modules: Path) -> None:
    assert initrd.unknown_modules(modules, ["virtio", "ext4", "jbd2", "ext5", "virtio-blk"]) == ["ext5"]


def test_modules_are_unpacked_and_listed_in_order(modules: Path) -> None:
    members = initrd.module_members(initrd.module_order(modules, ["jbd2", "mbcache"]))
    assert list(members) == ["modules", "modules/jbd2.ko", "modules/mbcache.ko", "modules/order"]
    assert members["modules/jbd2.ko"][1].startswith(b"\x7fELF")
    assert members["modules/order"][1] == b"jbd2.ko\nmbcache.ko\n"


@pytest.mark.skipif(shutil.which("cpio") is None, reason="needs cpio")
def test_cpio_reads_the_archive(tmp_path: Path) -> None:
    members = {"bin": (initrd.DIRECTORY, b""), "bin/a": (initrd.PROGRAM, b"12345"), "b": (initrd.FILE, b"")}
    read = subprocess.run(
        ["cpio", "--quiet", "-idm"], input=initrd.archive(members), cwd=tmp_path, capture_output=True, check=True
    )
    assert read.stderr == b""
    assert (tmp_path / "bin/a").read_bytes() == b"12345"
    assert (tmp_path / "bin/a").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "b").stat().st_size == 0
