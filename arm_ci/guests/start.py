"""Brings a guest up to the point where its worker connects: resumed from a snapshot, else from nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arm_ci.guests import disks as disk_files
from arm_ci.guests import host, snapshot
from arm_ci.guests.directories import locked
from arm_ci.guests.emulator import Emulator
from arm_ci.guests.errors import GuestError
from arm_ci.guests.image import Image
from arm_ci.guests.machine import Channels, Disks, Machine, command
from arm_ci.guests.qmp import QmpError
from arm_ci.guests.snapshot import Snapshot

RESUME_SECONDS = 30.0
CONNECTING_SECONDS = 30.0
_ENTROPY_BYTES = 32


@dataclass(frozen=True)
class Identity:
    """Who the worker in the guest is, and its master. The password is used once."""

    name: str
    password: str
    host: str = "10.0.2.2"
    """The master as the guest sees it; 10.0.2.2 is the loopback of this machine."""
    port: int = 9989


@dataclass(frozen=True)
class Plan:
    """A guest to start."""

    image: Image
    machine: Machine
    directory: Path
    """Its run directory."""
    boot_seconds: float = 300.0
    """How long a start from nothing may take until the worker waits."""
    network: str = ""
    """More options of QEMU's user network."""
    extra: tuple[str, ...] = ()
    """More arguments for QEMU: a seed, firmware."""


@dataclass(frozen=True)
class Started:
    """How it came up."""

    emulator: Emulator
    how: str
    """`resumed` or `booted`."""
    why: str
    """Why it was not resumed; empty: it was, or its image never is."""
    made_snapshot: bool = False
    """Whether the snapshot had to be made first."""


