"""A disk is full for real, where each tool says something else of it, or nothing: what the build says then."""

import pytest
import scarcity
from provoking import MIB, make_site, provoke, worker

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    scarcity.need_root()
    site = make_site(tmp_path_factory.mktemp("site"))
    yield site
    site.arm_ci("stop")


def test_bfd_says_that_there_is_no_space_left(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "disk", 30 * MIB) as disk, worker(site, 0, place=disk):
        found = provoke(site, "small-local-gcc-bfd-ninja-full")
    assert found.said() == ("disk-full", None, "certain", "ld.bfd", "hungry"), found.sentence
    assert "No space left on device" in found.evidence()["log"]


def test_lld_dies_of_a_bus_error_without_a_word_of_the_disk(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "disk", 30 * MIB) as disk, worker(site, 1, place=disk):
        found = provoke(site, "small-local-gcc-lld-ninja-full")
    kind, _, confidence, program, output = found.said()
    assert (kind, program, output) == ("disk-full", "ld.lld", "hungry"), found.sentence
    assert confidence in ("certain", "likely")
    assert "swap" not in found.advice()


def test_a_compiler_fills_the_directory_of_temporary_files(site, tmp_path):
    with scarcity.small_tmpfs(tmp_path / "temporary", MIB // 4) as place, worker(site, 2, TMPDIR=str(place)):
        found = provoke(site, "small-local-gcc-bfd-make-full")
    kind, _, confidence, program, output = found.said()
    assert (kind, confidence) == ("disk-full", "certain"), found.sentence
    assert program in ("cc1plus", "as")
    assert output is not None
    assert "TMPDIR" in found.advice()
