"""One running QEMU with its channels: started, listened to, ended. Nothing of it outlives the process that owns it."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from arm_ci.guests.console import Console
from arm_ci.guests.errors import GuestError
from arm_ci.guests.machine import Channels
from arm_ci.guests.qmp import Lines, Qmp

_CHUNK = 1 << 16
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)
END_SECONDS = 10.0


def _end_with_parent() -> None:
    """Runs in QEMU's process before it is QEMU: the kernel kills it when ours is gone, however that went."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Emulator:
    """QEMU, from its start to its end; a context. Everything waits in `until`."""

    def __init__(self, command: Callable[[Channels], Sequence[str]], files: Sequence[int] = ()) -> None:
        """Starts QEMU with the command that `command` makes for its channels; it inherits `files` as well.

        Raises GuestError when it cannot be started.
        """
        self.console = Console()
        self.said: list[dict[str, Any]] = []
        """What the guest said over the handover channel, oldest first."""
        self._selector = selectors.DefaultSelector()
        self._handover_lines = Lines()
        self._listeners: dict[int, Callable[[bytes], None]] = {}
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as QEMU)
        qmp, qmp_theirs = socket.socketpair()
        console, console_theirs = socket.socketpair()
        handover, handover_theirs = socket.socketpair()
        theirs = [each.fileno() for each in (qmp_theirs, console_theirs, handover_theirs)]
        words = command(Channels(*theirs))
        try:
            self._process = subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=[*theirs, *files],
                preexec_fn=_end_with_parent,
            )
        except OSError as error:
            for each in (qmp, console, handover):
                each.close()
            self._selector.close()
            self._errors.close()
            raise GuestError(f"{words[0]} cannot be started: {error}") from error
        finally:
            for each in (qmp_theirs, console_theirs, handover_theirs):
                each.close()
        self._sockets = (qmp, console, handover)
        self._handover = handover
        self.qmp = Qmp(qmp)
        self._listen(qmp, self.qmp.received)
        self._listen(console, self.console.feed)
        self._listen(handover, self._heard)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._selector.register(self._pidfd, selectors.EVENT_READ)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        return self._process.pid

    # -- listening --------------------------------------------------------------------------------------------

    def _listen(self, channel: socket.socket, receive: Callable[[bytes], None]) -> None:
        self.listen(channel.fileno(), receive)

    def listen(self, descriptor: int, receive: Callable[[bytes], None]) -> None:
        """Has `receive` called with what comes on this file descriptor while anything waits; b"": it has ended."""
        self._listeners[descriptor] = receive
        self._selector.register(descriptor, selectors.EVENT_READ)

    def _heard(self, data: bytes) -> None:
        for line in self._handover_lines.feed(data):
            try:
                read = json.loads(line)
            except ValueError:
                continue
            if isinstance(read, dict):
                self.said.append(read)

    def until(self, done: Callable[[], bool], seconds: float | None) -> bool:
        """Waits until `done` is true; False: it was not within these seconds.

        Raises GuestError when QEMU ends first, and whatever a listener raises.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while not done():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            if self._turn(left):
                if done():
                    return True
                cause = self._why_it_ended()
                raise GuestError(cause, self.console.tail(), transient=self._process.returncode < 0)
        return True

    def _turn(self, seconds: float | None) -> bool:
        """Takes what has come; whether QEMU has ended."""
        ended = False
        for key, _ in self._selector.select(seconds):
            if key.fd == self._pidfd:
                ended = True
                continue
            try:
                data = os.read(key.fd, _CHUNK)
            except OSError:
                data = b""
            if not data:
                self._selector.unregister(key.fd)
            self._listeners[key.fd](data)
        if ended:
            self._drain()
        return ended

    def _drain(self) -> None:
        """Takes what QEMU had still written."""
        for channel in self._sockets:
            channel.setblocking(False)
            try:
                while data := channel.recv(_CHUNK):
                    self._listeners[channel.fileno()](data)
            except OSError:
                continue

    def _why_it_ended(self) -> str:
        status = self._process.wait()
        if panic := self.console.panic():
            return f"the guest's kernel panicked: {panic}"
        if fault := self.console.fault():
            return f"the guest did not come up: {fault}"
        if status < 0:
            return f"QEMU was killed by signal {-status} ({signal.Signals(-status).name})"
        said = self.errors()
        if status:
            return f"QEMU ended with status {status}{f': {said}' if said else ''}"
        return "the guest powered itself off"

    def errors(self) -> str:
        """The last line that QEMU wrote itself."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    # -- talking ----------------------------------------------------------------------------------------------

    def ask(self, command: str, seconds: float = 20.0, **arguments: Any) -> Any:
        """QEMU's answer to a command. Raises GuestError when it ends or does not answer, QmpError when it refuses."""
        try:
            number = self.qmp.send(command, **arguments)
        except OSError:
            number = -1
        answers: list[Any] = []

        def answered() -> bool:
            answer = self.qmp.answer(number)
            if answer is not None:
                answers.append(answer)
            return bool(answers)

        if not self.until(answered, seconds):
            raise GuestError(f"QEMU did not answer `{command}` within {seconds:g} s", self.console.tail())
        return answers[0]

    def tell(self, message: dict[str, Any]) -> None:
        """A line to the guest, over the handover channel. Raises GuestError when QEMU is gone."""
        try:
            self._handover.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise GuestError("QEMU took no message for the guest", self.console.tail()) from error

    # -- ending -----------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Ends QEMU: asked first, killed when it does not go. May be called again."""
        if self._selector.get_map() is None:
            return
        if self._process.poll() is None:
            try:
                self.qmp.send("quit")
                self._process.wait(END_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait()
        self._selector.close()
        os.close(self._pidfd)
        for channel in self._sockets:
            channel.close()
        self._errors.close()
