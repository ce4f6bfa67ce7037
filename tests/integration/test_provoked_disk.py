"""A disk is full for real, where each tool says something else of it, or nothing: what the build says then."""

import re

import pytest
import scarcity
from provoking import MIB, provoke, worker

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def site(site_for_provocations):
    return site_for_provocations


def test_bfd_says_that_there_is_no_space_left(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "disk", 30 * MIB) as disk, worker(site, 11, place=disk):
        found = provoke(site, "small-local-gcc-bfd-ninja-full")
    assert found.sentence == "failed build: disk-full: ld.bfd could not write hungry: no space left on the disk"
    assert found.said() == ("disk-full", None, "certain", "ld.bfd", "hungry")
    assert found.evidence()["log"] == "/usr/bin/ld.bfd: final link failed: No space left on device"
    assert re.fullmatch(r"\d+ MB were free in the build's directory at least", found.evidence()["report"])
    assert found.advice().startswith("Free disk where the build tree is, or move it.")
    assert "swap" not in found.advice()


def test_lld_dies_of_a_bus_error_without_a_word_of_the_disk(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "disk", 30 * MIB) as disk, worker(site, 12, place=disk):
        found = provoke(site, "small-local-gcc-lld-ninja-full")
    assert found.sentence == (
        "failed build: disk-full: ld.lld could not write hungry: it ended by SIGBUS, as a linker does that maps its "
        "output on a full disk"
    )
    kind, scope, confidence, program, output = found.said()
    assert (kind, scope, program, output) == ("disk-full", None, "ld.lld", "hungry")
    # Certain where a sample was taken in the moment before lld died.
    assert confidence in ("certain", "likely")
    assert found.evidence()["log"] == "collect2: fatal error: ld terminated with signal 7 [Bus error]"
    assert found.advice().startswith("Free disk where the build tree is, or move it.")
    assert "swap" not in found.advice()


def test_an_assembler_fills_the_disk_of_the_build(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "disk", 10 * MIB) as disk, worker(site, 13, place=disk):
        found = provoke(site, "small-local-gcc-bfd-ninja-full")
    kind, scope, confidence, program, output = found.said()
    assert (kind, scope, confidence, program) == ("disk-full", None, "certain", "as"), found.sentence
    assert found.sentence == f"failed build: disk-full: as could not write {output}: no space left on the disk"
    # The bytes that it could not write are not memory that it asked for.
    assert found.verdict["bytes"] is None
    assert found.advice().startswith("Free disk where the build tree is, or move it.")


def test_a_compiler_fills_the_directory_of_temporary_files(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "temporary", MIB // 4) as place, worker(site, 14, TMPDIR=str(place)):
        found = provoke(site, "small-local-gcc-bfd-make-full")
    kind, scope, confidence, program, output = found.said()
    assert (kind, scope, confidence, program) == ("disk-full", None, "certain", "cc1plus"), found.sentence
    assert re.fullmatch(r"CMakeFiles/hungry\.dir/\S+\.cpp\.o", output)
    assert found.sentence == f"failed build: disk-full: cc1plus could not write {output}: no space left on the disk"
    assert re.search(r"error: error writing to \S+\.s: No space left on device$", found.evidence()["log"])
    assert found.advice() == "Set TMPDIR to a directory with room, or compile with -pipe."
