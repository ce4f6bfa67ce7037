# ruff: noqa: T201  (a program for a terminal)
"""Starts, builds in and throws away real guests, with faults in between, and looks what is left behind.

    PYTHONPATH=.:tests:tests/integration python tests/machines/guest_cycles.py STATE [--image NAME] [--cycles N]

STATE is a state directory with the image, which is copied. Needs root for a full disk (a small tmpfs). Prints a line
for each cycle and a table; exit status 1 when a build ended with something else than the truth, or anything was left:
processes, run directories, listening ports. A cycle takes about a minute without KVM.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import Site
from waiting import wait_for

from arm_ci.guests.image import ImageStore

VARIANT = "tiny-guest-gcc-bfd-ninja-full"
SUCCESS, FAILURE, EXCEPTION, RETRY = 0, 2, 4, 5
PROJECTS = """\
tiny:
  directory: tiny
  branches: [main]
  cmake: {targets: [all]}
  matrix: {boards: [guest], compilers: [gcc], linkers: [bfd], generators: [ninja]}
"""
BOARD = """\
guest:
  architecture: arm64
  cores: 1
  memory: 500M
  swap: 256M
  os: debian-12
  guest: {image: IMAGE}
"""
BUILD_SECONDS = 900
NOTHING = "nothing"
FAULTS = (
    NOTHING,
    "QEMU killed while it comes up",
    "QEMU killed right after the handshake",
    "QEMU killed in the build",
    "keeper killed",
    "master killed",
    "disk full",
    "image deleted",
    "snapshot corrupted",
)


class Stand:
    """A master with one guest, and ways to disturb it."""

    def __init__(self, directory: Path, image: Path) -> None:
        self.image = image
        (directory / "config").parent.mkdir(parents=True, exist_ok=True)
        self.site = Site.make(directory, PROJECTS.replace("{", "{{").replace("}", "}}"), "guest-1: {board: guest}\n")
        with (self.site.config / "boards.yaml").open("a") as boards:
            boards.write(BOARD.replace("IMAGE", image.name))
        tiny = self.site.config / "tiny"
        tiny.mkdir()
        (tiny / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.13)\nproject(tiny C CXX)\nadd_executable(tiny main.cpp)\n"
        )
        (tiny / "main.cpp").write_text("int main() { return 0; }\n")
        patches = directory / "patches"
        patches.mkdir()
        self.site.write_site(f"patches: {patches}")
        self.runs = self.site.state / "guests"
        self.restore_image()
        self.start()
        self.ports = self.listening()

    def start(self) -> None:
        done = self.site.arm_ci("start")
        assert done.returncode == 0, done.stderr

    def restore_image(self) -> None:
        place = self.site.state / "images" / self.image.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.image, place, ignore=shutil.ignore_patterns("snapshots"))

    def processes(self, what: str) -> list[int]:
        """Keepers, or QEMUs with a disk of ours."""
        found = []
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                try:
                    words = (each / "cmdline").read_bytes().decode(errors="replace")
                    ours = str(self.site.directory) in words or os.readlink(each / "cwd").startswith(
                        str(self.site.directory)
                    )
                except OSError:
                    continue
                if ours and what in words:
                    found.append(int(each.name))
        return found

    def kill(self, what: str) -> None:
        for pid in self.processes(what):
            os.kill(pid, signal.SIGKILL)

    def log(self) -> str:
        return (self.site.state / "twistd.log").read_text(errors="replace")

    def listening(self) -> int:
        """Sockets on which the master and whatever it started listen, TCP and Unix."""
        done = subprocess.run(["ss", "-ltnxpH"], capture_output=True, text=True, check=True)
        ours = {str(pid) for pid in self.processes("")}
        return sum(not ours.isdisjoint(re.findall(r"pid=(\d+)", line)) for line in done.stdout.splitlines())

    def left(self) -> list[str]:
        """What should not be there when no build runs."""
        left = [f"process {pid}" for what in ("qemu-system", "arm_ci.guests.keeper") for pid in self.processes(what)]
        left += [str(each) for each in self.runs.glob("run-*")] if self.runs.is_dir() else []
        return left

    def force(self) -> int:
        """A build request, by its id."""
        done = self.site.arm_ci("force", "--variant", VARIANT)
        assert done.returncode == 0, done.stderr
        return max(each["buildrequestid"] for each in self.site.get("buildrequests")["buildrequests"])

    def builds(self, request: int) -> list[dict[str, Any]]:
        """All builds of a request, oldest first."""
        try:
            found = self.site.get(f"builds?buildrequestid={request}&order=buildid")["builds"]
        except (urllib.error.URLError, OSError):
            return []
        return list(found)

    def ended(self, request: int) -> list[dict[str, Any]] | None:
        try:
            (asked,) = self.site.get(f"buildrequests/{request}")["buildrequests"]
        except (urllib.error.URLError, OSError):
            return None
        return self.builds(request) if asked["complete"] else None


class Cycle:
    """One request with one fault."""

    def __init__(self, stand: Stand, dice: random.Random) -> None:
        self.stand, self.dice = stand, dice

    def run(self, fault: str) -> list[dict[str, Any]]:
        """Forces a build, does the fault, and gives the request's builds when it is complete."""
        before = {"image deleted": self._delete, "snapshot corrupted": self._corrupt, "disk full": self._fill}
        if fault in before:
            before[fault]()
        mark = len(self.stand.log())
        request = self.stand.force()
        during: dict[str, Callable[[int], None]] = {
            "QEMU killed while it comes up": self._kill_early,
            "QEMU killed right after the handshake": lambda _: self._kill_at(mark, "attaching from"),
            "QEMU killed in the build": lambda _: self._kill_in_build(request),
            "keeper killed": lambda _: self._kill_in_build(request, "arm_ci.guests.keeper"),
            "master killed": lambda _: self._kill_master(request),
        }
        if fault in during:
            during[fault](request)
        try:
            return list(wait_for(lambda: self.stand.ended(request), limit_seconds=BUILD_SECONDS))
        finally:
            if fault == "image deleted":
                self.stand.restore_image()
            elif fault == "disk full":
                wait_for(lambda: not self.stand.left())
                subprocess.run(["umount", self.stand.runs], check=True)

    def _delete(self) -> None:
        ImageStore(self.stand.site.state / "images").remove(self.stand.image.name)

    def _corrupt(self) -> None:
        snapshots = self.stand.site.state / "images" / self.stand.image.name / "snapshots"
        if not list(snapshots.glob("*/state")):
            self.run(NOTHING)
        (state,) = snapshots.glob("*/state")
        with state.open("r+b") as file:
            file.seek(self.dice.randrange(state.stat().st_size))
            file.write(b"corrupted")

    def _fill(self) -> None:
        self.stand.runs.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", self.stand.runs], check=True)

    def _kill_early(self, _request: int) -> None:
        wait_for(lambda: self.stand.processes("qemu-system"))
        time.sleep(self.dice.uniform(0, 0.8))
        self.stand.kill("qemu-system")

    def _kill_at(self, mark: int, words: str) -> None:
        end = time.monotonic() + 60
        while words not in self.stand.log()[mark:] and time.monotonic() < end:
            time.sleep(0.005)
        self.stand.kill("qemu-system")

    def _kill_in_build(self, request: int, what: str = "qemu-system") -> None:
        wait_for(lambda: self.stand.builds(request))
        time.sleep(self.dice.uniform(3, 15))
        self.stand.kill(what)

    def _kill_master(self, request: int) -> None:
        wait_for(lambda: self.stand.builds(request))
        time.sleep(self.dice.uniform(0, 15))
        os.kill(int((self.stand.site.state / "twistd.pid").read_text()), signal.SIGKILL)
        wait_for(lambda: not self.stand.left())
        self.stand.start()


