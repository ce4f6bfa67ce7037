"""A 32-bit linker has no more addresses, with RAM to spare: what the build says then.

The worker, its Python and its tools are those of a 32-bit Debian: i386 on the kernel of this machine, armhf under
qemu-user.
"""

import re
import subprocess

import pytest
import wide_project
from other_userland import Userland
from provoking import Provoked
from running import Site

pytestmark = [pytest.mark.integration, pytest.mark.guest]

WORKERS = 5
BOARDS = """
board-{architecture}:
  architecture: {architecture}
  cores: 1
  memory: 925M
  os: debian-12
"""
PROJECT = """\
{name}:
  directory: {directory}
  branches: [main]
  timeout: 20m
  cmake:
    targets: [all]
  matrix:
    boards: [{board}]
    compilers: [gcc]
    linkers: [bfd, gold, lld, mold]
    generators: [ninja]
"""
# What is linked, in MB, and options for the linker's driver.
PROJECTS = {
    # bfd keeps a whole section and its compressed form.
    "compressed": ([1900], "-Wl,--compress-debug-sections=zlib"),
    # gold maps its whole output. With one section more than half of the addresses, no gap is as large.
    "mapped": ([1900, 1900], ""),
    # A section of 2 GB and more is too large for a 32-bit bfd, which leaves it out and says that all is well.
    "wide": ([1300, 1300], ""),
}


@pytest.fixture(scope="module", params=["i386", "armhf"])
def userland(request, tmp_path_factory):
    return Userland.make(tmp_path_factory.mktemp(request.param) / "root", request.param)


@pytest.fixture(scope="module")
def site(userland, tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    board = f"board-{userland.architecture}"
    text = ""
    for name, (sizes, options) in PROJECTS.items():
        wide_project.write(directory / name, sizes, options)
        text += PROJECT.format(name=name, directory=directory / name, board=board)
    workers = "".join(f"pc-{number}: {{board: {board}}}\n" for number in range(WORKERS))
    site = Site.make(directory, projects=text, workers=workers)
    with (site.config / "boards.yaml").open("a") as boards:
        boards.write(BOARDS.format(architecture=userland.architecture))
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def provoke(site, userland, number, project, linker):
    variant = f"{project}-board-{userland.architecture}-gcc-{linker}-ninja-full"
    with userland.worker(site, number):
        site.arm_ci("force", "--variant", variant, "--jobs", "1", "--wait", timeout=1800)
    return Provoked(site, site.last_build(variant))


def check_that_the_advised_options_link(userland, number, found, linker, *options):
    """The objects of a build that failed, linked again with what its page advises, by hand and in the same userland."""
    assert re.findall(r"-Wl,[\w,-]*\w|-fuse-ld=\w+", found.advice()) == [*options], found.advice()
    (build,) = (userland.root / "srv" / f"worker-{number}").glob("*/build")
    objects = [path.relative_to(build) for path in build.rglob("*.c.o")]
    words = ["env", "-C", f"/{build.relative_to(userland.root)}", "gcc", f"-fuse-ld={linker}", "-o", "advised"]
    again = userland.command(*words, *objects, *options)
    done = subprocess.run(again, capture_output=True, text=True, check=False)
    assert (done.returncode, "error" in done.stderr) == (0, False), done.stderr
    assert (build / "advised").stat().st_size < 1_000_000


def test_bfd_has_no_addresses_for_a_section_and_its_compressed_form(site, userland):
    found = provoke(site, userland, 0, "compressed", "bfd")
    kind, _, confidence, program, output = found.said()
    assert (kind, program, output) == ("address-space", "ld.bfd", "wide"), found.sentence
    assert confidence in ("certain", "likely")
    assert found.evidence()["log"] == "/usr/bin/ld.bfd: final link failed: memory exhausted"
    assert found.report.limits.address_bits == 32
    assert "swap" not in found.advice()
    check_that_the_advised_options_link(userland, 0, found, "bfd", "-Wl,-S,--no-keep-memory,--reduce-memory-overheads")


def test_gold_has_no_addresses_for_the_map_of_its_output(site, userland):
    found = provoke(site, userland, 1, "mapped", "gold")
    assert found.said() == ("address-space", None, "certain", "ld.gold", "wide"), found.sentence
    asked = re.fullmatch(
        r"/usr/bin/ld\.gold: fatal error: wide: mmap: failed to allocate (\d+) bytes for output file: .*",
        found.evidence()["log"],
    )
    assert asked, found.evidence()
    assert found.verdict["bytes"] == int(asked[1]) > 3_800_000_000
    assert "swap" not in found.advice()
    check_that_the_advised_options_link(userland, 1, found, "gold", "-Wl,-S")


def test_a_program_that_bfd_left_incomplete_is_no_success(site, userland):
    found = provoke(site, userland, 2, "wide", "bfd")
    assert found.build["results"] == 2
    kind, _, confidence, program, output = found.said()
    assert (kind, confidence, program, output) == ("address-space", "certain", "ld.bfd", "wide"), found.sentence
    assert re.search(r"error: wide\(\.debug_wide\) is too large \(0x9af8\w+ bytes\)", found.evidence()["log"])
    check_that_the_advised_options_link(userland, 2, found, "bfd", "-Wl,-S,--no-keep-memory,--reduce-memory-overheads")


@pytest.mark.parametrize(("number", "linker", "program"), [(3, "lld", "ld.lld"), (4, "mold", "mold")])
def test_linkers_that_need_little_ram_have_no_addresses_either(site, userland, number, linker, program):
    found = provoke(site, userland, number, "wide", linker)
    kind, _, confidence, its_program, output = found.said()
    assert (kind, its_program, output) == ("address-space", program, "wide"), found.sentence
    assert confidence in ("certain", "likely")
    check_that_the_advised_options_link(userland, number, found, linker, "-Wl,-S")
