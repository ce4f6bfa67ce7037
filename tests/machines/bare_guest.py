"""A guest from an image, and the host's end of its handover channel: just what an image promises, no snapshot."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm_ci.guests import disks
from arm_ci.guests.emulator import Emulator
from arm_ci.guests.errors import GuestError
from arm_ci.guests.image import Image
from arm_ci.guests.machine import Machine, command

MIB = 1 << 20


@dataclass
class BareGuest:
    """A running guest."""

    emulator: Emulator

    def console(self) -> str:
        return self.emulator.console.text()

    def hear(self, timeout_seconds: float = 120) -> dict[str, Any]:
        """The next thing that the guest says."""
        heard = self.emulator.until(lambda: bool(self.emulator.said), timeout_seconds)
        assert heard, f"the guest said nothing more\n{self.console()[-4000:]}"
        return self.emulator.said.pop(0)

    def tell_its_name(self, name: str, password: str, port: int, **more: Any) -> None:
        """What the host says to a waiting worker."""
        said = {"time": time.time(), "entropy": os.urandom(32).hex(), "host": "10.0.2.2", "port": port}
        self.emulator.tell({**said, "name": name, "password": password, **more})

    def how_it_ended(self, timeout_seconds: float = 60) -> str:
        """Waits for its end."""
        try:
            self.emulator.until(lambda: False, timeout_seconds)
        except GuestError as error:
            return str(error)
        return "it has not ended"


@contextmanager
def bare_guest(
    image: Image, directory: Path, *, cores: int = 1, memory_mb: int = 1024, swap_mb: int = 0
) -> Iterator[BareGuest]:
    """A guest from an overlay on the image's disk; it is ended with the block, if it has not ended."""
    directory.mkdir()
    machine = Machine(cores, memory_mb * MIB, swap_mb * MIB)
    written = disks.fresh(directory, image.path(image.disk), machine.swap_bytes)
    with Emulator(
        lambda channels: command(image, machine, accelerated_by="tcg", disks=written, channels=channels)
    ) as emulator:
        emulator.ask("qmp_capabilities")
        yield BareGuest(emulator)
