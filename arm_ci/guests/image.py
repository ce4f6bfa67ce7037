"""Images: what a guest starts from. Each is a directory in the store with a manifest, a disk, and mostly a kernel.

An image is never changed once it is in the store: guests write into overlays.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from arm_ci.guests import namespace
from arm_ci.guests.directories import locked, private_directory, sweep
from arm_ci.guests.errors import ImageError

MANIFEST = "image.json"
SCHEMA = 1
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_HALF_MADE = ".half-made-"


@dataclass(frozen=True)
class Image:
    """An image in the store. File names are relative to its directory; an empty one: there is no such file."""

    directory: Path
    name: str
    key: str
    """SHA-256 of what it was made from, in hexadecimal: two images with the same key are the same."""
    architecture: str
    """Debian's name: `arm64` or `armhf`."""
    machine: str = "virt"
    """QEMU's machine that it is made for: `virt` or `raspi3b`."""
    origin: str = "recipe"
    """`recipe`: made by us, a worker waits in it; `cloud-init` or `ignition`: imported, configured as it starts."""
    disk: str = "disk.qcow2"
    """The root disk, as qcow2."""
    kernel: str = ""
    """Empty: the firmware starts what the disk holds."""
    initrd: str = ""
    devicetree: str = ""
    append: str = ""
    """The kernel's command line."""
    handover: str = "virtio-serial"
    """Where a waiting worker asks for its name: `virtio-serial` (the port named `arm-ci.handover`) or
    `second-serial` (the machine's second UART); empty: nowhere, it is told by cloud-init or Ignition."""
    resumes: bool = True
    """Whether a snapshot of the waiting worker can be taken and resumed."""
    made_at: float = 0.0
    """Seconds since 1970."""
    build_seconds: float = 0.0
    about: dict[str, str] = field(default_factory=dict)
    """For people: suite, kernel version, ..."""

    def path(self, file: str) -> Path:
        """The whole path of one of its files."""
        return self.directory / file

    def size_bytes(self) -> int:
        """What it takes on the disk."""
        return sum(each.stat().st_blocks * 512 for each in self.directory.rglob("*") if each.is_file())


class ImageStore:
    """The directory that holds images, one directory each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, name: str) -> Image:
        """The image of this name. Raises ImageError when there is none, or its files are not whole."""
        directory = self._place(name)
        try:
            read = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ImageError(f"there is no image `{name}`: make it with `arm-ci image build {name}`") from None
        except (OSError, ValueError) as error:
            raise ImageError(f"image `{name}` cannot be read: {error}; remove it and make it again") from error
        if not isinstance(read, dict) or read.get("schema") != SCHEMA:
            raise ImageError(f"image `{name}` was made by another version of arm_ci; make it again")
        known = {each.name for each in fields(Image)} - {"directory"}
        image = Image(directory=directory, **{key: value for key, value in read.items() if key in known})
        for file in (image.disk, image.kernel, image.initrd, image.devicetree):
            if file and not image.path(file).is_file():
                raise ImageError(f"image `{name}` lacks its file {file}; remove it and make it again")
        return image

    def list(self) -> list[Image]:
        """All images that can be used, by name; what is half made or broken is left out."""
        found = []
        for directory in sorted(self.directory.iterdir()) if self.directory.is_dir() else []:
            if (directory / MANIFEST).is_file():
                try:
                    found.append(self.get(directory.name))
                except ImageError:
                    continue
        return found

    def remove(self, name: str) -> None:
        """Removes an image with its snapshots. A guest that runs from it goes on. Raises ImageError, OSError."""
        place = self._place(name)
        if not place.is_dir():
            raise ImageError(f"there is no image `{name}`")
        with locked(self.directory):
            grave = self._private()
            place.rename(grave / name)
            shutil.rmtree(grave)

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A new private directory in the store, which is removed when the block ends; what is to stay is published.

        What others left half made that were killed is removed, too.
        """
        with private_directory(self.directory, _HALF_MADE, namespace.remove) as directory:
            yield directory

    @contextmanager
    def only_maker(self, name: str, wait: Callable[[], None]) -> Iterator[None]:
        """A block that one process at a time is in for an image's name; `wait` is called before it has to wait."""
        with locked(self.directory / f".{name}.lock", wait):
            yield

    def publish(self, image: Image) -> Image:
        """Writes the manifest beside the finished files and puts the directory in its place, in one step.

        Another image of that name is replaced. Raises OSError.
        """
        said = {key: value for key, value in asdict(image).items() if key != "directory"}
        text = json.dumps({"schema": SCHEMA, **said}, indent=1, sort_keys=True)
        (image.directory / MANIFEST).write_text(text + "\n", encoding="utf-8")
        place = self.directory / image.name
        with locked(self.directory):
            grave = self._private()
            if place.exists():
                place.rename(grave / image.name)
            image.directory.rename(place)
            shutil.rmtree(grave)
        return self.get(image.name)

    def tidy(self) -> None:
        """Removes what makers left half made that were killed."""
        sweep(self.directory, _HALF_MADE, namespace.remove)

    def _place(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ImageError(f"`{name}` is no name of an image: small letters, digits, `.` and `-` were expected")
        return self.directory / name

    def _private(self) -> Path:
        """A directory of our own that no one takes for an image."""
        return Path(tempfile.mkdtemp(prefix=_HALF_MADE, dir=self.directory))