_KILLED = r"worker lost: .*: QEMU was killed by signal 9 \(SIGKILL\) after .*; built again, [23] of 3"
_KEEPER = r"worker lost: .*: the process that keeps the guest ended: .*; built again, [23] of 3"
EARLIER = {
    "QEMU killed while it comes up": _KILLED,
    "QEMU killed right after the handshake": _KILLED,
    "QEMU killed in the build": _KILLED,
    "keeper killed": _KEEPER,
    "master killed": r"interrupted: the master died; built again",
    "disk full": r"worker lost: .*there is no room on this machine for what it writes.*; built again, [23] of 3",
}
"""What the builds before a request's last one say, by fault; for others there is none before."""
LAST = {
    "image deleted": (EXCEPTION, r"no guest: there is no image .*"),
    "disk full": (FAILURE, r"worker-lost: .*there is no room on this machine for what it writes.*"),
}
"""How a request's last build ends, by fault; others end well."""
CAME = {
    NOTHING: r"guest resumed in .*",
    "snapshot corrupted": r"guest booted in .*, because the snapshot could not be resumed: .*",
}
"""How the last build's guest came up, by fault."""
BOOTED = r"guest booted in .*, because the snapshot could not be resumed: QEMU was killed by signal 9 \(SIGKILL\)"


