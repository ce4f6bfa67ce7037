"""The file of a cloud image as it comes from its publisher: unpacked, looked into, and made into our kind of disk.

All that is not plain reading is done by qemu-img(1). A file from outside is never opened with a format that is guessed,
and is not allowed to name further files: a qcow2 may have any file of this machine as its lower half.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from arm_ci.guests import efi_disk
from arm_ci.guests.errors import ImageError, MissingToolError

Progress = Callable[[str, float], None]
"""What is being done, and how much of it is done, 0 to 1."""
_PIECE = 4 << 20
_MAGIC_BYTES = 6
_COMPRESSIONS = {b"\xfd7zXZ\0": "xz", b"\x1f\x8b": "gz"}
_OTHER_PACKINGS = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"PK\x03\x04": "unzip"}
_OTHER_FORMATS = {b"KDMV": "vmdk", b"vhdxfi": "vhdx", b"conect": "vpc", b"<<< Or": "vdi"}
_PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")


def require_programs() -> None:
    """Raises MissingToolError when qemu-img is missing."""
    if shutil.which("qemu-img") is None:
        raise MissingToolError("qemu-img", "qemu-utils")


def sha256(file: Path, progress: Progress) -> str:
    """Of the whole file, in hexadecimal, as publishers list it. Raises OSError."""
    digest, whole, done = hashlib.sha256(), file.stat().st_size, 0
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            done += len(piece)
            progress("read", done / whole)
    return digest.hexdigest()


def unpacked(file: Path, directory: Path, progress: Progress) -> Path:
    """The file itself or, when it is packed with xz or gzip, what is in it. Raises ImageError, OSError."""
    magic = _magic(file)
    for beginning, program in _OTHER_PACKINGS.items():
        if magic.startswith(beginning):
            raise ImageError(f"it is packed with a program that is not known here; unpack it with {program} first")
    kind = next((kind for beginning, kind in _COMPRESSIONS.items() if magic.startswith(beginning)), "")
    if not kind:
        return file
    result, whole = directory / "unpacked", file.stat().st_size
    with file.open("rb") as packed, result.open("wb") as out:
        try:
            with lzma.open(packed) if kind == "xz" else gzip.open(packed) as stream:
                while piece := stream.read(_PIECE):
                    _write_sparse(out, piece)
                    progress("unpack", packed.tell() / whole)
        except EOFError:
            raise ImageError(f"it ends too early ({kind}): was it downloaded completely?") from None
        except (lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
            raise ImageError(f"it is damaged ({kind}): {error}") from None
        out.truncate(out.tell())
    return result


def _write_sparse(out: IO[bytes], piece: bytes) -> None:
    """What is all zeros takes no room."""
    if piece.count(0) == len(piece):
        out.seek(len(piece), 1)
    else:
        out.write(piece)


def _magic(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_MAGIC_BYTES)


class DiskImage:
    """A raw or qcow2 file. Raises ImageError when it is something else, or is not whole in itself."""

    def __init__(self, file: Path) -> None:
        self.file = file
        magic = _magic(file)
        for beginning, kind in _OTHER_FORMATS.items():
            if magic.startswith(beginning):
                remedy = f"qemu-img convert -f {kind} -O qcow2 makes one"
                raise ImageError(f"it is of the format {kind}; raw or qcow2 was expected: {remedy}")
        self.format = "qcow2" if magic.startswith(b"QFI\xfb") else "raw"
        said = json.loads(_qemu_img("info", "--output=json", "-f", self.format, str(file)))
        self.size_bytes = int(said["virtual-size"])
        details = said.get("format-specific", {}).get("data", {})
        for part in (said.get("backing-filename"), details.get("data-file")):
            if part:
                raise ImageError(f"it is not whole: the rest is in another file, `{part}`")
        if said.get("encrypted"):
            raise ImageError("it is encrypted")

    def architecture(self, directory: Path) -> tuple[str, str]:
        """What it starts on, and its loader, from its EFI system partition; `directory` takes a copy for a while.

        Raises ImageError.
        """
        length = min(self.size_bytes, efi_disk.HEAD_BYTES)
        head = self._part(0, length, directory / "head").read_bytes() if length >= 512 else b""
        partition = efi_disk.system_partition(head)
        if partition.offset_bytes + partition.length_bytes > self.size_bytes:
            raise ImageError("its EFI system partition ends behind the end of the disk: was it downloaded completely?")
        copy = self._part(partition.offset_bytes, partition.length_bytes, directory / "system-partition")
        with copy.open("rb") as stream:

            def read_at(offset: int, length: int) -> bytes:
                stream.seek(offset)
                return stream.read(length)

            found = efi_disk.architecture(read_at)
        copy.unlink()
        return found

    def convert(self, to: Path, size_bytes: int, progress: Progress) -> None:
        """Writes it as qcow2, and grows that to `size_bytes` when it is smaller. Raises ImageError."""
        words = ["qemu-img", "convert", "-p", "-f", self.format, "-O", "qcow2", str(self.file), str(to)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as run:
            try:
                _watch(run, progress)
            except BaseException:
                run.kill()
                raise
            if run.wait():
                raise ImageError(_complaint("convert", run.stderr.read() if run.stderr else b"", run.returncode))
        if self.size_bytes < size_bytes:
            _qemu_img("resize", "-q", "-f", "qcow2", str(to), str(size_bytes))

    def _part(self, offset: int, length: int, to: Path) -> Path:
        """A piece of the disk as a file."""
        lower: dict[str, Any] = {"driver": "file", "filename": str(self.file.absolute())}
        if self.format == "qcow2":
            lower = {"driver": "qcow2", "file": lower}
        whole = length // 512 * 512
        described = json.dumps({"driver": "raw", "offset": offset, "size": whole, "file": lower})
        _qemu_img("convert", "-O", "raw", f"json:{described}", str(to))
        return to


def _watch(run: subprocess.Popen[bytes], progress: Progress) -> None:
    """Passes on what qemu-img says of its progress, parted by carriage returns, until it says no more."""
    said = b""
    while run.stdout and (piece := os.read(run.stdout.fileno(), 4096)):
        said = (said + piece)[-64:]
        if found := _PERCENT.findall(said):
            progress("convert", float(found[-1]) / 100)


def _qemu_img(*words: str) -> str:
    done = subprocess.run(["qemu-img", *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ImageError(_complaint(words[0], done.stderr, done.returncode))
    return done.stdout.decode()


def _complaint(action: str, said: bytes, status: int) -> str:
    """What qemu-img said last; its name and file are left out, as the reader knows them."""
    lines = said.decode(errors="replace").strip().splitlines() or [f"it ended with status {status}"]
    return f"qemu-img {action} failed: {lines[-1].removeprefix('qemu-img: ')}"
