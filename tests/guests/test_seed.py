"""What QEMU is given so that an imported image knows what to do."""

import json
import stat
from pathlib import Path

import pytest
import yaml
from first_starts import PASSWORD, PUBLIC_KEY, first_start

from arm_ci.guests import firmware
from arm_ci.guests.errors import ImageError, MissingToolError
from arm_ci.guests.image import Image
from arm_ci.guests.seed import seed

OWN_KEY = PUBLIC_KEY.replace("Ada", "own")


@pytest.fixture
def image(tmp_path):
    directory = tmp_path / "images" / "cloud"
    directory.mkdir(parents=True)
    (directory / "ssh-key.pub").write_text(OWN_KEY + "\n")
    return Image(directory=directory, name="cloud", key="0", architecture="arm64", origin="cloud-init", handover="")


@pytest.fixture
def run(tmp_path):
    directory = tmp_path / "run,1"
    directory.mkdir()
    return directory


@pytest.fixture(autouse=True)
def firmware_file(monkeypatch, tmp_path):
    file = tmp_path / "code.fd"
    file.touch()
    monkeypatch.setattr(firmware, "FIRMWARE", {"arm64": ("qemu-efi-aarch64", file)})
    return file


def user_data(file: Path) -> dict:
    text = file.read_bytes().partition(b"#cloud-config\n")[2].partition(b"\0")[0]
    return yaml.safe_load(text)


def test_cloud_init_gets_a_volume_that_only_its_owner_reads(image, run, firmware_file):
    arguments = seed(image, run, first_start())
    file = run / "seed.img"
    quoted = str(file).replace(",", ",,")
    assert arguments == [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={firmware_file}"),
        *("-drive", f"file={quoted},if=none,id=seed,format=raw,readonly=on"),
        *("-device", "virtio-blk-pci,drive=seed,serial=seed"),
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert user_data(file)["users"][0]["ssh_authorized_keys"] == [OWN_KEY, PUBLIC_KEY]


def test_every_start_is_a_machine_of_its_own(image, run):
    seed(image, run, first_start())
    before = (run / "seed.img").read_bytes()
    seed(image, run, first_start())
    assert (run / "seed.img").read_bytes() != before


def test_ignition_gets_its_configuration_through_the_firmware(image, run, firmware_file):
    coreos = Image(**{**vars(image), "origin": "ignition"})
    arguments = seed(coreos, run, first_start())
    file = run / "config.ign"
    quoted = str(file).replace(",", ",,")
    assert arguments == [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={firmware_file}"),
        *("-fw_cfg", f"name=opt/com.coreos/config,file={quoted}"),
        *("-fw_cfg", f"name=opt/arm-ci/secret,file={quoted.replace('config.ign', 'secret')}"),
    ]
    assert [stat.S_IMODE(each.stat().st_mode) for each in run.iterdir()] == [0o600, 0o600]
    assert (run / "secret").read_text() == PASSWORD + "\n"
    users = json.loads(file.read_text())["passwd"]["users"]
    assert users[0]["sshAuthorizedKeys"] == [OWN_KEY, PUBLIC_KEY]


def test_what_was_given_at_the_import_is_added(image, run):
    image.path("own-user-data").write_text("#cloud-config\npackages: [vim]\n")
    seed(image, run, first_start())
    assert user_data(run / "seed.img")["packages"] == ["vim"]
    image.path("own-user-data").write_text('{"ignition": {"version": "3.0.0"}}')
    seed(Image(**{**vars(image), "origin": "ignition"}), run, first_start())
    assert len(json.loads((run / "config.ign").read_text())["ignition"]["config"]["merge"]) == 1


def test_the_password_is_in_no_argument(image, run):
    for origin in ("cloud-init", "ignition"):
        arguments = seed(Image(**{**vars(image), "origin": origin}), run, first_start())
        assert not [each for each in arguments if PASSWORD in each]


def test_an_image_with_its_own_kernel_needs_no_firmware(image, run, firmware_file):
    firmware_file.unlink()
    arguments = seed(Image(**{**vars(image), "kernel": "vmlinuz"}), run, first_start())
    assert not [each for each in arguments if "pflash" in each]
    with pytest.raises(MissingToolError):
        seed(image, run, first_start())


def test_an_image_in_which_a_worker_waits_takes_no_seed(image, run):
    with pytest.raises(ImageError) as raised:
        seed(Image(**{**vars(image), "origin": "recipe"}), run, first_start())
    assert str(raised.value) == "image `cloud` takes no seed: a worker waits in it already"
    assert list(run.iterdir()) == []