def fault_in(fault: str, builds: list[dict[str, Any]], came: str) -> str:
    """What is wrong with how a request ended; empty: it is the truth. `came`: how its last guest came up."""
    *others, last = [(each["results"], each["state_string"]) for each in builds]
    results, pattern = LAST.get(fault, (SUCCESS, r".*"))
    if last[0] != results or not re.fullmatch(pattern, last[1]):
        return f"ended with {last}"
    if fault in CAME and not re.fullmatch(CAME[fault], came):
        return f"the guest came up as `{came}`"
    if not others and fault in EARLIER:
        # Killed while it resumed: the same guest then boots.
        early = fault == "QEMU killed while it comes up" and re.fullmatch(BOOTED, came)
        return "" if early else f"nothing was lost; the guest came up as `{came}`"
    for result, sentence in others:
        if result != RETRY or not re.fullmatch(EARLIER.get(fault, "nothing"), sentence):
            return f"an earlier build ended with {result}, `{sentence}`"
    return ""


def main() -> int:
    """Runs all cycles and prints what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("--image", default="debian-12-arm64")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    image = ImageStore(options.state / "images").get(options.image).directory.resolve()
    # Half of the cycles are disturbed, each fault as often as any other.
    disturbed = [FAULTS[1 + number % (len(FAULTS) - 1)] for number in range(options.cycles // 2)]
    faults = disturbed + [NOTHING] * (options.cycles - len(disturbed))
    dice.shuffle(faults)
    directory = Path(tempfile.mkdtemp(prefix="guest-cycles-"))
    stand = Stand(directory, image)
    endings: Counter[tuple[str, str]] = Counter()
    findings = []
    print(f"before: {stand.ports} listening sockets, nothing of guests: {not stand.left()}", flush=True)
    try:
        for number, fault in enumerate(faults, 1):
            began = time.monotonic()
            try:
                builds = Cycle(stand, dice).run(fault)
                came = str(stand.site.steps(builds[-1])["worker_preparation"]["state_string"])
                wrong = fault_in(fault, builds, came)
                said = builds[-1]["state_string"]
            except AssertionError as error:
                wrong, said, came, builds = str(error), "", "", []
            try:
                wait_for(lambda: not stand.left())
            except AssertionError:
                wrong += f"; left: {stand.left()}"
            endings[fault, "wrong" if wrong else "right"] += 1
            seconds = time.monotonic() - began
            print(f"{number:3} {fault}: {len(builds)} builds, {seconds:.0f} s: {came}; {said} {wrong}", flush=True)
            findings += [f"{number} {fault}: {wrong}"] if wrong else []
        after = stand.listening()
    finally:
        stand.site.arm_ci("stop")
    print("| fault | cycles | right |\n|---|---|---|")
    for fault in FAULTS:
        right, wrong_ones = endings[fault, "right"], endings[fault, "wrong"]
        print(f"| {fault} | {right + wrong_ones} | {right} |")
    print(f"listening sockets: {stand.ports} before, {after} after the last cycle; left: {stand.left() or 'nothing'}")
    for each in findings:
        print(each)
    if not findings:
        shutil.rmtree(directory)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
