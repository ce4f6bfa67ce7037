"""What an imported image needs from outside at every start: who it is, what to do, and firmware that starts it."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from pathlib import Path

from arm_ci.guests import cloud_init, firmware, ignition
from arm_ci.guests.errors import ImageError
from arm_ci.guests.fat_volume import fat_volume
from arm_ci.guests.first_start import FirstStart
from arm_ci.guests.image import Image
from arm_ci.guests.importing import OWN, PUBLIC_KEY

LABEL = "CIDATA"
"""By this cloud-init knows the volume (https://docs.cloudinit.io/en/latest/reference/datasources/nocloud.html)."""


def seed(image: Image, directory: Path, start: FirstStart) -> list[str]:
    """Writes the seed of one start into `directory`, and returns QEMU's arguments for it and for the firmware.

    For a guest from an image with `origin` `cloud-init` or `ignition`, at each start, as both act on a disk that has
    not been started before, and an overlay is thrown away afterwards:

        start = FirstStart(worker=name, password=password, scripts=read_scripts(workers), master="10.0.2.2:9989",
                           swap_device="/dev/disk/by-id/virtio-swap")
        command = machine.command(image, ..., extra=tuple(seed(image, run_directory, start)))

    What it writes holds the password: it is readable by its owner only, and may be removed with `directory` when the
    guest has ended. The network card must have the address `start.mac`, as QEMU's first one has by itself.
    To log in, have QEMU forward a port (`hostfwd=tcp:127.0.0.1:PORT-:22`) and use the image's own key:
    `ssh -i IMAGE/ssh-key -p PORT arm-ci@127.0.0.1`.

    Raises ImageError when the image is of another kind or firmware is missing, OSError.
    """
    if image.origin not in ("cloud-init", "ignition"):
        raise ImageError(f"image `{image.name}` takes no seed: a worker waits in it already")
    key = image.path(PUBLIC_KEY)
    if key.is_file():
        start = replace(start, public_keys=(key.read_text(encoding="utf-8").strip(), *start.public_keys))
    own = image.path(OWN).read_text(encoding="utf-8") if image.path(OWN).is_file() else ""
    arguments = [] if image.kernel else firmware.arguments(image.architecture)
    if image.origin == "ignition":
        for name, file_name, text in (
            (ignition.FW_CFG, "config.ign", ignition.config(start, own)),
            (ignition.FW_CFG_SECRET, "secret", start.secret),
        ):
            written = _private(directory / file_name, text.encode())
            arguments += ["-fw_cfg", f"name={name},file={_quoted(written)}"]
        return arguments
    volume = fat_volume(LABEL, cloud_init.files(start, f"arm-ci-{uuid.uuid4()}", own))
    file = _private(directory / "seed.img", volume)
    drive = f"file={_quoted(file)},if=none,id=seed,format=raw,readonly=on"
    return [*arguments, "-drive", drive, "-device", "virtio-blk-pci,drive=seed,serial=seed"]


def _private(file: Path, content: bytes) -> Path:
    """Writes a file that was never readable to others."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    return file


def _quoted(path: Path) -> str:
    """In QEMU's options a comma ends a value, two are one."""
    return str(path).replace(",", ",,")
