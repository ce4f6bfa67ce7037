"""QEMU with an image, and the host's end of its handover channel: just what an image promises, no snapshot."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm_ci.guests.image import Image

_MACHINES = {
    ("arm64", "virt"): ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57"],
    ("armhf", "virt"): ["qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"],
    ("arm64", "raspi3b"): ["qemu-system-aarch64", "-M", "raspi3b"],
}


@dataclass
class BareGuest:
    """A running guest."""

    process: subprocess.Popen[bytes]
    directory: Path
    started: float
    handover: socket.socket
    _read: bytes = b""

    def console(self) -> str:
        return (self.directory / "console").read_text(errors="replace").replace("\r", "")

    def hear(self, timeout_seconds: float = 120) -> dict[str, Any]:
        """The next line of JSON that the guest says; what a UART says of itself is passed over."""
        end = time.monotonic() + timeout_seconds
        while True:
            line, newline, rest = self._read.partition(b"\n")
            if newline:
                self._read = rest
                if line.startswith(b"{"):
                    return dict(json.loads(line))
                continue
            self.handover.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = self.handover.recv(4096)
            except TimeoutError:
                more = b""
            if not more:
                raise AssertionError(f"the guest said nothing more\n{self.console()[-4000:]}")
            self._read += more

    def waited_seconds(self) -> float:
        """Since QEMU's start."""
        return time.monotonic() - self.started

    def tell(self, **said: Any) -> None:
        """Sends it a line."""
        self.handover.sendall(json.dumps(said).encode() + b"\n")

    def tell_its_name(self, name: str, password: str, port: int, **more: Any) -> None:
        """What the host says to a waiting worker."""
        said = {"time": time.time(), "entropy": os.urandom(32).hex(), "host": "10.0.2.2", "port": port}
        self.tell(**{**said, "name": name, "password": password, **more})


@contextmanager
def bare_guest(
    image: Image, directory: Path, *, cores: int = 1, memory_mb: int = 1024, swap_mb: int = 0
) -> Iterator[BareGuest]:
    """A guest from an overlay on the image's disk; it is killed at the end of the block, if it has not ended."""
    directory.mkdir()
    overlay = directory / "overlay.qcow2"
    _qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.path(image.disk), overlay)
    command = [*_MACHINES[image.architecture, image.machine], "-display", "none", "-monitor", "none", "-no-reboot"]
    command += ["-kernel", str(image.path(image.kernel)), "-initrd", str(image.path(image.initrd))]
    command += ["-append", image.append, "-netdev", "user,id=net", "-serial", f"file:{directory / 'console'}"]
    command += ["-chardev", f"socket,id=handover,path={directory / 'handover'},server=on,wait=off"]
    if image.machine == "raspi3b":
        command += ["-dtb", str(image.path(image.devicetree)), "-serial", "chardev:handover"]
        command += ["-device", "usb-net,netdev=net", "-drive", f"if=sd,file={overlay},format=qcow2"]
        disk_device = "usb-storage"
    else:
        command += ["-smp", str(cores), "-m", str(memory_mb), "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-drive", f"if=none,id=root,file={overlay},format=qcow2,discard=unmap"]
        command += ["-device", "virtio-blk-pci,drive=root", "-device", "virtio-serial-pci"]
        command += ["-device", "virtserialport,chardev=handover,name=arm-ci.handover"]
        disk_device = "virtio-blk-pci"
    if swap_mb:
        _qemu_img("create", "-q", "-f", "raw", directory / "swap", f"{swap_mb}M")
        command += ["-drive", f"if=none,id=swap,file={directory / 'swap'},format=raw"]
        command += ["-device", f"{disk_device},drive=swap"]
    with (directory / "qemu.log").open("wb") as log:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield BareGuest(process, directory, started, _connect(process, directory))
    finally:
        process.kill()
        process.wait()


def _connect(process: subprocess.Popen[bytes], directory: Path) -> socket.socket:
    end = time.monotonic() + 20
    while True:
        handover = socket.socket(socket.AF_UNIX)
        try:
            handover.connect(str(directory / "handover"))
        except OSError as error:
            handover.close()
            if process.poll() is not None or time.monotonic() > end:
                said = (directory / "qemu.log").read_text(errors="replace")
                raise AssertionError(f"QEMU did not start: {said}") from error
            time.sleep(0.05)
        else:
            return handover


def _qemu_img(*words: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, words)], check=True)
