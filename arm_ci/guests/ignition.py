"""An Ignition configuration, with which Fedora CoreOS is set up as it starts for the first time. Pure.

The password is not in it, as Ignition writes its whole configuration into the guest's log: it comes beside it, by the
same way, and the unit fetches it from where only root reads it.

The form is that of the specification 3.3.0, https://coreos.github.io/ignition/configuration-v3_3/. Fedora CoreOS has
neither Python nor compilers, and nothing is installed into it: first-start.sh puts the worker into a container.
"""

from __future__ import annotations

import base64
import json
import shlex
from typing import Any

from arm_ci.guests.first_start import LOGIN, SECRET, FirstStart

VERSION = "3.3.0"
FW_CFG = "opt/com.coreos/config"
"""The name under which Ignition looks for its configuration in QEMU's firmware configuration device."""
UNIT = "arm-ci-first-start.service"
FW_CFG_SECRET = "opt/arm-ci/secret"
"""The name under which our unit looks for the worker's password there."""
_FETCHED = f"/sys/firmware/qemu_fw_cfg/by_name/{FW_CFG_SECRET}/raw"
_HOSTNAME = "/etc/hostname"
_NETWORK = "/etc/NetworkManager/system-connections/eth0.nmconnection"


def config(start: FirstStart, own: str = "") -> str:
    """The configuration as JSON: who logs in, the scripts and what they need, and the unit that runs them.

    `own` is a configuration that Ignition merges into this one.
    """
    written = {path: file for path, file in start.files.items() if path != SECRET}
    written[_HOSTNAME] = (start.hostname + "\n", 0o644)
    written[_NETWORK] = (_network(start), 0o600)
    user: dict[str, Any] = {"name": LOGIN, "gecos": "arm_ci", "groups": ["sudo"]}
    if start.public_keys:
        user["sshAuthorizedKeys"] = list(start.public_keys)
    unit = {"name": UNIT, "enabled": True, "contents": _unit(start)}
    return json.dumps(
        {
            "ignition": {"version": VERSION, "config": {"merge": [{"source": _data(own)}] if own else []}},
            "passwd": {"users": [user]},
            "storage": {"files": [_file(path, text, mode) for path, (text, mode) in written.items()]},
            "systemd": {"units": [unit]},
        },
        indent=1,
    )


def _file(path: str, text: str, mode: int) -> dict[str, Any]:
    return {"path": path, "overwrite": True, "mode": mode, "contents": {"source": _data(text)}}


def _data(text: str) -> str:
    """As a URL that holds it (RFC 2397)."""
    return f"data:;base64,{base64.b64encode(text.encode()).decode()}"


def _network(start: FirstStart) -> str:
    return f"""\
[connection]
id=eth0
type=ethernet

[ethernet]
mac-address={start.mac.upper()}

[ipv4]
method=manual
address1=10.0.2.15/24,10.0.2.2
dns=10.0.2.3;

[ipv6]
method=disabled
"""


def _unit(start: FirstStart) -> str:
    """Fetches the password, and runs the scripts once the network is there."""
    swap = ""
    if start.swap_device:
        device = _word(start.swap_device)
        swap = f"ExecStart=/usr/sbin/mkswap {device}\nExecStart=/usr/sbin/swapon {device}\n"
    return f"""\
[Unit]
Description=arm_ci: make this machine a worker
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=-/usr/sbin/modprobe qemu_fw_cfg
ExecStart=/usr/bin/install -m 600 {_FETCHED} {SECRET}
{swap}ExecStart=/usr/bin/{" ".join(_word(word) for word in start.command)}

[Install]
WantedBy=multi-user.target
"""


def _word(word: str) -> str:
    """A word of a unit's command line (systemd.service(5), COMMAND LINES), in which systemd replaces nothing."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if plain != word or shlex.quote(word) != word else word
