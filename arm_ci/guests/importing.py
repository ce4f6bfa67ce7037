"""A cloud image becomes an image of the store: checked, copied, with a key for logging in. Nothing half done is seen.

It prints nothing; how far it is goes to the caller's function.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

from arm_ci.guests.disk_image import DiskImage, Progress, require_programs, sha256, unpacked
from arm_ci.guests.errors import ImageError, MissingToolError
from arm_ci.guests.firmware import require_firmware
from arm_ci.guests.image import NAME, Image, ImageStore
from arm_ci.guests.ssh_keys import make_key_pair, require_keygen

KINDS = ("cloud-init", "ignition")
PRIVATE_KEY = "ssh-key"
PUBLIC_KEY = "ssh-key.pub"
OWN = "own-user-data"
DISK = "disk.qcow2"
DISK_BYTES = 32 << 30
_VERSION = 1
"""Goes into the key; to be raised when the same file would give another image."""


@dataclass(frozen=True)
class Wanted:
    """What is to be imported."""

    name: str
    file: Path
    kind: str = "cloud-init"
    public_key: str = ""
    """Who may log in; empty: a pair is made, and its private key lies beside the disk."""
    own: str = ""
    """User-data, or an Ignition configuration, to be added to ours at each start; checked already."""
    disk_bytes: int = DISK_BYTES
    """The disk is grown to this; what is not written takes no room."""


def import_image(store: ImageStore, wanted: Wanted, progress: Progress) -> tuple[Image, bool]:
    """The image in the store, and whether it is new; the same file with the same settings is there already.

    Raises ImageError, whose message names the file, and OSError.
    """
    if not NAME.fullmatch(wanted.name):
        raise ImageError(f"`{wanted.name}` is no name of an image: small letters, digits, `.` and `-` were expected")
    require_programs()
    if not wanted.public_key:
        require_keygen()
    began = time.time()
    content = sha256(wanted.file, progress)
    key = _key(content, wanted)
    if there := _same(store, wanted.name, key):
        return there, False
    with store.making() as directory:
        try:
            image = _make(directory, wanted, content, progress)
        except MissingToolError:
            raise
        except ImageError as error:
            raise ImageError(f"{wanted.file}: {error}") from None
        finished = replace(image, key=key, made_at=time.time(), build_seconds=time.time() - began)
        return store.publish(finished), True


def _key(content: str, wanted: Wanted) -> str:
    said = [_VERSION, content, wanted.kind, wanted.public_key, wanted.own, wanted.disk_bytes]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _same(store: ImageStore, name: str, key: str) -> Image | None:
    try:
        image = store.get(name)
    except ImageError:
        return None
    return image if image.key == key else None


def _make(directory: Path, wanted: Wanted, content: str, progress: Progress) -> Image:
    work = directory / "work"
    work.mkdir()
    source = unpacked(wanted.file, work, progress)
    disk = DiskImage(source)
    architecture, loader = disk.architecture(work)
    require_firmware(architecture)
    disk.convert(directory / DISK, wanted.disk_bytes, progress)
    for file in work.iterdir():
        file.unlink()
    work.rmdir()
    if wanted.public_key:
        (directory / PUBLIC_KEY).write_text(wanted.public_key + "\n", encoding="utf-8")
    else:
        make_key_pair(directory / PRIVATE_KEY, f"arm-ci {wanted.name}")
    if wanted.own:
        (directory / OWN).write_text(wanted.own, encoding="utf-8")
        (directory / OWN).chmod(0o600)
    return Image(
        directory=directory,
        name=wanted.name,
        key="",
        architecture=architecture,
        origin=wanted.kind,
        disk=DISK,
        handover="",
        resumes=False,
        about={"file": wanted.file.name, "sha256": content, "loader": loader, "format": disk.format},
    )
