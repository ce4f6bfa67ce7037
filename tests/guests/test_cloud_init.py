"""The texts of a cloud-init seed, judged by their meaning and, where it can be had, by cloud-init's own check.

ARM_CI_CLOUD_INIT may name the command of a cloud-init that is not in PATH. It is not installed for tests: it would set
this machine up anew at its next start.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from first_starts import CERTIFICATE, PASSWORD, PUBLIC_KEY, SCRIPTS, first_start

from arm_ci.guests.cloud_init import files, meta_data, network_config, user_data

TALK = Path(__file__).parent / "data" / "talk-user-data"


def test_user_data_begins_with_the_line_by_which_cloud_init_knows_it():
    assert user_data(first_start()).splitlines()[0] == "#cloud-config"


def test_user_data_say_who_logs_in_which_files_there_are_and_what_runs():
    start = first_start()
    said = yaml.safe_load(user_data(start))
    assert said == {
        "users": [
            {
                "name": "arm-ci",
                "gecos": "arm_ci",
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": [PUBLIC_KEY],
            }
        ],
        "disable_root": True,
        "ssh_pwauth": False,
        "write_files": [
            {"path": f"/var/lib/arm-ci-start/{name}", "owner": "root:root", "permissions": mode, "content": content}
            for name, mode, content in (
                ("first-start.sh", "0700", SCRIPTS["first-start.sh"]),
                ("bootstrap.sh", "0700", SCRIPTS["bootstrap.sh"]),
                ("secret", "0600", PASSWORD + "\n"),
                ("master.pem", "0644", CERTIFICATE),
            )
        ],
        "runcmd": [
            ["mkswap", "/dev/disk/by-id/virtio-swap"],
            ["swapon", "/dev/disk/by-id/virtio-swap"],
            start.command,
        ],
    }


def test_what_is_not_wanted_is_not_said():
    said = yaml.safe_load(user_data(first_start(swap_device="", public_keys=(), certificate="")))
    assert len(said["runcmd"]) == 1
    assert "ssh_authorized_keys" not in said["users"][0]
    assert [each["path"].rpartition("/")[2] for each in said["write_files"]] == [
        "first-start.sh",
        "bootstrap.sh",
        "secret",
    ]


def test_a_person_can_read_the_scripts_in_user_data():
    plain = {**SCRIPTS, "bootstrap.sh": "#!/bin/sh\necho one\necho two\n"}
    assert "  content: |\n    #!/bin/sh\n    echo one\n    echo two\n" in user_data(first_start(scripts=plain))


def test_meta_data_name_the_machine():
    assert yaml.safe_load(meta_data(first_start(), "i-7")) == {"instance-id": "i-7", "local-hostname": "guest-1"}


def test_the_network_is_qemus():
    assert yaml.safe_load(network_config(first_start(mac="52:54:00:00:00:01"))) == {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"macaddress": "52:54:00:00:00:01"},
                "set-name": "eth0",
                "addresses": ["10.0.2.15/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}],
                "nameservers": {"addresses": ["10.0.2.3"]},
            }
        },
    }


def test_a_seed_has_the_three_files():
    start = first_start()
    assert files(start, "i") == {
        "user-data": user_data(start).encode(),
        "meta-data": meta_data(start, "i").encode(),
        "network-config": network_config(start).encode(),
    }


def schema(file: Path) -> tuple[int, str]:
    """cloud-init's status and words about a file of user-data."""
    command = shlex.split(os.environ.get("ARM_CI_CLOUD_INIT", "")) or [shutil.which("cloud-init") or ""]
    if not command[0]:
        pytest.skip(
            "cloud-init is not here; ARM_CI_CLOUD_INIT may name its command, for example of an unpacked package"
        )
    done = subprocess.run([*command, "schema", "-c", file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# Marked, as a machine on which tests run should not have cloud-init: it would set that up as it starts.
@pytest.mark.guest
@pytest.mark.parametrize("changes", [{}, {"swap_device": "", "public_keys": (), "certificate": "", "options": ()}])
def test_cloud_init_accepts_our_user_data(tmp_path, changes):
    file = tmp_path / "user-data"
    file.write_text(user_data(first_start(**changes)))
    status, said = schema(file)
    assert status == 0, said
    assert said.startswith("Valid ")


@pytest.mark.guest
def test_cloud_init_refuses_the_talks_user_data():
    status, said = schema(TALK)
    assert status != 0
    assert "#cloud-config" in said
