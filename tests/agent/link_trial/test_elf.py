"""A program that its linker calls good and that is broken is found out."""

import shutil
import struct
import sys
from pathlib import Path

import pytest

from arm_ci.agent.link_trial.elf import fault


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return Path(shutil.copy(sys.executable, tmp_path / "program"))


def test_a_whole_program_has_no_fault(program: Path) -> None:
    assert fault(str(program)) == ""


def test_a_program_that_was_cut_off_is_broken(program: Path) -> None:
    data = program.read_bytes()
    program.write_bytes(data[: len(data) // 2])
    assert "behind the end of the file" in fault(str(program)) or fault(str(program)) == "its headers end too early"
    program.write_bytes(data[:40])
    assert fault(str(program)) == "its headers end too early"


def test_zeros_and_other_files_are_no_program(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(4096))
    assert fault(str(path)) == "it is no ELF file"
    path.write_bytes(b"\x7fELF" + bytes(4096))
    assert fault(str(path)) == "its first bytes are no valid ELF header"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(4096))
    assert fault(str(path)) == "it is neither a program nor a library nor an object"
    assert fault(str(tmp_path / "none")) == "it cannot be read: No such file or directory"


@pytest.mark.parametrize("order", ["<", ">"])
def test_32_bits_and_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    ident = b"\x7fELF\x01" + (b"\x01" if order == "<" else b"\x02") + bytes(10)
    section = struct.pack(order + "10I", 0, 1, 0, 0, 52, 1000, 0, 0, 0, 0)
    header = ident + struct.pack(order + "HHIIIIIHHHHHH", 2, 40, 1, 0, 0, 52, 0, 52, 32, 0, 40, 1, 0)
    path = tmp_path / "program"
    path.write_bytes(header + section)
    assert fault(str(path)) == "section 0 ends behind the end of the file"
    path.write_bytes(header + section + bytes(1000))
    assert fault(str(path)) == ""
