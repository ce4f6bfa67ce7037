"""The process that keeps one guest, with a stand-in for QEMU: how guests come up and go, and that nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import fake_qemu
import pytest
from waiting import limit, wait_for

from arm_ci.guests.image import Image, ImageStore
from arm_ci.guests.qmp import Lines
from arm_ci.guests.start import CONNECTING_SECONDS

pytestmark = pytest.mark.real

PASSWORD = "sesame-0815"
MIB = 1 << 20


class Stand:
    """An image, the stand-in for QEMU, and keepers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.faults = directory / "faults"
        self.environment = fake_qemu.install(directory / "bin", self.faults)
        self.images = directory / "images"
        self.runs = directory / "runs"
        self.make_image()

    def make_image(self, **more) -> None:
        store = ImageStore(self.images)
        with store.making() as half:
            place = half / "image"
            place.mkdir()
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", place / "disk.qcow2", "64M"], check=True)
            (place / "kernel").write_bytes(b"kernel")
            store.publish(Image(place, "one", "0" * 64, "arm64", kernel="kernel", append="root=/dev/vda", **more))

    def request(self, **more):
        return {
            "images": str(self.images),
            "image": "one",
            "machine": "virt",
            "runs": str(self.runs),
            "cpus": 1,
            "memory_bytes": 64 * MIB,
            "swap_bytes": 0,
            "cpu": "",
            "boot_seconds": int(limit(20)),
            "name": "guest-1",
            "password": PASSWORD,
            "host": "10.0.2.2",
            "port": 1,
            **more,
        }

    @contextmanager
    def keeper(self, **more):
        process = subprocess.Popen(
            [sys.executable, "-m", "arm_ci.guests.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        process.stdin.write(json.dumps(self.request(**more)) + "\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def left(self) -> list[str]:
        """Whatever of a run is still there."""
        processes = []
        for each in Path("/proc").iterdir():
            try:
                words = (each / "cmdline").read_bytes()
            except OSError:
                continue
            if each.name.isdigit() and str(self.runs).encode() in words:
                processes.append(words.replace(b"\0", b" ").decode())
        return processes + [str(each) for each in self.runs.glob("run-*")]

    def emulator(self) -> int:
        """The process id of the stand-in that runs."""
        for each in Path("/proc").iterdir():
            if each.name.isdigit() and b"fake_qemu" in cmdline(each) and str(self.runs).encode() in cmdline(each):
                return int(each.name)
        raise AssertionError("no QEMU runs")


def cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture()
def stand(tmp_path):
    return Stand(tmp_path)


def events(process):
    """What the keeper says, as it says it."""
    for line in process.stdout:
        yield json.loads(line)


def until(process, name):
    """The event of this name, and what came before."""
    said = []
    for event in events(process):
        said.append(event)
        if event["event"] == name:
            return event, [each.get("text") for each in said if each["event"] == "tell"]
    raise AssertionError(f"the keeper ended after {said}: {process.stderr.read()}")


def say(process, **words):
    process.stdin.write(json.dumps(words) + "\n")
    process.stdin.flush()


def gone(stand) -> None:
    wait_for(lambda: not stand.left(), "nothing is left")


def up_and_down(stand, **more):
    """One guest: how it came up, and what was told meanwhile."""
    with stand.keeper(**more) as keeper:
        came, told = until(keeper, "connecting")
        say(keeper, do="stop")
        ended, _ = until(keeper, "ended")
        assert ended["cause"] == ""
        assert keeper.wait() == 0
    gone(stand)
    return came, told


def failure(stand, **more):
    """Why a guest did not come up."""
    with stand.keeper(**more) as keeper:
        ended, _ = until(keeper, "ended")
    gone(stand)
    return ended


# -- coming up ----------------------------------------------------------------------------------------------------


def test_the_first_guest_makes_the_snapshot_and_all_are_resumed_from_it(stand) -> None:
    first, told = up_and_down(stand)
    assert first["how"] == "resumed"
    assert told == ["the guest's snapshot is made, once for this image and machine"]
    (made,) = (stand.images / "one" / "snapshots").glob("*/state")
    written = made.stat().st_mtime_ns
    second, told = up_and_down(stand)
    assert (second["how"], told, made.stat().st_mtime_ns) == ("resumed", [], written)


def test_another_machine_has_a_snapshot_of_its_own(stand) -> None:
    up_and_down(stand)
    up_and_down(stand, cpus=2)
    up_and_down(stand, swap_bytes=64 * MIB)
    up_and_down(stand, memory_bytes=80 * MIB)
    assert len(list((stand.images / "one" / "snapshots").glob("*/state"))) == 4


@pytest.mark.parametrize("file", ["state", "root.qcow2"])
def test_a_snapshot_that_is_not_what_was_saved_is_never_run(stand, file) -> None:
    up_and_down(stand)
    (place,) = (stand.images / "one" / "snapshots").glob(f"*/{file}")
    if file == "state":
        place.write_bytes(place.read_bytes().replace(b"fake", b"FAKE"))
    else:
        with place.open("r+b") as disk:
            disk.seek(-1, os.SEEK_END)
            disk.write(b"x")
    came, told = up_and_down(stand)
    assert came["how"] == "booted"
    fault = f"its file {file} is not what was saved"
    load = "QEMU ended with status 1: qemu-system-aarch64: load of migration failed: Invalid argument"
    assert came["why"] in [f"the snapshot could not be resumed: {why}" for why in (fault, load)]
    assert told == [f"{came['why']}; the guest boots from nothing"]
    assert up_and_down(stand)[0]["how"] == "resumed"


def test_a_snapshot_with_a_file_missing_is_made_again(stand) -> None:
    up_and_down(stand)
    (place,) = (stand.images / "one" / "snapshots").glob("*/root.qcow2")
    place.unlink()
    came, _ = up_and_down(stand)
    assert came["how"] == "booted"
    assert up_and_down(stand)[0]["how"] == "resumed"


def test_where_no_snapshot_can_be_made_the_guest_boots_and_says_so(stand) -> None:
    (stand.faults / "no-save").write_text("State blocked by non-migratable device 'nvme'")
    came, _ = up_and_down(stand)
    assert came["how"] == "booted"
    assert came["why"] == "no snapshot could be made: State blocked by non-migratable device 'nvme'"


def test_an_image_that_is_never_resumed_boots_without_a_word(stand) -> None:
    stand.make_image(resumes=False)
    came, told = up_and_down(stand)
    assert (came["how"], came["why"], told) == ("booted", "", [])
    assert not (stand.images / "one" / "snapshots").exists()


def test_the_worker_is_told_its_name_the_time_and_something_random(stand) -> None:
    up_and_down(stand)
    given = json.loads((stand.faults / "given").read_text())
    assert (given["name"], given["password"], given["host"], given["port"]) == ("guest-1", PASSWORD, "10.0.2.2", 1)
    assert abs(given["time"] - time.time()) < 60
    up_and_down(stand)
    assert json.loads((stand.faults / "given").read_text())["entropy"] != given["entropy"]


def test_the_password_is_in_no_command_line_and_no_environment(stand) -> None:
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        for pid in (keeper.pid, stand.emulator()):
            for name in ("cmdline", "environ"):
                assert PASSWORD.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


# -- not coming up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "how", "cause"),
    [
        ("panic", "VFS: Unable to mount root fs", "the guest's kernel panicked: VFS: Unable to mount root fs"),
        (
            "no-start",
            "unsupported machine type",
            "QEMU ended with status 1: qemu-system-aarch64: unsupported machine type",
        ),
        ("halted", "no network card", "the guest did not come up: no network card"),
        ("failed", "no module named twisted", "the worker in the guest could not start: no module named twisted"),
    ],
)
def test_what_keeps_a_guest_from_coming_up_is_named(stand, fault, how, cause) -> None:
    (stand.faults / fault).write_text(how)
    ended = failure(stand)
    assert ended["cause"] == cause
    assert not ended["transient"]
    assert "Booting Linux" in ended["console"]


def test_a_guest_that_says_nothing_has_its_time(stand) -> None:
    (stand.faults / "silent").touch()
    ended = failure(stand, boot_seconds=0.5)
    assert ended["cause"] == "the guest was not `waiting` within 0.5 s"
    assert ended["transient"]
    assert CONNECTING_SECONDS >= 10


def test_an_image_that_is_not_there_is_named_with_what_makes_it(stand) -> None:
    assert failure(stand, image="two")["cause"] == ("there is no image `two`: make it with `arm-ci image build two`")


def test_an_image_for_another_machine_is_refused(stand) -> None:
    assert failure(stand, machine="raspi3b")["cause"] == (
        "image `one` is made for QEMU's machine virt, and the board has raspi3b"
    )


def test_without_qemu_the_command_that_installs_it_is_named(stand) -> None:
    stand.environment["PATH"] = str(stand.directory)
    assert failure(stand)["cause"] == (
        "qemu-system-aarch64 is not installed: sudo apt-get install --no-install-recommends qemu-system-arm"
    )


def test_a_guest_that_this_machine_has_no_memory_for_does_not_start(stand) -> None:
    cause = failure(stand, memory_bytes=1 << 50)["cause"]
    assert cause.startswith("there is no memory for the guest: with QEMU it needs 1073741984 MB, and this machine has ")
    assert cause.endswith(" MB free")


def test_a_disk_that_cannot_be_made_is_named(stand) -> None:
    (stand.images / "one" / "disk.qcow2").write_bytes(b"no disk")
    assert failure(stand)["cause"] == (
        "the guest's disk cannot be made: Image is not in qcow2 format Could not open backing image."
    )


# -- going --------------------------------------------------------------------------------------------------------


def test_a_killed_qemu_is_named(stand) -> None:
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        os.kill(stand.emulator(), signal.SIGKILL)
        ended, _ = until(keeper, "ended")
    assert ended["cause"] == "QEMU was killed by signal 9 (SIGKILL)"
    assert ended["transient"]
    gone(stand)


def test_a_qemu_that_does_not_go_is_killed(stand, monkeypatch) -> None:
    (stand.faults / "stays").touch()
    up_and_down(stand)


def test_nothing_stays_when_the_master_is_gone(stand) -> None:
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        keeper.stdin.close()
        keeper.stdin = None
        assert keeper.wait(timeout=limit(60)) == 0
        gone(stand)


def test_nothing_stays_when_the_keeper_is_stopped(stand) -> None:
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        keeper.terminate()
        assert keeper.wait(timeout=limit(60)) == 0
    gone(stand)


def test_what_a_killed_keeper_leaves_the_next_one_removes(stand) -> None:
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        emulator = stand.emulator()
        keeper.kill()
        keeper.wait()
        wait_for(lambda: not cmdline(Path(f"/proc/{emulator}")), "the emulator has ended")
    up_and_down(stand)


def test_a_stop_while_it_boots_ends_it(stand) -> None:
    (stand.faults / "silent").touch()
    with stand.keeper() as keeper:
        until(keeper, "tell")
        say(keeper, do="stop")
        ended, _ = until(keeper, "ended")
    assert ended["cause"] == ""
    gone(stand)


def test_the_console_is_there_while_the_guest_runs(stand) -> None:
    stand.make_image(resumes=False)
    with stand.keeper() as keeper:
        until(keeper, "connecting")
        say(keeper, do="console")
        said, _ = until(keeper, "console")
    assert said["text"].startswith("[    0.000000] Booting Linux\n")


@pytest.mark.parametrize("byte", ["ff", "22", "5c", "e2"])
def test_a_flood_on_the_console_does_not_keep_the_cause_from_the_master(stand, byte) -> None:
    stand.make_image(resumes=False)
    (stand.faults / "flood").write_text(byte)
    (stand.faults / "failed").write_text("no room")
    with stand.keeper() as keeper:
        lines = Lines().feed(keeper.stdout.read().encode())
    ended = json.loads(lines[-1])
    assert (ended["event"], ended["cause"]) == ("ended", "the worker in the guest could not start: no room")
    assert max(map(len, lines)) < Lines.MOST_BYTES
