"""Snapshots: a guest whose worker waits for its name, saved once, resumed by every build.

A snapshot lies inside its image's directory and goes with it. Its key covers all that a saved state depends on: the
image, QEMU's version and every argument that shapes the machine. Its files are checked on every use, while QEMU reads
them: a saved state that is not what was saved is never run.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arm_ci.guests.emulator import Emulator
from arm_ci.guests.errors import GuestError
from arm_ci.guests.image import Image
from arm_ci.guests.machine import Disks

_STATE, _SUMS = "state", "sums.json"
_ROOT, _SWAP = "root.qcow2", "swap.qcow2"
SAVE_SECONDS = 300.0


@dataclass(frozen=True)
class Snapshot:
    """A whole snapshot: the machine's state and the disks as they were then."""

    directory: Path

    @property
    def state(self) -> Path:
        """What QEMU reads with `-incoming`."""
        return self.directory / _STATE

    @property
    def disks(self) -> Disks:
        """What the guest's disks begin as."""
        swap = self.directory / _SWAP
        return Disks(self.directory / _ROOT, swap if swap.exists() else None)

    def fault(self) -> str:
        """What is wrong with its files; empty: they are as they were saved. Reads all of them."""
        try:
            sums = json.loads((self.directory / _SUMS).read_text(encoding="ascii"))
            for name, expected in sums.items():
                if _sum(self.directory / name) != expected:
                    return f"its file {name} is not what was saved"
        except (OSError, ValueError, AttributeError) as error:
            return f"it cannot be read: {error}"
        return ""

    def remove(self) -> None:
        """Removes it, so that the next start makes another. A guest that runs from it goes on."""
        shutil.rmtree(self.directory, ignore_errors=True)


def key(image: Image, version: str, command: Sequence[str]) -> str:
    """A name for the snapshots that this QEMU can resume with this command (made for no descriptors and no files)."""
    text = json.dumps([image.key, version, list(command)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def find(image: Image, its_key: str) -> Snapshot | None:
    """The snapshot of this key, if there is one."""
    directory = _place(image, its_key)
    return Snapshot(directory) if (directory / _SUMS).is_file() else None


def lock(image: Image, its_key: str) -> Path:
    """The file to lock while one makes the snapshot (directories.locked)."""
    return image.directory / "snapshots" / f"{its_key}.lock"


def save(image: Image, its_key: str, emulator: Emulator, disks: Disks) -> Snapshot:
    """Saves a guest that waits, in one step; QEMU has done its work then and must be ended by the caller.

    Raises GuestError, OSError.
    """
    place = _place(image, its_key)
    place.parent.mkdir(parents=True, exist_ok=True)
    # Of a maker that was killed; the lock says that there is no other now.
    for leftover in place.parent.glob(f"{its_key}.half-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{its_key}.half-", dir=place.parent))
    try:
        _save_state(emulator, directory / _STATE)
        emulator.end()
        disks.root.rename(directory / _ROOT)
        if disks.swap is not None:
            disks.swap.rename(directory / _SWAP)
        sums = {each.name: _sum(each) for each in sorted(directory.iterdir())}
        (directory / _SUMS).write_text(json.dumps(sums), encoding="ascii")
        shutil.rmtree(place, ignore_errors=True)
        directory.rename(place)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return Snapshot(place)


def _save_state(emulator: Emulator, file: Path) -> None:
    # All at once: nothing else runs in this machine now.
    emulator.ask("stop")
    emulator.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    emulator.ask("migrate", uri=f"exec:cat >{shlex.quote(str(file))}")
    status: dict[str, object] = {}

    def finished() -> bool:
        status.update(emulator.ask("query-migrate"))
        return status.get("status") in ("completed", "failed", "cancelled")

    waited = 0.0
    while not finished() and waited < SAVE_SECONDS:
        emulator.until(lambda: False, 0.05)
        waited += 0.05
    if status.get("status") != "completed":
        raise GuestError(f"the guest's state could not be saved: {status.get('error-desc', status.get('status'))}")


def _place(image: Image, its_key: str) -> Path:
    return image.directory / "snapshots" / its_key


def _sum(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
