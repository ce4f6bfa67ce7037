"""A small virtual machine whose memory can really run out: QEMU without KVM, an ordinary user is enough.

It runs Debian's kernel over the files of this machine: the root directory is exported read-only (9p) below an overlay
on a disk image, so compilers, Python and this checkout are there under their own names and what is written costs no
memory of the machine. This machine is 10.0.2.2 for it. Nothing stays behind when it is stopped.
"""

from __future__ import annotations

import base64
import os
import re
import select
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from initial_filesystem import first_files
from waiting import limit

from arm_ci.guests.initrd import module_order

HOST_ADDRESS = "10.0.2.2"
"""Where programs in the machine reach loopback of the one that it runs on."""

PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "mke2fs": "e2fsprogs",
    "setpriv": "util-linux",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
"""What it needs, and the Debian package of each."""

_PACKAGE = "linux-image-amd64"
_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "9pnet_virtio", "9p", "crc32c_generic", "ext4", "overlay", "zram")
_WANTED = re.compile(r"/vmlinuz-|/kernel/(arch|crypto|drivers|fs|lib|mm|net)/")
_DISK_BYTES = 16 << 30  # sparse
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing() -> str:
    """Why no such machine can be started here; empty: it can."""
    if os.uname().machine != "x86_64":
        return "the virtual machine shares the programs of this one, which must be x86-64"
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program, path=_SEARCH) is None]
    return f"the virtual machine needs the packages {', '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class GuestKernel:
    """A kernel and those of its modules that a machine loads."""

    image: Path
    modules: tuple[Path, ...]
    """In the order of loading."""

    @classmethod
    def fetch(cls, directory: Path) -> GuestKernel:
        """Takes it from Debian's package, which is downloaded but not installed; some 70 MB.

        Raises CalledProcessError when apt cannot download it.
        """
        depends = _output("apt-cache", "depends", _PACKAGE)
        name = re.findall(r"Depends: (linux-image-\S+)", depends)[0]
        subprocess.run(["apt-get", "-qq", "download", name], cwd=directory, check=True, capture_output=True)
        (package,) = directory.glob(f"{name}_*.deb")
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
            with tarfile.open(fileobj=unpacking.stdout, mode="r|") as members:
                for member in members:
                    if member.isfile() and re.search(
                        r"/vmlinuz-|/kernel/(arch|crypto|drivers|fs|lib|mm|net)/", member.name
                    ):
                        members.extract(member, directory, filter="data")
            # tarfile stops at the archive's end mark; dpkg-deb wants its padding read.
            while unpacking.stdout is not None and unpacking.stdout.read(1 << 20):
                pass
        package.unlink()
        (image,) = (directory / "boot").glob("vmlinuz-*")
        return cls(image, module_order(directory / "lib" / "modules", _MODULES))


class Done(NamedTuple):
    """What a command in the machine came to."""

    exit_status: int
    output: str
    """Standard output and standard error, as they came."""


class GuestError(RuntimeError):
    """The machine did not start or did not answer in time; the message ends with its console."""


@dataclass
class VirtualMachine:
    """A running machine."""

    directory: Path
    process: subprocess.Popen[bytes]
    boot_seconds: float = 0.0

    def console(self) -> str:
        """What the kernel said since the start."""
        return (self.directory / "console").read_text(errors="replace")

    def run(self, script: str, timeout_seconds: float = 120) -> Done:
        """Runs a script of sh as root in the machine, and gives its exit status and output.

        What it starts in the background goes on running. Raises GuestError.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(base64.b64encode(script.encode()) + b"\n")
        self.process.stdin.flush()
        status, _, output = self._line("done ", timeout_seconds).partition(" ")
        return Done(int(status), base64.b64decode(output).decode(errors="replace"))

    def wait_until_ready(self, timeout_seconds: float) -> None:
        started = time.monotonic()
        self._line("ready", timeout_seconds)
        self.boot_seconds = time.monotonic() - started

    def _line(self, beginning: str, timeout_seconds: float) -> str:
        """The rest of the next line of the command port with this beginning."""
        assert self.process.stdout is not None
        port = self.process.stdout.fileno()
        end = time.monotonic() + limit(timeout_seconds)
        read = b""
        while not read.endswith(b"\n"):
            readable, _, _ = select.select([port], [], [], max(0.0, end - time.monotonic()))
            more = os.read(port, 1 << 16) if readable else b""
            if not more:
                why = "has ended" if readable else f"did not say `{beginning}` in {timeout_seconds} s"
                raise GuestError(f"the virtual machine {why}\n{self.console()[-4000:]}")
            read += more
        line = read.decode().strip()
        if not line.startswith(beginning):
            raise GuestError(f"the virtual machine said `{line[:200]}` instead of `{beginning}`")
        return line.removeprefix(beginning)


@contextmanager
def virtual_machine(
    directory: Path,
    kernel: GuestKernel,
    *,
    memory_mb: int = 512,
    swap_mb: int = 0,
    zram_mb: int = 0,
    cores: int = 1,
    words: str = "psi=1",
    shares: Iterable[Path] = (),
) -> Iterator[VirtualMachine]:
    """Starts a machine, and ends it with the block.

    `words` go onto the kernel's command line: `cgroup_disable=memory psi=0` makes it blind as a stock Raspberry Pi.
    `shares` are directories in which this machine changes something meanwhile; elsewhere it may see what was there
    before. They stand under their own names, read-only. Raises GuestError.
    """
    directory.mkdir()
    shares = tuple(shares)
    settings = {"GUEST_SHARES": " ".join(map(str, shares)), "GUEST_SWAP": str(swap_mb), "GUEST_ZRAM": str(zram_mb)}
    (directory / "initrd").write_bytes(first_files(Path(_which("busybox")), kernel.modules, settings))
    _sparse(directory / "disk", _DISK_BYTES)
    subprocess.run([_which("mke2fs"), "-q", "-F", "-t", "ext4", directory / "disk"], check=True, capture_output=True)
    _sparse(directory / "swap", max(swap_mb, 1) << 20)
    command: list[str | Path] = [
        # Ends with the test, also when somebody kills that.
        *(_which("setpriv"), "--pdeathsig", "KILL", _which("qemu-system-x86_64")),
        *("-accel", "tcg", "-cpu", "max", "-smp", str(cores), "-m", str(memory_mb), "-display", "none", "-no-reboot"),
        *("-kernel", kernel.image, "-initrd", directory / "initrd"),
        *("-append", f"console=ttyS0 panic=-1 {words}"),
        *("-serial", f"file:{directory / 'console'}", "-chardev", "stdio,id=commands,signal=off"),
        *("-serial", "chardev:commands", "-monitor", "none", "-net", "none"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-drive", f"file={directory / 'disk'},if=virtio,format=raw,cache=unsafe"),
        *("-drive", f"file={directory / 'swap'},if=virtio,format=raw,cache=unsafe"),
    ]
    for number, path in enumerate((Path("/"), *shares)):
        options = "security_model=none,readonly=on,multidevs=remap"
        command += ["-virtfs", f"local,path={path},mount_tag=share{number},{options}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    machine = VirtualMachine(directory, process)
    try:
        machine.wait_until_ready(240)
        yield machine
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(directory)


def _sparse(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)


def _which(program: str) -> str:
    found = shutil.which(program, path=_SEARCH)
    if found is None:
        raise FileNotFoundError(f"{program} is not installed: package {PROGRAMS[program]}")
    return found


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
