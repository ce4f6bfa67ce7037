"""Builds in real guests that Buildbot starts itself: one that goes well, one that memory ends, one on a Pi's twin.

Images are made first; ARM_CI_TEST_IMAGES names a directory that keeps them for the next run.
"""

import re

import pytest
from guest_images import kept_images, made_image
from provoking import SOURCE, Provoked
from running import ROOT, Site
from waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.guest]

SUCCESS, FAILURE = 0, 2
IMAGES = ("debian-12-arm64", "raspi3b")
PROJECT = """\
{name}:
  directory: {sample}
  branches: [main]
  timeout: 60m
  cmake:
    options: [-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB={compile}, -DHUNGRY_LINK_MB=30]
    targets: [all]
    tests:
      - {{name: hungry, kind: ctest}}
  matrix: {{boards: [{board}], compilers: [gcc], linkers: [bfd], generators: [ninja]}}
"""
BOARDS = """\
tight:
  architecture: arm64
  cores: 1
  memory: 470M
  os: debian-12
  guest: {image: debian-12-arm64}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    projects = "".join(
        PROJECT.format(name=name, sample=ROOT / "samples" / "hungry", compile=megabytes, board=board)
        for name, megabytes, board in (
            ("small", 100, "qemu-virt-arm64"),
            ("big", 700, "tight"),
            ("pi", 100, "qemu-raspi3b"),
        )
    )
    workers = "guest-1: {board: qemu-virt-arm64}\nguest-2: {board: tight}\nguest-3: {board: qemu-raspi3b}\n"
    site = Site.make(directory, projects.replace("{", "{{").replace("}", "}}"), workers)
    with (site.config / "boards.yaml").open("a") as boards:
        boards.write(BOARDS)
    patches = directory / "patches"
    patches.mkdir()
    for name in ("small", "big", "pi"):
        (patches / name).symlink_to(ROOT / "patches" / "sample")
    site.write_site(f"patches: {patches}")
    site.state.mkdir(exist_ok=True)
    images = kept_images(site.state / "images")
    if images != site.state / "images":
        (site.state / "images").symlink_to(images)
    for name in IMAGES:
        made_image(name, images)
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def build(site, variant):
    done = site.arm_ci("force", "--variant", variant, "--wait", timeout=3600)
    assert "Traceback" not in done.stderr, done.stderr
    return site.last_build(variant)


def came_up(site, made):
    return site.steps(made)["worker_preparation"]["state_string"]


def test_the_sample_is_built_and_tested_in_a_guest(site):
    for _ in range(2):
        made = build(site, "small-qemu-virt-arm64-gcc-bfd-ninja-full")
        assert made["results"] == SUCCESS, made["state_string"]
    assert re.fullmatch(r"guest resumed in \d+\.\d s", came_up(site, made))
    wait_for(lambda: not list((site.state / "guests").glob("run-*")))


def test_a_build_that_takes_all_memory_of_a_guest_is_told_with_the_guests_kernel_record(site):
    found = Provoked(site, build(site, "big-tight-gcc-bfd-ninja-full"))
    assert found.build["results"] == FAILURE
    assert found.said() == ("oom-kill", "system", "certain", "cc1plus", SOURCE), found.sentence
    assert re.fullmatch(
        rf"failed build: oom-kill: cc1plus was killed while compiling {SOURCE} though it ran alone: it held \d+ MB, "
        r"the machine has \d+ MB; the build was ended for it at once",
        found.sentence,
    )
    assert found.evidence()["kernel log"].startswith("Out of memory: Killed process ")


def test_the_twin_of_a_pi_is_a_worker(site):
    made = build(site, "pi-qemu-raspi3b-gcc-bfd-ninja-full")
    assert re.fullmatch(r"guest booted in \d+\.\d s", came_up(site, made))
    assert made["results"] == SUCCESS, made["state_string"]
