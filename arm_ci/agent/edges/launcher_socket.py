"""The socket of the launchers: each requests to start, gets a reply, and says how it ended.

A connection belongs to one launcher; the messages are those of launcher.py. One that just goes
was killed. Nothing that is sent can end the agent.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Tuple

from .command_line import EdgeCommand, parse_command
from .launcher import DONE, GO

_REPLY_SECONDS = 10.0
_BACKLOG = 256
_LONGEST_MESSAGE = 8 << 20
"""No command line is longer: six megabytes are the kernel's own limit (execve(2))."""
_CREDENTIALS = struct.Struct("3i")

Reply = Callable[[List[bytes]], None]
"""Sends words to a launcher, those of launcher.py."""


class LauncherListener:
    """Who decides about launchers: admission's controller. Each launcher is known by its key."""

    def request_start(self, key: int, pid: int, command: EdgeCommand, seconds: float, reply: Reply) -> None:
        """A launcher requests that its command may start."""
        raise NotImplementedError

    def ended(self, key: int, seconds: float, status: int, cpu_seconds: float, rss_bytes: int, reply: Reply) -> None:
        """Its command has ended with a status of wait(2); unless it ended well, the launcher waits for a reply."""
        raise NotImplementedError

    def gone(self, key: int, seconds: float) -> None:
        """It has gone without a word."""
        raise NotImplementedError

    def forget(self, key: int, seconds: float) -> None:
        """It could not start its command."""
        raise NotImplementedError


class _Connection:
    """A launcher, and what of its words is not whole yet."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.socket = connection
        self.pid = pid
        self._data = bytearray()

    def messages(self) -> Tuple[List[List[bytes]], bool]:
        """The whole messages that are there, and whether it has gone."""
        gone = False
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                gone = True
                break
            self._data += data
        found: List[List[bytes]] = []
        while len(self._data) >= 4:
            end = 4 + int.from_bytes(self._data[:4], "big")
            if end > _LONGEST_MESSAGE:
                return found, True
            if len(self._data) < end:
                break
            found.append(bytes(self._data[4:end]).split(b"\0"))
            del self._data[:end]
        return found, gone

    def reply(self, words: List[bytes]) -> None:
        """Sends a message, framed as the launchers' own. One that has gone is heard of elsewhere."""
        message = b"\0".join(words)
        try:
            self.socket.settimeout(_REPLY_SECONDS)
            self.socket.sendall(len(message).to_bytes(4, "big") + message)
        except OSError:
            pass
        finally:
            self.socket.setblocking(False)


@contextmanager
def _replied(connection: _Connection, reply: bytes) -> Iterator[None]:
    """After a fault of ours a launcher gets a reply all the same: it would wait for ever."""
    try:
        yield
    except Exception:
        connection.reply([reply])
        raise


class LauncherSocket:
    """The socket that launchers find by its name, and those that are connected."""

    def __init__(self, listener: LauncherListener, poll: select.poll, seconds: Callable[[], float]) -> None:
        """`seconds` is the time since the start of the command. Raises OSError."""
        self.name = "arm_ci-{}-{}".format(os.getpid(), os.urandom(8).hex())
        self._listener = listener
        self._poll = poll
        self._seconds = seconds
        self._connections: Dict[int, _Connection] = {}
        # An abstract name leaves no file behind; it is not seen from another network namespace.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._socket.bind(b"\0" + self.name.encode())
        self._socket.listen(_BACKLOG)
        poll.register(self._socket, select.POLLIN)

    def receive(self, number: int) -> None:
        """Takes what a file descriptor of ours has; any other is let alone."""
        if number == self._socket.fileno():
            self._accept()
        elif number in self._connections:
            self._take(number, self._connections[number])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # all are taken, or there is no file descriptor left: then the next time
            connection.setblocking(False)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid, user, _ = _CREDENTIALS.unpack(credentials)
            if user != os.geteuid():
                connection.close()
                continue
            number = connection.fileno()
            self._connections[number] = _Connection(connection, pid)
            self._poll.register(connection, select.POLLIN)
            self._take(number, self._connections[number])

    def _take(self, number: int, connection: _Connection) -> None:
        messages, gone = connection.messages()
        for words in messages:
            gone = not self._pass_on(number, connection, words) or gone
        if gone:
            # One that ended has said so before: this one was killed.
            self._listener.gone(number, self._seconds())
            self._poll.unregister(number)
            connection.socket.close()
            del self._connections[number]

    def _pass_on(self, key: int, connection: _Connection, words: List[bytes]) -> bool:
        """Does what a message says; False for one that no launcher sends."""
        now = self._seconds()
        if words[0] == b"begin" and len(words) > 2:
            texts = [word.decode("utf-8", "backslashreplace") for word in words[1:]]
            with _replied(connection, GO):
                self._listener.request_start(
                    key, connection.pid, parse_command(texts[1:], texts[0]), now, connection.reply
                )
        elif words[0] == b"forget":
            self._listener.forget(key, now)
        elif words[0] == b"end" and len(words) == 4:
            try:
                status, cpu_seconds, rss_bytes = int(words[1]), round(float(words[2]), 3), int(words[3])
            except ValueError:
                return False
            with _replied(connection, DONE):
                self._listener.ended(key, now, status, cpu_seconds, rss_bytes, connection.reply)
        else:
            return False
        return True
