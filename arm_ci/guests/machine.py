"""A guest's machine as QEMU's command line. Pure: what is not in the arguments is not in the result.

QEMU's own words are in its manual, https://www.qemu.org/docs/master/system/invocation.html. Nothing secret is ever an
argument: the guest asks for its name and password over a channel (Image.handover).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arm_ci.guests.image import Image

PROGRAMS = {"arm64": "qemu-system-aarch64", "armhf": "qemu-system-arm"}
PACKAGE = "qemu-system-arm"
"""Debian's package with both programs."""
# Without LPAE the kernel of armhf cannot reach what lies above 4 GB.
VIRT = {"arm64": "virt", "armhf": "virt,highmem=off"}
"""QEMU's machine `virt` as its option says it."""
HANDOVER_PORT = "arm-ci.handover"
RASPI3B_BYTES = 1 << 30
OVERHEAD_BYTES = 160 << 20
"""What QEMU takes beside the guest's RAM: its code, translated code (TCG), the copies of disks."""
DEFAULT_CPU = {"arm64": "cortex-a53", "armhf": "cortex-a15"}


@dataclass(frozen=True)
class Machine:
    """What a guest gets."""

    cpus: int
    memory_bytes: int
    swap_bytes: int = 0
    """Size of its swap disk; 0: it has none."""
    cpu: str = ""
    """QEMU's name of a processor model (`qemu-system-aarch64 -cpu help`); empty: cortex-a53, for armhf cortex-a15."""

    @property
    def host_bytes(self) -> int:
        """What it takes of the host's memory at most."""
        return self.memory_bytes + OVERHEAD_BYTES


@dataclass(frozen=True)
class Channels:
    """File descriptors that QEMU inherits, each one end of a pair of connected sockets."""

    qmp: int
    console: int
    handover: int
    """-1: the image asks for nothing."""


@dataclass(frozen=True)
class Disks:
    """What the guest writes to."""

    root: Path
    swap: Path | None = None


def accelerator(architecture: str, machine: str, host_machine: str, kvm: bool) -> str:
    """`kvm` when this host's processor can run the guest's programs itself, else `tcg`, which emulates.

    `host_machine` as os.uname() names it; `kvm`: whether /dev/kvm may be used. A Raspberry Pi is always emulated.
    """
    own = machine == "virt" and host_machine == "aarch64" and architecture == "arm64"
    return "kvm" if own and kvm else "tcg"


def command(
    image: Image,
    machine: Machine,
    *,
    accelerated_by: str,
    disks: Disks,
    channels: Channels,
    network: str = "",
    extra: tuple[str, ...] = (),
    resume_from: int | None = None,
) -> list[str]:
    """QEMU's command line.

    `network` are more options of the user network; `extra` further arguments (a seed for cloud-init, firmware);
    `resume_from` a file descriptor with a saved state: the guest then waits for QMP's `cont`.
    """
    words = [PROGRAMS[image.architecture], "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    words += ["-name", "arm-ci-guest", "-machine", _machine(image), "-accel", _accelerator(accelerated_by)]
    words += ["-cpu", "host" if accelerated_by == "kvm" else machine.cpu or DEFAULT_CPU[image.architecture]]
    words += ["-smp", str(machine.cpus), "-m", f"{machine.memory_bytes >> 20}M"]
    for option, file in (("-kernel", image.kernel), ("-initrd", image.initrd), ("-dtb", image.devicetree)):
        if file:
            words += [option, str(image.path(file))]
    if image.append:
        words += ["-append", image.append]
    words += ["-chardev", f"socket,id=qmp,fd={channels.qmp}", "-mon", "chardev=qmp,mode=control"]
    words += ["-chardev", f"socket,id=console,fd={channels.console}", "-serial", "chardev:console"]
    words += _raspi3b(disks) if image.machine == "raspi3b" else _virt(disks)
    words += _handover(image, channels.handover)
    words += ["-netdev", f"user,id=net{',' if network else ''}{network}"]
    words += ["-device", _network_device(image)]
    words += extra
    if resume_from is not None:
        words += ["-incoming", f"fd:{resume_from}"]
    return words


def _machine(image: Image) -> str:
    return VIRT[image.architecture] if image.machine == "virt" else image.machine


def _accelerator(name: str) -> str:
    return "tcg,thread=multi" if name == "tcg" else name


def _virt(disks: Disks) -> list[str]:
    words = ["-device", "virtio-rng-pci", *_drive("root", disks.root)]
    words += ["-device", "virtio-blk-pci,drive=root,serial=root"]
    if disks.swap is not None:
        words += [*_drive("swap", disks.swap), "-device", "virtio-blk-pci,drive=swap,serial=swap"]
    return words


def _raspi3b(disks: Disks) -> list[str]:
    words = ["-drive", f"file={_quoted(disks.root)},if=sd,format=qcow2,cache=unsafe"]
    if disks.swap is not None:
        words += [*_drive("swap", disks.swap), "-device", "usb-storage,drive=swap,serial=swap"]
    return words


def _drive(name: str, file: Path) -> list[str]:
    # What the guest writes is thrown away: nobody needs it on the platter.
    return ["-drive", f"file={_quoted(file)},if=none,id={name},format=qcow2,cache=unsafe,discard=unmap"]


def _handover(image: Image, descriptor: int) -> list[str]:
    if not image.handover:
        return []
    words = ["-chardev", f"socket,id=handover,fd={descriptor}"]
    if image.handover == "second-serial":
        return [*words, "-serial", "chardev:handover"]
    return [
        *words,
        *("-device", "virtio-serial-pci"),
        *("-device", f"virtserialport,chardev=handover,name={HANDOVER_PORT}"),
    ]


def _network_device(image: Image) -> str:
    # romfile: the guest's firmware shall not look for something to start in the network.
    return "usb-net,netdev=net" if image.machine == "raspi3b" else "virtio-net-pci,netdev=net,romfile="


def _quoted(path: Path) -> str:
    """In QEMU's options a comma ends a value, two are one."""
    return str(path).replace(",", ",,")
