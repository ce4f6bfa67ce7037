"""Whether images can be made on this machine, and what to do when they cannot."""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from arm_ci.guests import machine, namespace
from arm_ci.guests.errors import ImageError

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
}
"""What making an image runs, and Debian's package of each."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

RANGES = (Path("/etc/subuid"), Path("/etc/subgid"))


def check(architecture: str, emulator: bool) -> None:
    """Raises ImageError with everything that making an image lacks here; `emulator`: QEMU itself is needed, too."""
    programs = dict(PROGRAMS)
    if emulator:
        programs[machine.PROGRAMS[architecture]] = machine.PACKAGE
    lacking = missing(programs)
    packages = [programs[each] for each in lacking]
    if not KEYRING.is_file():
        lacking.append("Debian's keys")
        packages.append("debian-archive-keyring")
    if lacking:
        install = " ".join(dict.fromkeys(packages))
        raise ImageError(f"{', '.join(lacking)}: not on this machine; install with: sudo apt install {install}")
    if importlib.util.find_spec("pip") is None:
        raise ImageError("this Python has no pip, which downloads the worker's packages: python3 -m ensurepip")
    if os.geteuid() != 0:
        _check_namespace()


def missing(programs: Iterable[str]) -> list[str]:
    """Those of these programs that are not here."""
    return [each for each in programs if shutil.which(each, path=namespace.PATH) is None]


def _check_namespace() -> None:
    done = subprocess.run(
        [*namespace.words(), "true"], env=namespace.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    user = getpass.getuser()
    if not all(_has_range(file, user) for file in RANGES):
        raise ImageError(
            f"user `{user}` has no range in /etc/subuid and /etc/subgid, to which files of an image could belong: "
            f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
        )
    said = done.stderr.strip().splitlines()
    raise ImageError(f"user namespaces cannot be made on this machine: {said[-1] if said else 'unshare failed'}")


def _has_range(file: Path, user: str) -> bool:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.split(":")[0] in (user, str(os.getuid())) for line in lines)
