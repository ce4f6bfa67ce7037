"""A cloud image on its way into the store: with real qemu-img, on disks that are made here."""

import gzip
import hashlib
import json
import lzma
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from efi_disks import X86_64, disk, file_system, program
from first_starts import PUBLIC_KEY

from arm_ci.guests import firmware, importing
from arm_ci.guests.errors import ImageError, MissingToolError
from arm_ci.guests.image import Image, ImageStore
from arm_ci.guests.importing import Wanted, import_image

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-img") is None, reason="qemu-img is not here: apt-get install qemu-utils"
)

SIZE = 64 << 20


@pytest.fixture(autouse=True)
def installed_firmware(monkeypatch, tmp_path):
    """Firmware is not needed to look at a disk, only later."""
    file = tmp_path / "firmware.fd"
    file.touch()
    monkeypatch.setattr(firmware, "FIRMWARE", {"arm64": ("qemu-efi-aarch64", file), "armhf": ("qemu-efi-arm", file)})
    return file


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "images")


@pytest.fixture
def raw(tmp_path):
    file = tmp_path / "cloud.raw"
    file.write_bytes(disk())
    return file


def take(store: ImageStore, file: Path, **changes: Any) -> tuple[Image, bool]:
    wanted: dict[str, Any] = {"name": "cloud", "file": file, "public_key": PUBLIC_KEY, "disk_bytes": SIZE}
    return import_image(store, Wanted(**{**wanted, **changes}), lambda action, done: None)


def refusal(store: ImageStore, file: Path, **changes: Any) -> str:
    with pytest.raises(ImageError) as raised:
        take(store, file, **changes)
    assert not store.directory.exists() or list(store.directory.iterdir()) == []
    return str(raised.value)


def as_qcow2(raw: Path, *options: str) -> Path:
    file = raw.with_name("cloud,=.qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", *options, raw, file], check=True)
    return file


def content_of(image: Image) -> bytes:
    out = image.directory.parent / "check.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image.path(image.disk), out], check=True)
    try:
        return out.read_bytes()
    finally:
        out.unlink()


def packed_gz(raw: Path) -> Path:
    file = raw.with_name("cloud.raw.gz")
    file.write_bytes(gzip.compress(raw.read_bytes(), 1))
    return file


def packed_xz(raw: Path) -> Path:
    file = raw.with_name("cloud.raw.xz")
    file.write_bytes(lzma.compress(raw.read_bytes(), preset=0))
    return file