class Starter:
    """Starts one guest. `tell` takes sentences about what happens; `listen` hears every QEMU that it starts."""

    def __init__(self, plan: Plan, tell: Callable[[str], None], listen: Callable[[Emulator], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._listen = listen
        self._program = host.require_programs(plan.image.architecture)
        self._accelerator = host.chosen_accelerator(plan.image.architecture, plan.image.machine)

    def start(self) -> Started:
        """A guest whose worker waits for its name (or that is told otherwise). Raises GuestError, OSError."""
        host.require_memory(self._plan.machine, host.meminfo())
        if not self._plan.image.resumes:
            return Started(self._booted(self._plan.directory)[0], "booted", "")
        # Two guests of one image wait for one another's snapshot.
        with locked(snapshot.lock(self._plan.image, self._key())):
            saved, why = snapshot.find(self._plan.image, self._key()), ""
            made = saved is None
            if saved is None:
                saved, why = self._saved()
        if saved is not None:
            try:
                return Started(self._resumed(saved), "resumed", "", made)
            except (GuestError, QmpError, OSError) as error:
                why = f"the snapshot could not be resumed: {error}"
                # A QEMU that somebody killed says nothing about the snapshot.
                if not getattr(error, "transient", False):
                    saved.remove()
        self._tell(f"{why}; the guest boots from nothing")
        again = self._plan.directory / "booted"
        again.mkdir()
        return Started(self._booted(again)[0], "booted", why)

    # -- from nothing -----------------------------------------------------------------------------------------

    def _booted(self, directory: Path) -> tuple[Emulator, Disks]:
        plan = self._plan
        disks = disk_files.fresh(directory, plan.image.path(plan.image.disk), plan.machine.swap_bytes)
        emulator = self._emulator(disks)
        try:
            if plan.image.handover:
                wait_for("waiting", emulator, plan.boot_seconds)
        except BaseException:
            emulator.end()
            raise
        return emulator, disks

    def _saved(self) -> tuple[Snapshot | None, str]:
        """A new snapshot; else why there is none."""
        self._tell("the guest's snapshot is made, once for this image and machine")
        directory = self._plan.directory / "saved"
        directory.mkdir()
        emulator, disks = self._booted(directory)
        with emulator:
            try:
                return snapshot.save(self._plan.image, self._key(), emulator, disks), ""
            except (GuestError, QmpError, OSError) as error:
                return None, f"no snapshot could be made: {error}"

    # -- resumed ----------------------------------------------------------------------------------------------

    def _resumed(self, saved: Snapshot) -> Emulator:
        directory = self._plan.directory / "resumed"
        directory.mkdir()
        # While QEMU reads it.
        check = _Check(saved)
        disks = disk_files.over(directory, saved.disks)
        state = os.open(saved.state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            emulator = self._emulator(disks, state)
        finally:
            os.close(state)
        try:
            self._wait_until_read(emulator)
            if fault := check.result():
                raise GuestError(fault)
            emulator.ask("cont")
        except BaseException:
            emulator.end()
            raise
        return emulator

    def _wait_until_read(self, emulator: Emulator) -> None:
        end = time.monotonic() + RESUME_SECONDS
        while (status := emulator.ask("query-status")["status"]) == "inmigrate":
            if time.monotonic() > end:
                raise GuestError(f"QEMU did not read it within {RESUME_SECONDS:g} s")
            emulator.until(lambda: False, 0.01)
        if status not in ("paused", "prelaunch", "running"):
            raise GuestError(f"QEMU is in state `{status}` after reading it")

    # -- both -------------------------------------------------------------------------------------------------

    def _emulator(self, disks: Disks, state: int | None = None) -> Emulator:
        plan = self._plan

        def words(channels: Channels) -> Sequence[str]:
            return command(
                plan.image,
                plan.machine,
                accelerated_by=self._accelerator,
                disks=disks,
                channels=channels,
                network=plan.network,
                extra=plan.extra,
                resume_from=state,
            )

        emulator = Emulator(words, () if state is None else (state,))
        try:
            self._listen(emulator)
            emulator.ask("qmp_capabilities")
        except BaseException:
            emulator.end()
            raise
        return emulator

    def _key(self) -> str:
        plan = self._plan
        nowhere = Disks(Path("root"), Path("swap") if plan.machine.swap_bytes else None)
        words = command(
            plan.image,
            plan.machine,
            accelerated_by=self._accelerator,
            disks=nowhere,
            channels=Channels(0, 0, 0),
            extra=plan.extra,
        )
        swap = str(plan.machine.swap_bytes)
        return snapshot.key(plan.image, host.version(self._program), [*words, swap])


def wait_for(state: str, emulator: Emulator, seconds: float) -> None:
    """Waits until the guest says that it is in this state. Raises GuestError when it fails, ends or says nothing."""

    def is_there() -> bool:
        return any(each.get("state") == state for each in emulator.said)

    def fault() -> str:
        for each in emulator.said:
            if each.get("state") == "failed":
                return f"the worker in the guest could not start: {each.get('why')}"
        # A machine that cannot switch itself off stays halted.
        why = emulator.console.fault()
        return f"the guest did not come up: {why}" if why else ""

    if not emulator.until(lambda: is_there() or bool(fault()), seconds):
        why = f"the guest was not `{state}` within {seconds:g} s"
        raise GuestError(why, emulator.console.tail(), transient=True)
    if why := fault():
        raise GuestError(why, emulator.console.tail())
    emulator.said.clear()


def hand_over(emulator: Emulator, identity: Identity) -> None:
    """Tells a waiting worker who it is, the time, and something random. Raises GuestError."""
    emulator.tell(
        {
            "time": time.time(),
            "entropy": os.urandom(_ENTROPY_BYTES).hex(),
            "name": identity.name,
            "password": identity.password,
            "host": identity.host,
            "port": identity.port,
        }
    )
    wait_for("connecting", emulator, CONNECTING_SECONDS)


class _Check:
    """Reads a snapshot's files beside everything else."""

    def __init__(self, saved: Snapshot) -> None:
        self._fault = ""
        self._thread = threading.Thread(target=self._run, args=(saved,), daemon=True)
        self._thread.start()

    def _run(self, saved: Snapshot) -> None:
        self._fault = saved.fault()

    def result(self) -> str:
        """What is wrong with it, when it is read to the end."""
        self._thread.join()
        return self._fault
