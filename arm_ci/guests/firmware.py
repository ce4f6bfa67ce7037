"""UEFI firmware for guests whose disk brings its own loader, from Debian's packages."""

from __future__ import annotations

from pathlib import Path

from arm_ci.guests.errors import MissingToolError

FIRMWARE = {
    "arm64": ("qemu-efi-aarch64", Path("/usr/share/AAVMF/AAVMF_CODE.fd")),
    "armhf": ("qemu-efi-arm", Path("/usr/share/AAVMF/AAVMF32_CODE.fd")),
}
"""Architecture -> Debian's package, and the file in it that suits QEMU's machine `virt`."""


def require_firmware(architecture: str) -> Path:
    """The firmware's file. Raises MissingToolError."""
    package, file = FIRMWARE[architecture]
    if not file.is_file():
        raise MissingToolError(f"UEFI firmware for {architecture} ({file})", package)
    return file


def arguments(architecture: str) -> list[str]:
    """QEMU's arguments. What the firmware remembers (its variables) is gone with the guest. Raises MissingToolError."""
    file = require_firmware(architecture)
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={file}"]
