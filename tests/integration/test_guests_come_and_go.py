"""Builds whose worker is a guest: a real master, keeper and worker, with a stand-in for QEMU (fake_qemu.py).

The stand-in's guest is this machine, which is no ARM board: a build ends in its first step, and says so.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import fake_qemu
import pytest
from running import Site
from waiting import limit, wait_for

from arm_ci.guests.image import Image, ImageStore

pytestmark = pytest.mark.integration

VARIANT = "sample-small-gcc-bfd-ninja-full"
OTHER = "sample-wide-gcc-bfd-ninja-full"
SUCCESS, FAILURE, EXCEPTION, RETRY, CANCELLED = 0, 2, 4, 5, 6
PROJECTS = """\
sample:
  directory: {sample}
  branches: [main]
  memory: 0
  cmake: {{targets: [all], tests: []}}
  matrix:
    boards: [small, wide]
    compilers: [gcc]
    linkers: [bfd]
    generators: [ninja]
    debug_info: [full]
    include: []
    exclude: []
    tiers: {{commit: [], nightly: []}}
"""
BOARDS = """\
small:
  architecture: arm64
  cores: 1
  memory: 128M
  swap: 64M
  os: debian-12
  guest: {image: one, boot: 20s}
wide:
  architecture: arm64
  cores: 8
  memory: 128M
  os: debian-12
  guest: {image: one, boot: 20s}
