"""A guest's disks: overlays on what is never written, made with qemu-img(1)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from arm_ci.guests.errors import GuestError
from arm_ci.guests.machine import Disks


def overlay(backing: Path, file: Path) -> Path:
    """A disk that begins as `backing` and takes what is written. Raises GuestError."""
    return _create(file, "-F", "qcow2", "-b", str(backing.absolute()))


def empty(file: Path, size_bytes: int) -> Path:
    """An empty disk, which takes no room until it is written. Raises GuestError."""
    return _create(file, size_bytes=size_bytes)


def fresh(directory: Path, root: Path, swap_bytes: int) -> Disks:
    """Disks for a start from nothing. Raises GuestError."""
    swap = empty(directory / "swap.qcow2", swap_bytes) if swap_bytes else None
    return Disks(overlay(root, directory / "root.qcow2"), swap)


def over(directory: Path, disks: Disks) -> Disks:
    """Disks that begin as those of a snapshot. Raises GuestError."""
    swap = overlay(disks.swap, directory / "swap.qcow2") if disks.swap else None
    return Disks(overlay(disks.root, directory / "root.qcow2"), swap)


def _create(file: Path, *options: str, size_bytes: int | None = None) -> Path:
    words = ["qemu-img", "create", "-q", "-f", "qcow2", *options, str(file)]
    if size_bytes is not None:
        words.append(str(size_bytes))
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GuestError(f"the guest's disk cannot be made: {error}") from error
    if done.returncode:
        # Several lines at times, the first of which begins with the file that it should have made.
        said = " ".join(done.stderr.replace("qemu-img: ", "").replace(f"{file}: ", "").split())
        raise GuestError(f"the guest's disk cannot be made: {said or f'qemu-img ended with status {done.returncode}'}")
    return file
