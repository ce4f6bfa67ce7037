"""An image that was made here for real: a worker waits in it, is told its name, and builds. See guest_images.py."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bare_guest import bare_guest
from guest_images import kept_images, made_image, served_sample
from running import PROJECTS, Site
from waiting import wait_for

from arm_ci.guests.image import Image

pytestmark = [pytest.mark.integration, pytest.mark.guest]

NAME = "guest-1"
VARIANT = "sample-rpi4-gcc-bfd-ninja-full"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return made_image("debian-12-arm64", kept_images(tmp_path_factory.mktemp("images")))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_sample(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, repository: str) -> Iterator[Site]:
    projects = PROJECTS.replace("boards: [local]", "boards: [rpi4]")
    projects = projects.replace("directory: {sample}", f"repository: {repository}")
    site = Site.make(tmp_path_factory.mktemp("site"), projects, f"{NAME}: {{board: rpi4, owner: nobody}}\n")
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def password(site: Site) -> str:
    return (site.state / "secrets" / f"worker-{NAME}").read_text().strip()


def test_it_builds_for_a_master_as_an_unprivileged_user_with_a_cgroup_of_its_own(
    image: Image, site: Site, tmp_path: Path
) -> None:
    with bare_guest(image, tmp_path / "guest", cores=2, swap_mb=512) as guest:
        assert guest.hear() == {"state": "waiting"}
        guest.tell_its_name(NAME, password(site), site.worker_port)
        assert guest.hear() == {"state": "connecting"}
        wait_for(lambda: site.get(f"workers?name={NAME}")["workers"][0]["connected_to"])
        done = site.arm_ci("force", "--variant", VARIANT, "--wait", timeout=1500)
        assert done.returncode == 0, done.stdout + done.stderr + guest.console()[-4000:]
        build = site.last_build(VARIANT)
        report = site.log(site.steps(build)["check-worker"], "stdio")
        assert "builder" in report
        assert password(site) not in guest.console()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"password": "wrong"}, "the master refuses this name and password"),
        ({"port": "x"}, "the host's answer has no `port`: a number was expected"),
        ({"entropy": "x"}, "the host's `entropy` is not in hexadecimal digits"),
    ],
)
def test_a_guest_that_cannot_connect_says_why_and_switches_itself_off(image, site, tmp_path, wrong, why) -> None:
    with bare_guest(image, tmp_path / "guest") as guest:
        assert guest.hear() == {"state": "waiting"}
        said = {"name": NAME, "password": password(site), "port": site.worker_port, **wrong}
        guest.tell_its_name(**said)
        heard = guest.hear()
        if heard == {"state": "connecting"}:
            heard = guest.hear()
        assert heard == {"state": "failed", "why": why}
        assert guest.how_it_ended() == "the guest powered itself off"


def test_an_image_made_by_an_ordinary_user_belongs_to_that_user(image: Image) -> None:
    assert {each.stat().st_uid for each in image.directory.iterdir()} == {os.geteuid()}
    checked = subprocess.run(["qemu-img", "check", "-q", image.path(image.disk)], check=False)
    assert checked.returncode == 0
