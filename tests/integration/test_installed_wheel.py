"""The wheel, installed where no checkout is, runs a master from an empty directory."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packing import build_wheel, pip
from running import free_port
from waiting import limit

pytestmark = pytest.mark.integration
VARIANT = "sample-local-gcc-bfd-ninja-full"
DIALS = """\
sample:
  cmake:
    options: [-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB=100, -DHUNGRY_LINK_MB=30]
"""


@dataclass
class Installed:
    """A virtual environment with the wheel, and an empty directory."""

    environment: Path
    directory: Path

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment as a person would in that directory."""
        return subprocess.run(
            [str(self.environment / "bin" / program), *words],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory)},
            capture_output=True,
            text=True,
            timeout=limit(300),
        )

    def good(self, *words: str) -> str:
        """What a command prints that ends well."""
        done = self.run("arm-ci", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    top = tmp_path_factory.mktemp("installed")
    environment, directory = top / "environment", top / "site"
    (top / "wheel").mkdir()
    directory.mkdir()
    wheel = build_wheel(top / "wheel")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip("--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    # The packages that this test runs with, after the wheel's; what makes the checkout importable does not come along,
    # because Python reads the .pth files of an environment's own directory only.
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    made = Installed(environment, directory)
    yield made
    made.run("arm-ci", "stop")


def test_the_package_and_its_catalogue_are_those_of_the_wheel(installed: Installed) -> None:
    ask = "import arm_ci.catalogue as c; print(c.__file__); print(c.catalogue())"
    for line in installed.run("python", "-c", ask).stdout.splitlines():
        assert line.startswith(str(installed.environment))


def test_a_site_is_made_and_its_sample_is_built_from_an_empty_directory(installed: Installed) -> None:
    installed.good("init", ".")
    site = installed.directory
    text = (site / "site.yaml").read_text()
    (site / "site.yaml").write_text(text.replace("8010", str(free_port())).replace("9989", str(free_port())))
    # As it ships, the sample takes more memory than a test should.
    projects = (site / "projects.yaml").read_text()
    assert projects.endswith("\nsample:\n")
    (site / "projects.yaml").write_text(projects.replace("sample:\n", DIALS))
    assert installed.good("check").endswith(": no mistakes\n")
    assert "running: http://localhost:" in installed.good("start")
    assert (site / "state" / "buildbot.tac").is_file()
    assert f"{VARIANT}  success" in installed.good("force", "--variant", VARIANT, "--wait")
    installed.good("stop")
    assert "Traceback" not in (site / "state" / "twistd.log").read_text()


def test_a_worker_is_added_and_its_kit_is_whole(installed: Installed, tmp_path: Path) -> None:
    site = installed.directory / "site.yaml"
    site.write_text(f"{site.read_text()}tls: {{port: {free_port()}, name: ci.example.org}}\n")
    installed.good("worker", "add", "rpi4-1", "--board", "rpi4")
    kit = tmp_path / "kit.sh"
    kit.write_text(installed.good("worker", "kit", "rpi4-1"))
    assert subprocess.run(["sh", "-n", str(kit)]).returncode == 0
    assert "BEGIN CERTIFICATE" in kit.read_text()


def test_images_have_their_recipes(installed: Installed) -> None:
    assert installed.good("image", "list").startswith("no images in ")
    assert "recipe: debian-12-arm64," in " ".join(installed.good("image", "build", "--help").split())
