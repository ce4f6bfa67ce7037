"""workers/first-start.sh: bootstrap.sh where it is at home, else a container of Debian; failures on the console."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from arm_ci.guests.first_start import FAILED

SCRIPT = Path(__file__).parents[2] / "workers" / "first-start.sh"


class Machine:
    """A machine that has what a test gives it; each program notes how it was called."""

    def __init__(self, directory: Path) -> None:
        self.here, self.bin, self.log = directory / "start", directory / "bin", directory / "log"
        self.here.mkdir()
        self.bin.mkdir()
        self.console = directory / "console"
        text = SCRIPT.read_text()
        assert text.count(">/dev/console") == 1
        (self.here / "first-start.sh").write_text(text.replace(">/dev/console", f">'{self.console}'"))
        for name in ("sh", "dirname"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.program(self.here / "bootstrap.sh")

    def program(self, path: Path, status: int = 0, more: str = "") -> None:
        path.write_text(f"#!/bin/sh\necho \"{path.name} $*\" >>'{self.log}'\n{more}\nexit {status}\n")
        path.chmod(0o755)

    def has(self, name: str, status: int = 0, more: str = "") -> None:
        self.program(self.bin / name, status, more)

    def start(self, *arguments: str) -> int:
        command = [str(self.bin / "sh"), str(self.here / "first-start.sh"), *arguments]
        return subprocess.run(command, env={"PATH": str(self.bin)}, check=False).returncode

    def calls(self) -> list[str]:
        return [re.sub(r"\s+", " ", each) for each in re.split(r"\n(?=\w+(?:\.sh)? )", self.log.read_text().strip())]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_where_there_is_apt_the_machine_itself_becomes_a_worker(machine):
    machine.has("apt-get")
    machine.has("podman")
    assert machine.start("--name", "a b") == 0
    assert machine.calls() == ["bootstrap.sh --name a b"]
    assert not machine.console.exists()


def test_a_failure_is_told_on_the_console_and_by_the_status(machine):
    machine.has("apt-get")
    machine.program(machine.here / "bootstrap.sh", status=7)
    assert machine.start() == 7
    assert machine.console.read_text() == f"{FAILED}, status 7\n"


def test_elsewhere_a_container_of_debian_does(machine):
    machine.has("podman")
    assert machine.start("--name", "x") == 0
    here = machine.here
    assert machine.calls() == [
        "podman rm --force --ignore arm-ci-setup arm-ci-worker",
        f"podman run --name arm-ci-setup --network host --privileged --volume {here}:{here}:ro "
        "docker.io/library/debian:12 sh -c apt-get -qq update && apt-get -qq -y install --no-install-recommends "
        f'systemd-sysv >/dev/null && exec sh "$0" "$@" {here}/bootstrap.sh --name x',
        "podman commit --quiet arm-ci-setup arm-ci-worker",
        "podman rm arm-ci-setup",
        "podman run --detach --name arm-ci-worker --network host --privileged --systemd always "
        "arm-ci-worker /sbin/init",
    ]


def test_podman_is_installed_where_it_is_missing(machine):
    machine.has("dnf", more=f"{shutil.which('ln')} -s '{machine.bin}/dnf' '{machine.bin}/podman'")
    assert machine.start() == 0
    assert machine.calls()[0] == "dnf -q -y install podman"


def test_a_container_that_cannot_be_made_is_a_failure(machine):
    machine.has("podman", more='case "$*" in "run --name arm-ci-setup"*) exit 125;; esac')
    assert machine.start() == 125
    assert [each.split()[1] for each in machine.calls()] == ["rm", "run"]
    assert machine.console.read_text() == f"{FAILED}, status 125\n"


def test_shellcheck_finds_nothing():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not here: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", "-s", "sh", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout == ""
