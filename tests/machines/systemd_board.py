"""A board that is a virtual machine with systemd, as its distribution installs it, on which root may log in."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from running import free_port
from waiting import limit

from arm_ci.guests.fat_volume import fat_volume
from arm_ci.guests.image import Image

START_SECONDS = 600
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP = f"[global]\ncert = {_CERTIFICATES}\n"


@dataclass
class Board:
    """A running machine."""

    directory: Path
    port: int

    def run(self, script: str, given: str = "", timeout_seconds: int = 3600) -> subprocess.CompletedProcess[str]:
        """Runs a piece of shell as root; `given` is its standard input."""
        options = ["-q", "-i", str(self.directory / "key"), "-p", str(self.port), "-o", "ConnectTimeout=30"]
        options += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        command = ["ssh", *options, "root@127.0.0.1", script]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=limit(timeout_seconds))

    def says(self, script: str) -> str:
        """What a command prints; it must succeed."""
        done = self.run(script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@contextmanager
def board(image: Image, directory: Path, memory_mb: int, cores: int = 2) -> Iterator[Board]:
    """Starts the machine, and ends it. It trusts the certificate authorities that this machine does."""
    directory.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "key"], check=True)
    overlay = directory / "overlay.qcow2"
    back = ["-F", "qcow2", "-b", image.path(image.disk)]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *back, overlay], check=True)
    (directory / "seed").write_bytes(fat_volume("CIDATA", _seed((directory / "key.pub").read_text().strip())))
    port = free_port()
    command = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-smp", str(cores), "-m", str(memory_mb)]
    command += ["-display", "none", "-monitor", "none", "-serial", f"file:{directory / 'console'}"]
    command += ["-kernel", str(image.path(image.kernel)), "-initrd", str(image.path(image.initrd))]
    command += ["-append", image.append, "-device", "virtio-rng-pci"]
    command += ["-drive", f"if=none,id=root,file={overlay},format=qcow2,cache=unsafe"]
    command += ["-device", "virtio-blk-pci,drive=root"]
    command += ["-drive", f"if=none,id=seed,file={directory / 'seed'},format=raw,readonly=on"]
    command += ["-device", "virtio-blk-pci,drive=seed"]
    command += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"]
    command += ["-device", "virtio-net-pci,netdev=net,romfile="]
    with subprocess.Popen(command) as machine:
        made = Board(directory, port)
        try:
            _wait(made, machine)
            if _CERTIFICATES.exists():
                made.run(f"mkdir -p {_CERTIFICATES.parent}; cat >{_CERTIFICATES}", _CERTIFICATES.read_text())
                made.run("cat >/etc/pip.conf", _PIP)
            yield made
        finally:
            machine.kill()


def missing() -> str:
    """Why no such machine can be started here; empty: it can."""
    programs = {"qemu-system-aarch64": "qemu-system-arm", "qemu-img": "qemu-utils", "ssh": "openssh-client"}
    absent = [package for program, package in programs.items() if shutil.which(program) is None]
    return f"the board needs the packages {', '.join(absent)}" if absent else ""


def _seed(public_key: str) -> dict[str, bytes]:
    user_data = f"#cloud-config\ndisable_root: false\nusers:\n- name: root\n  ssh_authorized_keys:\n  - {public_key}\n"
    meta_data = f"instance-id: {os.urandom(4).hex()}\nlocal-hostname: board\n"
    return {"user-data": user_data.encode(), "meta-data": meta_data.encode()}


def _wait(made: Board, machine: subprocess.Popen[bytes]) -> None:
    """Until root may log in and the first start has done its work."""
    end = time.monotonic() + limit(START_SECONDS)
    while time.monotonic() < end and machine.poll() is None:
        try:
            if made.run("cloud-init status --wait >/dev/null; true", timeout_seconds=300).returncode == 0:
                return
        except subprocess.TimeoutExpired:
            pass
        time.sleep(1)
    raise AssertionError(f"nobody can log in\n{(made.directory / 'console').read_text(errors='replace')[-3000:]}")
