"""This machine as boards see it."""

import pytest

from arm_ci.config import Host
from arm_ci.config.this_machine import architecture_of, parse_meminfo, parse_os_release


@pytest.mark.parametrize(
    ("machine", "bits", "architecture"),
    [
        ("x86_64", 64, "amd64"),
        ("x86_64", 32, "i386"),
        ("aarch64", 64, "arm64"),
        ("aarch64", 32, "armhf"),
        ("armv7l", 32, "armhf"),
        ("i686", 32, "i386"),
        ("riscv64", 64, "riscv64"),
    ],
)
def test_the_architecture_is_that_of_programs_not_of_the_kernel(machine: str, bits: int, architecture: str) -> None:
    assert architecture_of(machine, bits) == architecture


def test_meminfo_is_read_as_bytes() -> None:
    assert parse_meminfo("MemTotal:  936104 kB\nMemFree: 1 kB\nSwapTotal: 100 kB\n") == (936104 * 1024, 102400)


def test_a_meminfo_without_swap_has_none() -> None:
    assert parse_meminfo("MemTotal: 10 kB\nnonsense\n") == (10240, 0)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian-12"),
        ("ID=raspbian\nVERSION_ID='12'\n", "raspbian-12"),
        ("ID=debian\nPRETTY_NAME=sid\n", "debian"),
        ("", "linux"),
    ],
)
def test_the_system_is_named_as_in_os_release(text: str, name: str) -> None:
    assert parse_os_release(text) == name


def test_this_machine_has_cores_memory_and_a_name() -> None:
    host = Host.current()
    assert host.cores >= 1
    assert host.memory > 0
    assert host.os
