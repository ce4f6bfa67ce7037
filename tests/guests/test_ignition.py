"""The Ignition configuration: its meaning, and ignition-validate's judgement where Debian's package `ignition` is."""

import base64
import json
import os
import shutil
import subprocess

import pytest
from first_starts import CERTIFICATE, PASSWORD, PUBLIC_KEY, SCRIPTS, first_start

from arm_ci.guests.ignition import config

UNIT = """\
[Unit]
Description=arm_ci: make this machine a worker
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=-/usr/sbin/modprobe qemu_fw_cfg
ExecStart=/usr/bin/install -m 600 /sys/firmware/qemu_fw_cfg/by_name/opt/arm-ci/secret/raw /var/lib/arm-ci-start/secret
ExecStart=/usr/sbin/mkswap /dev/disk/by-id/virtio-swap
ExecStart=/usr/sbin/swapon /dev/disk/by-id/virtio-swap
ExecStart=/usr/bin/sh /var/lib/arm-ci-start/first-start.sh --master 10.0.2.2:9989 --name Guest_1 --swap none \
--secret-file /var/lib/arm-ci-start/secret --certificate /var/lib/arm-ci-start/master.pem --projects mesos

[Install]
WantedBy=multi-user.target
"""


def decoded(source: str) -> str:
    kind, encoded = source.split(",", 1)
    assert kind == "data:;base64"
    return base64.b64decode(encoded, validate=True).decode()


def test_it_says_who_logs_in_and_what_runs():
    said = json.loads(config(first_start()))
    assert said["ignition"] == {"version": "3.3.0", "config": {"merge": []}}
    assert said["passwd"] == {
        "users": [{"name": "arm-ci", "gecos": "arm_ci", "groups": ["sudo"], "sshAuthorizedKeys": [PUBLIC_KEY]}]
    }
    assert said["systemd"] == {"units": [{"name": "arm-ci-first-start.service", "enabled": True, "contents": UNIT}]}


def test_its_files_have_modes_in_decimal():
    said = json.loads(config(first_start()))
    found = {each["path"]: (decoded(each["contents"]["source"]), each["mode"]) for each in said["storage"]["files"]}
    assert found.pop("/etc/NetworkManager/system-connections/eth0.nmconnection")[1] == 0o600
    assert found == {
        "/var/lib/arm-ci-start/first-start.sh": (SCRIPTS["first-start.sh"], 448),
        "/var/lib/arm-ci-start/bootstrap.sh": (SCRIPTS["bootstrap.sh"], 448),
        "/var/lib/arm-ci-start/master.pem": (CERTIFICATE, 420),
        "/etc/hostname": ("guest-1\n", 420),
    }


def test_the_network_is_qemus_and_the_card_is_known_by_its_address():
    said = json.loads(config(first_start(mac="52:54:00:ab:cd:ef")))
    text = next(decoded(each["contents"]["source"]) for each in said["storage"]["files"] if "nmconn" in each["path"])
    for line in ("mac-address=52:54:00:AB:CD:EF", "address1=10.0.2.15/24,10.0.2.2", "dns=10.0.2.3;", "method=manual"):
        assert line in text.splitlines()


def test_the_password_is_not_in_what_ignition_writes_into_its_log():
    said = json.loads(config(first_start()))
    texts = [decoded(each["contents"]["source"]) for each in said["storage"]["files"]]
    assert not [text for text in (*texts, config(first_start())) if PASSWORD in text]


def test_a_configuration_of_ones_own_is_merged_by_ignition():
    own = '{"ignition": {"version": "3.0.0"}}'
    (merge,) = json.loads(config(first_start(), own))["ignition"]["config"]["merge"]
    assert decoded(merge["source"]) == own


def test_systemd_replaces_nothing_in_the_command():
    said = json.loads(config(first_start(swap_device="", options=("--projects", 'a%h $x "q" \\'))))
    line = said["systemd"]["units"][0]["contents"]
    assert '--projects "a%%h $$x \\"q\\" \\\\"\n' in line
    assert "mkswap" not in line


@pytest.mark.parametrize("own", ["", '{"ignition": {"version": "3.0.0"}}'])
@pytest.mark.parametrize("changes", [{}, {"swap_device": "", "public_keys": (), "certificate": "", "options": ()}])
def test_ignition_validate_accepts_it(tmp_path, changes, own):
    program = os.environ.get("ARM_CI_IGNITION_VALIDATE") or shutil.which("ignition-validate")
    if program is None:
        pytest.skip("ignition-validate is not here (apt-get install ignition); ARM_CI_IGNITION_VALIDATE may name it")
    file = tmp_path / "config.ign"
    file.write_text(config(first_start(**changes), own))
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
