"""Site directories for tests."""

from pathlib import Path

WORKERS = """\
local:
  board: local
  local: true

rpi3-armhf-1:
  board: rpi3-armhf

rpi3-arm64-1:
  board: rpi3-arm64

odroid-c2-1:
  board: odroid-c2

rpi4-1:
  board: rpi4

rpi5-1:
  board: rpi5

rpi-zero-2w-1:
  board: rpi-zero-2w

x86_64-1:
  board: x86_64

guest-arm64-1:
  board: qemu-virt-arm64

guest-raspi3b-1:
  board: qemu-raspi3b
"""
"""A machine of each board that ships."""


def whole_site(directory: Path, **files: str) -> Path:
    """A site that builds all that ships: a worker for every board, and these files (`site`, `projects`, ...)."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in {"site": "{}\n", "workers": WORKERS, **files}.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory
