"""The command line of QEMU."""

from dataclasses import replace
from pathlib import Path

import pytest

from arm_ci.guests.image import Image
from arm_ci.guests.machine import Channels, Disks, Machine, accelerator, command

IMAGE = Image(Path("/images/one"), "one", "0" * 64, "arm64", kernel="kernel", initrd="initrd", append="root=/dev/vda")
MACHINE = Machine(2, 512 << 20)
CHANNELS = Channels(10, 11, 12)
DISKS = Disks(Path("/run/root.qcow2"))


def words(image: Image = IMAGE, machine: Machine = MACHINE, **more: object) -> list[str]:
    given = {"accelerated_by": "tcg", "disks": DISKS, "channels": CHANNELS, **more}
    return command(image, machine, **given)  # type: ignore[arg-type]


def after(option: str, line: list[str]) -> list[str]:
    return [line[index + 1] for index, word in enumerate(line) if word == option]


def test_a_guest_has_what_the_board_says() -> None:
    line = words()
    assert line[0] == "qemu-system-aarch64"
    assert (after("-smp", line), after("-m", line), after("-cpu", line)) == (["2"], ["512M"], ["cortex-a53"])
    assert after("-machine", line) == ["virt"]
    assert after("-kernel", line) == ["/images/one/kernel"]
    assert after("-initrd", line) == ["/images/one/initrd"]
    assert after("-append", line) == ["root=/dev/vda"]


def test_it_talks_over_inherited_descriptors_so_that_there_is_no_socket_to_leave_behind() -> None:
    line = words()
    assert after("-chardev", line) == ["socket,id=qmp,fd=10", "socket,id=console,fd=11", "socket,id=handover,fd=12"]
    assert not any("path=" in word for word in line)


def test_a_swap_disk_is_the_second_disk() -> None:
    line = words(disks=Disks(Path("/run/root.qcow2"), Path("/run/swap.qcow2")))
    assert [word.split(",")[0] for word in after("-drive", line)] == ["file=/run/root.qcow2", "file=/run/swap.qcow2"]
    assert after("-device", line)[1:3] == [
        "virtio-blk-pci,drive=root,serial=root",
        "virtio-blk-pci,drive=swap,serial=swap",
    ]


def test_a_comma_in_a_path_is_no_end_of_an_option() -> None:
    assert after("-drive", words(disks=Disks(Path("/a,b/root.qcow2"))))[0].startswith("file=/a,,b/root.qcow2,")


def test_a_saved_state_comes_from_a_descriptor() -> None:
    assert after("-incoming", words(resume_from=7)) == ["fd:7"]
    assert after("-incoming", words()) == []


def test_what_is_in_the_network_beside_the_guest_is_an_option() -> None:
    assert after("-netdev", words(network="guestfwd=tcp:10.0.2.100:9418-cmd:git daemon")) == [
        "user,id=net,guestfwd=tcp:10.0.2.100:9418-cmd:git daemon"
    ]


def test_a_pi_has_a_card_a_usb_network_and_a_second_serial_port() -> None:
    line = words(replace(IMAGE, machine="raspi3b", devicetree="pi.dtb", handover="second-serial"))
    assert after("-machine", line) == ["raspi3b"]
    assert after("-dtb", line) == ["/images/one/pi.dtb"]
    assert after("-serial", line) == ["chardev:console", "chardev:handover"]
    assert after("-drive", line) == ["file=/run/root.qcow2,if=sd,format=qcow2,cache=unsafe"]
    assert after("-device", line) == ["usb-net,netdev=net"]


def test_armhf_has_its_own_qemu_and_processor() -> None:
    line = words(replace(IMAGE, architecture="armhf"))
    assert line[0] == "qemu-system-arm"
    assert (after("-machine", line), after("-cpu", line)) == (["virt,highmem=off"], ["cortex-a15"])


@pytest.mark.parametrize(
    ("architecture", "machine", "host", "kvm", "expected"),
    [
        ("arm64", "virt", "aarch64", True, "kvm"),
        ("arm64", "virt", "aarch64", False, "tcg"),
        ("arm64", "virt", "x86_64", True, "tcg"),
        ("arm64", "raspi3b", "aarch64", True, "tcg"),
        ("armhf", "virt", "aarch64", True, "tcg"),
    ],
)
def test_kvm_is_used_where_the_host_is_the_same_and_has_it(
    architecture: str, machine: str, host: str, kvm: bool, expected: str
) -> None:
    assert accelerator(architecture, machine, host, kvm) == expected


def test_kvm_runs_the_hosts_own_processor() -> None:
    line = words(accelerated_by="kvm")
    assert (after("-accel", line), after("-cpu", line)) == (["kvm"], ["host"])
