"""`arm-ci image import` at a terminal: what it prints, and its exit statuses."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from efi_disks import disk
from waiting import wait_for

from arm_ci.cli import main
from arm_ci.guests import firmware

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-img") is None, reason="qemu-img is not here: apt-get install qemu-utils"
)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A configuration's directory whose state directory is `state` beside it, and firmware that is there."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "site.yaml").write_text("state: ../state\n")
    (tmp_path / "code.fd").touch()
    monkeypatch.setattr(firmware, "FIRMWARE", {"arm64": ("qemu-efi-aarch64", tmp_path / "code.fd")})
    return tmp_path


@pytest.fixture
def cloud(site):
    file = site / "debian-12-genericcloud-arm64.raw"
    file.write_bytes(disk())
    return file


def run(site, *arguments) -> int:
    return main(["image", "import", *(str(each) for each in arguments), "--site", str(site / "config")])


def test_an_image_is_imported_once_and_then_there_already(site, cloud, capsys):
    assert run(site, "debian-cloud", cloud, "--disk", "1G") == 0
    said = capsys.readouterr()
    key = site / "state" / "images" / "debian-cloud" / "ssh-key"
    rest = f"  ssh: user arm-ci, key {key}\n"
    assert re.fullmatch(
        r"image debian-cloud: imported in \d+ s, arm64, cloud-init, \d+ MB\n"
        rf"  sha256 of {cloud.name}: [0-9a-f]{{64}}\n" + re.escape(rest),
        said.out,
    )
    assert said.err.splitlines()[0] == "  read"
    assert "  convert" in said.err.splitlines()
    assert run(site, "debian-cloud", cloud, "--disk", "1G") == 0
    assert capsys.readouterr().out.startswith("image debian-cloud: there already, arm64, cloud-init, ")


def test_the_state_directory_may_be_named(site, cloud, capsys):
    assert run(site, "debian", cloud, "--state", site / "elsewhere") == 0
    assert (site / "elsewhere" / "images" / "debian" / "disk.qcow2").is_file()


def test_a_stop_leaves_nothing_half_made(site, cloud):
    (site / "bin").mkdir()
    slow = site / "bin" / "qemu-img"
    slow.write_text(f"#!/bin/sh\ntouch '{site}/begun'\nexec sleep 60\n")
    slow.chmod(0o755)
    words = [sys.executable, "-m", "arm_ci", "image", "import", "debian", cloud, "--state", site / "state"]
    path = f"{slow.parent}:{os.environ['PATH']}"
    with subprocess.Popen(words, env={**os.environ, "PATH": path}, stderr=subprocess.PIPE, text=True) as process:
        wait_for((site / "begun").exists, "qemu-img runs")
        process.terminate()
        assert process.communicate()[1].splitlines()[-1] == "arm-ci: interrupted"
    assert list((site / "state" / "images").iterdir()) == []


def test_with_a_key_of_ones_own_none_is_made(site, cloud, capsys):
    key = site / "key.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyy6TWwcs4GnNsl5/26tSTS4lRaRN+vlI4NZ/PlGNpj Ada\n")
    assert run(site, "coreos", cloud, "--kind", "ignition", "--ssh-key", key) == 0
    assert capsys.readouterr().out.endswith("\n  ssh: user arm-ci, with your key\n")
    assert not (site / "state" / "images" / "coreos" / "ssh-key").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("debian", "{site}/none"), 2, "{site}/none: there is no such file"),
        (("debian", "{site}"), 2, "{site}: there is no such file"),
        (("A", "{cloud}"), 2, "`A` is no name of an image: small letters, digits, `.` and `-` were expected"),
        (("debian", "{cloud}", "--disk", "64"), 2, "--disk: a size such as 64G was expected, not `64`"),
        (("debian", "{cloud}", "--disk", "0G"), 2, "--disk: a size such as 64G was expected, not `0G`"),
        (
            ("debian", "{cloud}", "--ssh-key", "{site}/bad.pub"),
            2,
            "--ssh-key: {site}/bad.pub: `ssh-ecdsa` is no type of a public key; "
            "this one is of the type `ecdsa-sha2-nistp256`",
        ),
        (("debian", "{cloud}", "--ssh-key", "{site}/none.pub"), 3, "{site}/none.pub: No such file or directory"),
        (("debian", "{site}/page"), 1, "{site}/page: it is no disk image: no partition table (GPT) is in it"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(site, cloud, capsys, arguments, status, message):
    (site / "bad.pub").write_text("ssh-ecdsa AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=\n")
    (site / "page").write_text("<html>not found</html>")
    filled = [each.format(site=site, cloud=cloud) for each in arguments]
    assert run(site, *filled) == status
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "arm-ci: " + message.format(site=site)


def test_all_mistakes_in_user_data_are_told_with_the_file(site, cloud, capsys):
    file = site / "own"
    file.write_text("Users: []\n")
    assert run(site, "debian", cloud, "--user-data", file) == 2
    assert capsys.readouterr().err == (
        f"arm-ci: --user-data: {file}: the first line is not `#cloud-config`; "
        "without it cloud-init does not know what it is\n"
        f"--user-data: {file}: there is no key `Users`; cloud-init's are in small letters: `users`\n"
    )
    assert run(site, "debian", cloud, "--user-data", file, "--kind", "ignition") == 2
    assert capsys.readouterr().err.startswith(f"arm-ci: --user-data: {file}: it is no JSON: ")
    file.write_text("#cloud-config\npackages: [vim]\n")
    assert run(site, "debian", cloud, "--user-data", file) == 0
    assert (site / "state" / "images" / "debian" / "own-user-data").read_text() == file.read_text()


def test_missing_firmware_is_something_outside(site, cloud, capsys):
    (site / "code.fd").unlink()
    assert run(site, "debian", cloud) == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"arm-ci: UEFI firmware for arm64 ({site}/code.fd) is not installed: "
        "sudo apt-get install --no-install-recommends qemu-efi-aarch64"
    )
