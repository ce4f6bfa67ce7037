"""The process that keeps one guest: it owns QEMU and the run directory, and takes both along when it ends.

Started by the latent worker with `python -m arm_ci.guests.keeper`. On standard input it gets a request, one line of
JSON (the password is in no argument and no environment), and then commands, a line each: `{"do": "stop"}` and
`{"do": "console"}`. On standard output it tells events, a line of JSON each: `tell` (a sentence), `connecting` (the
worker was told its name), `console`, and last `ended` with the cause, which is empty when it was asked to stop.

Whatever happens, nothing stays: when the master dies standard input ends; when the keeper is killed the kernel kills
QEMU, whose run directory the next keeper removes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from arm_ci.guests.directories import RUN, private_directory
from arm_ci.guests.emulator import Emulator
from arm_ci.guests.errors import GuestError, ImageError
from arm_ci.guests.image import Image, ImageStore
from arm_ci.guests.machine import Machine
from arm_ci.guests.qmp import Lines, QmpError
from arm_ci.guests.start import Identity, Plan, Starter, hand_over

_INPUT = 0
_SWAP_DEVICE = "/dev/disk/by-id/virtio-swap"
CONNECT_SECONDS = 60.0
"""How long a worker that waited may take to connect."""


@dataclass(frozen=True)
class Request:
    """What the keeper is asked for, as it comes over standard input."""

    images: str
    """The image store's directory."""
    image: str
    machine: str
    """QEMU's machine, as the board's entry has it."""
    runs: str
    """Where run directories are made."""
    cpus: int
    memory_bytes: int
    swap_bytes: int
    cpu: str
    boot_seconds: float
    name: str
    password: str
    host: str
    port: int
    network: str = ""


class _AskedToStopError(Exception):
    """The master wants the guest to end, or is gone."""


class Keeper:
    """Keeps the guest of one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._lines = Lines()
        self._emulator: Emulator | None = None
        self._began = time.monotonic()

    def run(self) -> None:
        """Starts the guest and stays until it has ended or is to end. Raises GuestError, ImageError with the cause."""
        request = self._request
        image = ImageStore(Path(request.images)).get(request.image)
        if image.machine != request.machine:
            raise GuestError(
                f"image `{image.name}` is made for QEMU's machine {image.machine}, and the board has {request.machine}"
            )
        machine = Machine(request.cpus, request.memory_bytes, request.swap_bytes, request.cpu)
        with private_directory(Path(request.runs), RUN) as directory:
            extra = _seed(image, directory, request)
            plan = Plan(image, machine, directory, request.boot_seconds, request.network, extra)
            started = Starter(plan, lambda sentence: _say("tell", text=sentence), self._listen).start()
            with started.emulator as emulator:
                if image.handover:
                    hand_over(emulator, Identity(request.name, request.password, request.host, request.port))
                seconds = round(time.monotonic() - self._began, 3)
                patience = CONNECT_SECONDS if image.handover else request.boot_seconds
                how = {"how": started.how, "why": started.why, "made_snapshot": started.made_snapshot}
                _say("connecting", **how, seconds=seconds, patience=patience)
                self._stay(emulator, sets_itself_up=not image.handover)

    @staticmethod
    def _stay(emulator: Emulator, sets_itself_up: bool) -> None:
        def could_not() -> str:
            return emulator.console.fault() if sets_itself_up else ""

        while emulator.until(lambda: bool(emulator.qmp.events or could_not()), None):
            if could_not():
                raise GuestError(f"the guest did not come up: {could_not()}")
            event = emulator.qmp.events.pop(0)
            if event["event"] == "BLOCK_IO_ERROR" and event.get("data", {}).get("action") == "stop":
                why = "there is no room on this machine for what it writes"
                reason = event["data"].get("reason", "")
                raise GuestError(f"the guest's disk failed: {why if event['data'].get('nospace') else reason}")

    def _listen(self, emulator: Emulator) -> None:
        self._emulator = emulator
        emulator.listen(_INPUT, self._commanded)

    def _commanded(self, data: bytes) -> None:
        if not data:
            raise _AskedToStopError
        for line in self._lines.feed(data):
            what = json.loads(line).get("do")
            if what == "stop":
                raise _AskedToStopError
            if what == "console":
                _say("console", text=self.console())

    def console(self) -> str:
        """What the guest wrote so far."""
        return self._emulator.console.text() if self._emulator is not None else ""


def _seed(image: Image, directory: Path, request: Request) -> tuple[str, ...]:
    """What an imported image is told from outside; ours asks over the handover channel."""
    if image.origin == "recipe":
        return ()
    # Imported late: most guests come from our own images.
    from arm_ci.catalogue import catalogue
    from arm_ci.guests.first_start import FirstStart, read_scripts
    from arm_ci.guests.seed import seed

    start = FirstStart(
        worker=request.name,
        password=request.password,
        scripts=read_scripts(catalogue() / "workers"),
        master=f"{request.host}:{request.port}",
        swap_device=_SWAP_DEVICE if request.swap_bytes else "",
    )
    return tuple(seed(image, directory, start))


def _say(event: str, **more: Any) -> None:
    try:
        sys.stdout.buffer.write(json.dumps({"event": event, **more}, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        # The master is gone; standard input says so too.
        pass


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _AskedToStopError


def _request() -> Request | None:
    """The first line of standard input, read without taking more; None: the master is gone."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_INPUT, 1)
        if not byte:
            return None
        line += byte
    return Request(**json.loads(line))


def main() -> None:
    """Runs a keeper."""
    # What interrupts the master's terminal is the master's to pass on.
    os.setsid()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    request = _request()
    if request is None:
        return
    keeper, cause, transient = Keeper(request), "", False
    try:
        keeper.run()
    except _AskedToStopError:
        pass
    except ImageError as error:
        cause = str(error)
    except GuestError as error:
        cause, transient = str(error), error.transient
    except (OSError, QmpError) as error:
        cause = f"the guest could not be kept: {error}"
    _say("ended", cause=cause, console=keeper.console(), transient=transient)


if __name__ == "__main__":
    main()
