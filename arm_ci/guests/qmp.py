"""QEMU's machine protocol over a connected socket: commands, answers and events as JSON, one object a line.

https://www.qemu.org/docs/master/interop/qmp-spec.html
"""

from __future__ import annotations

import json
import socket
from typing import Any


class QmpError(Exception):
    """QEMU refused a command; the message is QEMU's own."""


class Lines:
    """What came over a socket, line by line; an unfinished line waits for its end, one of over 1 MB is thrown away."""

    MOST_BYTES = 1 << 20

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes end, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.MOST_BYTES:
            self._rest = b""
        return lines


class Qmp:
    """One connection. It never blocks on reading: `received` is called with what came."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = Lines()
        self._next = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        """Events that came, oldest first; whoever has seen to one removes it."""

    def received(self, data: bytes) -> None:
        """Sorts what came into answers and events; what is no JSON is left out."""
        for line in self._lines.feed(data):
            try:
                read = json.loads(line)
            except ValueError:
                continue
            if not isinstance(read, dict):
                continue
            if "event" in read:
                self.events.append(read)
            elif isinstance(read.get("id"), int):
                self._answers[read["id"]] = read

    def send(self, command: str, **arguments: Any) -> int:
        """Sends a command and gives its number. Raises OSError when QEMU is gone."""
        self._next += 1
        words = {"execute": command, "id": self._next, **({"arguments": arguments} if arguments else {})}
        self._socket.sendall(json.dumps(words).encode() + b"\n")
        return self._next

    def answer(self, number: int) -> Any:
        """What QEMU returned for the command of that number; None as long as it has not answered.

        Raises QmpError when it refused.
        """
        answer = self._answers.pop(number, None)
        if answer is None:
            return None
        if "error" in answer:
            raise QmpError(str(answer["error"].get("desc", answer["error"])))
        return answer.get("return", {})
