"""The three texts of a cloud-init NoCloud seed: user-data, meta-data and network-config. Pure.

Words and forms are those of https://docs.cloudinit.io/en/latest/reference/; `cloud-init schema` accepts them from 22.4
(Debian 12) on. What is in user-data ends up in files of the guest that only root reads; no command has the secret.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from arm_ci.guests.first_start import LOGIN, FirstStart
from arm_ci.guests.own_user_data import HEADER, checked_cloud_config, merged

USER_DATA = "user-data"
META_DATA = "meta-data"
NETWORK_CONFIG = "network-config"


def files(start: FirstStart, instance: str, own: str = "") -> dict[str, bytes]:
    """What a seed holds, by name. `instance`: a word of its own for every machine, as cloud-init acts once for each.

    `own` is user-data to be added to ours. Raises ImageError when something is wrong with it.
    """
    texts = {
        USER_DATA: user_data(start, own),
        META_DATA: meta_data(start, instance),
        NETWORK_CONFIG: network_config(start),
    }
    return {name: text.encode() for name, text in texts.items()}


def user_data(start: FirstStart, own: str = "") -> str:
    """The user who logs in, the scripts and what they need, and the call of the first one; `own` comes before these."""
    user = {
        "name": LOGIN,
        "gecos": "arm_ci",
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": list(start.public_keys),
    }
    if not start.public_keys:
        del user["ssh_authorized_keys"]
    written = [
        {"path": path, "owner": "root:root", "permissions": f"0{mode:o}", "content": text}
        for path, (text, mode) in start.files.items()
    ]
    swap = [["mkswap", start.swap_device], ["swapon", start.swap_device]] if start.swap_device else []
    ours = {
        "users": [user],
        "disable_root": True,
        "ssh_pwauth": False,
        "write_files": written,
        "runcmd": [*swap, start.command],
    }
    return f"{HEADER}\n" + _yaml(merged(checked_cloud_config(own), ours) if own else ours)


def meta_data(start: FirstStart, instance: str) -> str:
    """Who the machine is."""
    return _yaml({"instance-id": instance, "local-hostname": start.hostname})


def network_config(start: FirstStart) -> str:
    """QEMU's user network, https://www.qemu.org/docs/master/system/devices/net.html#using-the-user-mode-network-stack.

    The card is known by its address, as its name differs from system to system. The default route is spelt in numbers:
    what makes ifupdown's files of it (Debian 12) knows no `default`.
    """
    card = {
        "match": {"macaddress": start.mac},
        "set-name": "eth0",
        "addresses": ["10.0.2.15/24"],
        "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}],
        "nameservers": {"addresses": ["10.0.2.3"]},
    }
    return _yaml({"version": 2, "ethernets": {"eth0": card}})


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(data: dict[str, Any]) -> str:
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    if yaml.safe_load(text) != json.loads(json.dumps(data)):
        raise ValueError("this cannot be written as YAML")
    return text