"""
NO_ARM = re.compile(r"failed check-worker: .*")


class Stand:
    """A running master with two boards that are guests, and the stand-in for QEMU."""

    def __init__(self, directory: Path) -> None:
        self.faults = directory / "faults"
        self.environment = fake_qemu.install(directory / "bin", self.faults)
        self.site = Site.make(directory, PROJECTS, "guest-1: {board: small}\nguest-2: {board: wide}\n")
        with (self.site.config / "boards.yaml").open("a") as boards:
            boards.write(BOARDS.replace("boot: 20s", f"boot: {int(limit(20))}s"))
        self.make_image()

    def make_image(self) -> None:
        store = ImageStore(self.site.state / "images")
        with store.making() as half:
            place = half / "image"
            place.mkdir()
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", place / "disk.qcow2", "64M"], check=True)
            store.publish(Image(place, "one", "0" * 64, "arm64"))

    def arm_ci(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "arm_ci", *words, "--site", str(self.site.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit(120), env=self.environment)

    def force(self, variant: str = VARIANT, *words: str) -> dict:
        """A build from its beginning to its end."""
        done = self.arm_ci("force", "--variant", variant, "--wait", *words)
        assert "Traceback" not in done.stderr, done.stderr
        return self.site.last_build(variant)

    def preparation(self, build: dict) -> dict:
        """The step that shows the guest."""
        return self.site.steps(build)["worker_preparation"]

    def running(self) -> list[int]:
        """Keepers and QEMUs."""
        found = []
        for each in Path("/proc").iterdir():
            try:
                words = (each / "cmdline").read_bytes()
                environment = (each / "environ").read_bytes()
            except (OSError, NotADirectoryError):
                continue
            if str(self.faults).encode() in environment and (b"keeper" in words or b"fake_qemu" in words):
                found.append(int(each.name))
        return found

    def emulator(self) -> int:
        """The one QEMU that has a disk of a run."""
        return next(pid for pid in self.running() if b"run-" in Path(f"/proc/{pid}/cmdline").read_bytes())

    def nothing_left(self) -> bool:
        return not self.running() and not list((self.site.state / "guests").glob("run-*"))


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    stand = Stand(tmp_path_factory.mktemp("site"))
    started = stand.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield stand
    stand.arm_ci("stop")


@pytest.fixture(autouse=True)
def no_fault_stays(stand):
    yield
    for fault in stand.faults.iterdir():
        fault.unlink()
    wait_for(stand.nothing_left)


def test_a_build_starts_a_guest_and_throws_it_away(stand) -> None:
    build = stand.force()
    assert build["results"] == FAILURE
    assert NO_ARM.fullmatch(build["state_string"]), build["state_string"]
    step = stand.preparation(build)
    assert re.fullmatch(r"guest resumed in \d+\.\d s, its snapshot made first", step["state_string"])
    again = stand.preparation(stand.force())
    assert re.fullmatch(r"guest resumed in \d+\.\d s", again["state_string"])
    assert stand.site.log(step, "console") == "the worker connects\n"
    wait_for(stand.nothing_left)


def test_the_password_is_of_one_build_and_nowhere_written(stand) -> None:
    stand.force()
    first = (stand.faults / "given").read_text()
    stand.force()
    second = (stand.faults / "given").read_text()
    passwords = [re.search(r'"password": "([^"]+)"', each)[1] for each in (first, second)]
    assert passwords[0] != passwords[1]
    written = stand.site.everything_written()
    assert not any(each in written for each in passwords)


@pytest.mark.parametrize(
    ("fault", "how", "cause"),
    [
        ("panic", "no init found", "the guest's kernel panicked: no init found"),
        ("failed", "no twisted", "the worker in the guest could not start: no twisted"),
    ],
)
def test_a_guest_that_does_not_come_up_is_the_builds_sentence_and_its_console_is_shown(
    stand, fault, how, cause
) -> None:
    (stand.faults / fault).write_text(how)
    remove_snapshots(stand)
    build = stand.force()
    assert (build["results"], build["state_string"]) == (EXCEPTION, f"no guest: {cause}")
    step = stand.preparation(build)
    assert (step["results"], step["state_string"]) == (EXCEPTION, cause)
    assert "Booting Linux" in stand.site.log(step, "console")


def test_an_image_that_is_gone_is_named_and_the_next_build_finds_the_new_one(stand) -> None:
    ImageStore(stand.site.state / "images").remove("one")
    build = stand.force()
    assert build["state_string"] == "no guest: there is no image `one`: make it with `arm-ci image build one`"
    stand.make_image()
    assert NO_ARM.fullmatch(stand.force()["state_string"])


def test_a_snapshot_that_cannot_be_resumed_is_said_beside_the_build(stand) -> None:
    stand.force()
    for state in (stand.site.state / "images" / "one" / "snapshots").glob("*/state"):
        state.write_bytes(b"?")
    build = stand.force()
    assert re.fullmatch(
        r"guest booted in \d+\.\d s, because the snapshot could not be resumed: .*",
        stand.preparation(build)["state_string"],
    )


def test_a_guest_whose_qemu_is_killed_every_time_is_a_lost_worker(stand) -> None:
    remove_snapshots(stand)
    (stand.faults / "silent").touch()
    stand.arm_ci("force", "--variant", VARIANT)
    killed = set()
    for _ in range(3):
        pid = wait_for(lambda: next((each for each in emulators(stand) if each not in killed), None))
        time.sleep(0.3)  # somewhere in its start
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    build = wait_for(lambda: ended(stand, VARIANT, "worker-lost"))
    assert re.fullmatch(
        r"worker-lost: worker `guest-1` before the first step: QEMU was killed by signal 9 \(SIGKILL\) after \d+ s; "
        "2 builds were lost before, see tries",
        build["state_string"],
    )
    assert build["results"] == FAILURE


def test_a_build_that_is_stopped_while_its_guest_boots_ends_at_once(stand) -> None:
    remove_snapshots(stand)
    (stand.faults / "silent").touch()
    stand.arm_ci("force", "--variant", VARIANT)
    wait_for(lambda: emulators(stand))
    stop(stand, stand.site.last_build(VARIANT))
    build = wait_for(lambda: ended(stand, VARIANT, ""))
    assert (build["results"], build["state_string"]) == (CANCELLED, "cancelled (enough)")


def test_guests_that_have_no_room_beside_another_wait(stand) -> None:
    remove_snapshots(stand)
    (stand.faults / "silent").touch()
    stand.arm_ci("force", "--variant", OTHER)
    wait_for(lambda: emulators(stand))
    stand.arm_ci("force", "--variant", VARIANT)
    time.sleep(2)  # nothing says that it waits
    assert len(emulators(stand)) == 1
    (stand.faults / "silent").unlink()
    stop(stand, stand.site.last_build(OTHER))
    wait_for(lambda: ended(stand, VARIANT, "failed check-worker"))


def test_a_master_that_is_killed_leaves_nothing_behind(stand) -> None:
    remove_snapshots(stand)
    (stand.faults / "silent").touch()
    stand.arm_ci("force", "--variant", VARIANT)
    wait_for(lambda: emulators(stand))
    os.kill(int((stand.site.state / "twistd.pid").read_text()), signal.SIGKILL)
    wait_for(stand.nothing_left)
    (stand.faults / "silent").unlink()
    started = stand.arm_ci("start")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: ended(stand, VARIANT, "failed check-worker"))


def emulators(stand) -> list[int]:
    return [pid for pid in stand.running() if b"run-" in cmdline(pid)]


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def ended(stand, variant: str, beginning: str) -> dict | None:
    build = stand.site.last_build(variant)
    return build if build["complete"] and build["state_string"].startswith(beginning) else None


def stop(stand, build: dict) -> None:
    """What a person does on the build's page."""
    body = json.dumps({"jsonrpc": "2.0", "method": "stop", "id": 1, "params": {"reason": "enough"}}).encode()
    address = f"{stand.site.url}api/v2/builds/{build['buildid']}"
    urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Type": "application/json"})).close()


def remove_snapshots(stand) -> None:
    shutil.rmtree(stand.site.state / "images" / "one" / "snapshots", ignore_errors=True)
