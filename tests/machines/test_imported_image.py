"""A cloud image is imported, starts through UEFI firmware, lets its key in, and becomes a worker of a real master.

ARM_CI_CLOUD_IMAGE names the image's file as a publisher has it (arm64, with cloud-init), ARM_CI_CLOUD_USER_DATA a file
of user-data in addition, where the guest needs one to reach Debian's packages and PyPI. Emulated it takes ten minutes.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import ROOT, Site, free_port
from waiting import limit, wait_for

from arm_ci.guests.first_start import DIRECTORY, FAILED, LOGIN, SECRET, FirstStart, read_scripts
from arm_ci.guests.image import Image, ImageStore
from arm_ci.guests.importing import PRIVATE_KEY
from arm_ci.guests.seed import seed

IMAGE = os.environ.get("ARM_CI_CLOUD_IMAGE", "")
USER_DATA = os.environ.get("ARM_CI_CLOUD_USER_DATA", "")
pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(not IMAGE, reason="ARM_CI_CLOUD_IMAGE names no cloud image for arm64"),
]

WORKER = "cloud-1"
LOGIN_SECONDS = 900
CONNECT_SECONDS = 2700


@dataclass
class Guest:
    """A running guest of the imported image."""

    image: Image
    directory: Path
    ssh_port: int
    process: subprocess.Popen[bytes]

    def console(self) -> str:
        return (self.directory / "console").read_text(errors="replace")

    def ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in the guest, logged in with the key that the import made."""
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
        words = ["ssh", *options.split(), "-o", "ConnectTimeout=20", "-i", str(self.image.path(PRIVATE_KEY))]
        words += ["-p", str(self.ssh_port), f"{LOGIN}@127.0.0.1", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=limit(300), stdin=subprocess.DEVNULL)

    def answer(self, command: str) -> str:
        """What a command prints, which must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{self.console()[-3000:]}"
        return done.stdout.strip()

    def alive(self) -> None:
        """Fails with the console when it cannot come to a good end any more."""
        said = self.console()
        assert self.process.poll() is None, said[-5000:]
        assert FAILED not in said, said[-5000:]


def qemu(image: Image, run: Path, port: int, start: FirstStart) -> list[str]:
    for name, backing in (("root", image.path(image.disk)), ("swap", None)):
        lower = ["-F", "qcow2", "-b", str(backing)] if backing else []
        size = [] if backing else ["1G"]
        command = ["qemu-img", "create", "-q", "-f", "qcow2", *lower, str(run / f"{name}.qcow2"), *size]
        subprocess.run(command, check=True)
    words = ["qemu-system-aarch64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    words += ["-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", "cortex-a53", "-smp", "2", "-m", "2048M"]
    words += ["-serial", f"file:{run / 'console'}", "-device", "virtio-rng-pci"]
    for name in ("root", "swap"):
        words += ["-drive", f"file={run / f'{name}.qcow2'},if=none,id={name},format=qcow2,cache=unsafe"]
        words += ["-device", f"virtio-blk-pci,drive={name},serial={name}"]
    words += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"]
    words += ["-device", "virtio-net-pci,netdev=net,romfile="]
    return [*words, *seed(image, run, start)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    made = Site.make(tmp_path_factory.mktemp("site"), workers=f"{WORKER}: {{board: rpi3-arm64}}\n")
    projects = made.config / "projects.yaml"
    projects.write_text(projects.read_text().replace("boards: [local]", "boards: [rpi3-arm64]"))
    started = made.arm_ci("start")
    assert started.returncode == 0, started.stdout + started.stderr
    yield made
    made.arm_ci("stop")


@pytest.fixture(scope="module")
def guest(site, tmp_path_factory) -> Iterator[Guest]:
    more = ["--user-data", USER_DATA] if USER_DATA else []
    done = site.arm_ci("image", "import", "cloud", IMAGE, *more, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    image = ImageStore(site.state / "images").get("cloud")
    run, port = tmp_path_factory.mktemp("run"), free_port()
    start = FirstStart(
        worker=WORKER,
        password=(site.state / "secrets" / f"worker-{WORKER}").read_text().strip(),
        scripts=read_scripts(ROOT / "workers"),
        master=f"10.0.2.2:{site.worker_port}",
        swap_device="/dev/disk/by-id/virtio-swap",
    )
    command = qemu(image, run, port, start)
    (run / "console").touch()
    (run / "command").write_text(shlex.join(command))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield Guest(image, run, port, process)
    finally:
        process.kill()
        process.wait()


def test_the_key_of_the_import_lets_in(guest):

    def logged_in() -> bool:
        guest.alive()
        return guest.ssh("true").returncode == 0

    wait_for(logged_in, limit_seconds=LOGIN_SECONDS)
    assert guest.answer("id -un; sudo -n id -un").split() == [LOGIN, "root"]
    assert guest.answer("hostname") == WORKER
    assert "10.0.2.15/24" in guest.answer("ip -o -4 address")


def test_it_becomes_a_worker_of_the_master(guest, site):

    def connected() -> object:
        guest.alive()
        (worker,) = site.get(f"workers?name={WORKER}")["workers"]
        return worker["connected_to"]

    wait_for(connected, limit_seconds=CONNECT_SECONDS)
    assert guest.answer("cloud-init status --wait").endswith("status: done")
    assert guest.answer("awk 'NR > 1 { print $2, $3 }' /proc/swaps") == "partition 1048572"
    assert guest.answer("systemctl is-active arm-ci-worker") == "active"


def test_cloud_init_in_the_guest_has_no_complaint(guest):
    assert json.loads(guest.answer("sudo cat /run/cloud-init/result.json"))["v1"]["errors"] == []
    assert guest.answer("sudo cloud-init schema --system").startswith("Valid ")


def test_the_password_is_where_only_root_and_the_worker_read_it(guest, site):
    password = (site.state / "secrets" / f"worker-{WORKER}").read_text().strip()
    assert password not in guest.console()
    assert password not in (guest.directory / "command").read_text()
    assert guest.answer(f"sudo stat -c '%a %U' {SECRET}") == "600 root"
    # The search finds what there is to find.
    assert guest.answer(f"sudo grep -cFf {SECRET} /etc/arm-ci-worker/secret") == "1"
    # Files that everybody reads, all logs, all command lines; the pattern is in a file, not on grep's own command line.
    for files in (
        "find / -xdev -type f -perm /o=r -size -64M -print0",
        "find /run /var/log -type f -perm /o=r -print0",
        "find /var/log -type f -print0",
        "find /proc -maxdepth 2 -name cmdline -print0",
    ):
        command = f"sudo sh -c '{files} 2>/dev/null | xargs -0 grep -lsFf {SECRET}'"
        found = guest.ssh(command).stdout.split()
        assert found == [], files
    assert guest.ssh(f"sudo journalctl -b --no-pager | sudo grep -cFf {SECRET}").stdout.strip() == "0"
    assert guest.answer(f"stat -c %a {DIRECTORY}").startswith("7")