@pytest.mark.parametrize(
    "publish",
    [
        lambda raw: raw,
        as_qcow2,
        lambda raw: as_qcow2(raw, "-c"),
        packed_gz,
        packed_xz,
        lambda raw: packed_xz(as_qcow2(raw)),
    ],
)
def test_every_form_gives_the_same_disk(store, raw, publish):
    file = publish(raw)
    image, new = take(store, file)
    assert new
    assert content_of(image) == raw.read_bytes().ljust(SIZE, b"\0")
    assert (image.architecture, image.origin, image.machine) == ("arm64", "cloud-init", "virt")
    assert (image.kernel, image.handover, image.resumes) == ("", "", False)
    assert image.about["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (image.about["file"], image.about["loader"]) == (file.name, "EFI/BOOT/BOOTAA64.EFI")
    assert sorted(each.name for each in image.directory.iterdir()) == ["disk.qcow2", "image.json", "ssh-key.pub"]
    assert image.path("ssh-key.pub").read_text() == PUBLIC_KEY + "\n"


def test_a_larger_disk_is_not_cut(store, raw):
    image, _ = take(store, raw, disk_bytes=1 << 20)
    assert content_of(image) == raw.read_bytes()


def test_ignition_is_remembered(store, raw):
    assert take(store, raw, kind="ignition")[0].origin == "ignition"


def test_a_key_is_made_when_none_is_given(store, raw):
    image, _ = take(store, raw, public_key="")
    assert stat.S_IMODE(image.path("ssh-key").stat().st_mode) == 0o600
    assert image.path("ssh-key.pub").read_text().endswith(" arm-ci cloud\n")


def test_user_data_of_ones_own_is_kept_where_only_its_owner_reads_it(store, raw):
    image, _ = take(store, raw, own="#cloud-config\n")
    assert image.path("own-user-data").read_text() == "#cloud-config\n"
    assert stat.S_IMODE(image.path("own-user-data").stat().st_mode) == 0o600


def test_the_same_file_is_there_already_and_other_settings_are_not(store, raw):
    first, _ = take(store, raw, public_key="")
    key = first.path("ssh-key").read_bytes()
    again, new = take(store, raw, public_key="")
    assert (new, again.made_at) == (False, first.made_at)
    assert again.path("ssh-key").read_bytes() == key
    for changes in (
        {"kind": "ignition"},
        {"disk_bytes": SIZE * 2},
        {"own": "#cloud-config\n"},
        {"public_key": PUBLIC_KEY},
    ):
        assert take(store, raw, **{"public_key": "", **changes})[1]
    raw.write_bytes(disk() + b"\1" * 512)
    assert take(store, raw, public_key=PUBLIC_KEY)[1]
    assert [each.name for each in store.list()] == ["cloud"]


def test_progress_is_told_of_all_that_takes_long(store, raw):
    told: list[tuple[str, float]] = []
    wanted = Wanted("cloud", packed_xz(raw), public_key=PUBLIC_KEY, disk_bytes=SIZE)
    import_image(store, wanted, lambda action, done: told.append((action, done)))
    assert list(dict.fromkeys(action for action, _ in told)) == ["read", "unpack", "convert"]
    assert all(0 <= done <= 1 for _, done in told)
    assert told[-1] == ("convert", 1.0)


def test_an_interrupted_import_leaves_nothing(store, raw):
    def interrupt(action: str, done: float) -> None:
        if action == "convert":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_image(store, Wanted("cloud", raw), interrupt)
    assert list(store.directory.iterdir()) == []


def test_an_import_that_fails_leaves_the_image_that_was_there(store, raw):
    first, _ = take(store, raw)
    raw.write_bytes(disk(file_system("BOOTX64.EFI", program(X86_64))))
    with pytest.raises(ImageError) as raised:
        take(store, raw)
    assert str(raised.value) == f"{raw}: it is made for x86-64; an image for arm64 or armhf was expected"
    assert store.get("cloud") == first
    assert [each.name for each in store.directory.iterdir()] == ["cloud"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no disk image: no partition table (GPT) is in it"),
        (b"x", "it is no disk image: no partition table (GPT) is in it"),
        (b"<html>404</html>" * 99, "it is no disk image: no partition table (GPT) is in it"),
        (gzip.compress(disk())[:3000], "it ends too early (gz): was it downloaded completely?"),
        (lzma.compress(disk())[:900], "it ends too early (xz): was it downloaded completely?"),
        (b"\xfd7zXZ\0" + b"x" * 99, "it is damaged (xz): Corrupt input data"),
        (
            b"\x28\xb5\x2f\xfd" + b"x" * 99,
            "it is packed with a program that is not known here; unpack it with zstd first",
        ),
        (
            b"KDMV" + b"x" * 99,
            "it is of the format vmdk; raw or qcow2 was expected: qemu-img convert -f vmdk -O qcow2 makes one",
        ),
        (disk()[: 3 << 20], "its EFI system partition ends behind the end of the disk: was it downloaded completely?"),
    ],
)
def test_what_is_no_such_image_is_told(store, raw, content, message):
    raw.write_bytes(content)
    assert refusal(store, raw) == f"{raw}: {message}"


def test_a_damaged_qcow2_is_told_in_qemus_words(store, raw):
    raw.write_bytes(b"QFI\xfb" + b"x" * 5000)
    assert refusal(store, raw).startswith(f"{raw}: qemu-img info failed: Could not open ")


def test_a_disk_that_reaches_for_other_files_of_this_machine_is_refused(store, raw, tmp_path):
    upper = tmp_path / "upper.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw, upper]
    subprocess.run(command, check=True)
    assert refusal(store, upper) == f"{upper}: it is not whole: the rest is in another file, `{raw}`"
    split = tmp_path / "split.qcow2"
    options = f"data_file={tmp_path}/data,data_file_raw=on"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, split, "8M"], check=True)
    assert refusal(store, split) == f"{split}: it is not whole: the rest is in another file, `{tmp_path}/data`"


def test_a_name_that_no_image_may_have_is_refused(store, raw):
    assert refusal(store, raw, name="A b") == (
        "`A b` is no name of an image: small letters, digits, `.` and `-` were expected"
    )


def test_missing_firmware_is_named_with_its_package(store, raw, installed_firmware):
    installed_firmware.unlink()
    assert refusal(store, raw) == (
        f"UEFI firmware for arm64 ({installed_firmware}) is not installed: "
        "sudo apt-get install --no-install-recommends qemu-efi-aarch64"
    )


def test_missing_programs_are_named_with_their_package(store, raw, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError) as raised:
        take(store, raw)
    assert str(raised.value) == "qemu-img is not installed: sudo apt-get install --no-install-recommends qemu-utils"


def test_a_full_disk_is_told_and_nothing_stays(store, raw, monkeypatch, tmp_path):
    real = shutil.which("qemu-img")
    fake = tmp_path / "bin" / "qemu-img"
    fake.parent.mkdir()
    full = "echo 'qemu-img: error while writing: No space left on device' >&2; exit 1"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *\' -p \'*) {full};; esac\nexec {real} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    assert refusal(store, raw) == (f"{raw}: qemu-img convert failed: error while writing: No space left on device")


def test_the_key_changes_with_the_way_of_importing(store, raw, monkeypatch):
    take(store, raw)
    monkeypatch.setattr(importing, "_VERSION", 2)
    assert take(store, raw)[1]
    assert json.loads((store.directory / "cloud" / "image.json").read_text())["origin"] == "cloud-init"
