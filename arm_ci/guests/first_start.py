"""What a machine from an imported image is told as it starts for the first time, whoever carries it there.

cloud_init.py and ignition.py write it down in the words of either; bootstrap.sh then does the work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arm_ci.guests.ssh_keys import checked_public_key

LOGIN = "arm-ci"
"""The user that logs in through ssh, and may become root."""
DIRECTORY = "/var/lib/arm-ci-start"
"""Where our files lie in the guest; only root looks into the secret one."""
SCRIPTS = ("first-start.sh", "bootstrap.sh")
"""Of workers/; the first is called, and calls the second."""
SECRET = f"{DIRECTORY}/secret"
CERTIFICATE = f"{DIRECTORY}/master.pem"
FAILED = "arm_ci: the worker could not be set up"
"""How the line begins that first-start.sh writes to the console when it fails."""
DEFAULT_MAC = "52:54:00:12:34:56"
"""The address of a guest's network card when QEMU is told none."""
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_WORKER = re.compile(r"[A-Za-z0-9._+-]{1,63}")


def read_scripts(directory: Path) -> dict[str, str]:
    """`SCRIPTS` from the directory workers/. Raises OSError."""
    return {name: (directory / name).read_text(encoding="utf-8") for name in SCRIPTS}


@dataclass(frozen=True)
class FirstStart:
    """A worker in the making. Raises ValueError or ImageError (a key) for what cannot be told to a guest."""

    worker: str
    """The worker's name; the machine's, too."""
    password: str = field(repr=False)
    scripts: Mapping[str, str] = field(repr=False)
    """Name -> text of each of `SCRIPTS`; `read_scripts` has them."""
    master: str = "10.0.2.2:9989"
    """`HOST:PORT` of the master as the guest sees it. 10.0.2.2 is the host, in QEMU's user network."""
    options: tuple[str, ...] = ()
    """Further options of bootstrap.sh."""
    certificate: str = field(default="", repr=False)
    """In PEM: what the master shows must be signed by it; empty: the connection is not encrypted."""
    public_keys: tuple[str, ...] = ()
    """Who may log in as `LOGIN`: public keys as in authorized_keys."""
    swap_device: str = ""
    """The disk that becomes swap space, for example `/dev/disk/by-id/virtio-swap`; empty: none does."""
    mac: str = DEFAULT_MAC
    """The address of the guest's network card."""

    def __post_init__(self) -> None:
        if not _WORKER.fullmatch(self.worker):
            raise ValueError(f"`{self.worker}` is no name of a worker that a machine can have, too")
        found = _HOST_PORT.fullmatch(self.master)
        if not found or not 0 < int(found[2]) < 65536:
            raise ValueError(f"master: found `{self.master}`, expected HOST:PORT")
        if not self.password or "\n" in self.password:
            raise ValueError("a password of one line was expected")
        for key in self.public_keys:
            checked_public_key(key)
        if missing := [name for name in SCRIPTS if name not in self.scripts]:
            raise ValueError(f"the script {missing[0]} is missing")

    @property
    def hostname(self) -> str:
        """The worker's name as a host name may be: small letters, digits, `-` and `.`."""
        return re.sub(r"[^a-z0-9.-]+", "-", self.worker.lower()).strip("-.")

    @property
    def secret(self) -> str:
        """What the file `SECRET` holds."""
        return self.password + "\n"

    @property
    def files(self) -> Mapping[str, tuple[str, int]]:
        """Path in the guest -> text and mode of the scripts and what they need."""
        files = {f"{DIRECTORY}/{name}": (self.scripts[name], 0o700) for name in SCRIPTS}
        files[SECRET] = (self.secret, 0o600)
        if self.certificate:
            files[CERTIFICATE] = (self.certificate, 0o644)
        return files

    @property
    def command(self) -> list[str]:
        """What makes the machine a worker; it holds no secret."""
        words = ["sh", f"{DIRECTORY}/{SCRIPTS[0]}", "--master", self.master, "--name", self.worker]
        # Of swap a guest has what its board says: `swap_device`, or none.
        words += ["--swap", "none", "--secret-file", SECRET]
        if self.certificate:
            words += ["--certificate", CERTIFICATE]
        return [*words, *self.options]
