"""Stands in for QEMU where only its manners count: its options, its QMP, its end. The guest in it is a worker of ours.

Installed as `qemu-system-aarch64` by `install`. Faults are files in the directory FAKE_QEMU_FAULTS, each named after
what is to go wrong; its content says how.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

STATE = b"the state of a fake guest\n"

WORKER = """
import sys
from twisted.application import service
from twisted.internet import reactor
from buildbot_worker.bot import Worker
import os
name, password, port = sys.stdin.readline().split()
directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
application = service.Application("worker")
worker = Worker("127.0.0.1", int(port), name, password, directory, 5)
worker.setServiceParent(application)
service.IService(application).startService()
reactor.run()
"""


def install(directory: Path, faults: Path) -> dict[str, str]:
    """Puts the stand-in into a directory, and gives the environment in which it is found first."""
    directory.mkdir(exist_ok=True)
    faults.mkdir(exist_ok=True)
    program = directory / "qemu-system-aarch64"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "FAKE_QEMU_FAULTS": str(faults)}


def end_with_parent() -> None:
    """A guest's programs are gone with its machine."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class Fake:
    def __init__(self, words: list[str]) -> None:
        options = {word: words[index + 1] for index, word in enumerate(words[:-1]) if word.startswith("-")}
        chardevs = [word for index, word in enumerate(words) if index and words[index - 1] == "-chardev"]
        descriptors = [int(each.rpartition("fd=")[2]) for each in chardevs]
        self.qmp, self.console, self.handover = (socket.socket(fileno=each) for each in descriptors)
        self.drives = [word for index, word in enumerate(words) if index and words[index - 1] == "-drive"]
        self.faults = Path(os.environ["FAKE_QEMU_FAULTS"])
        self.status = "running"
        self.incoming = options.get("-incoming", "")
        self.worker: subprocess.Popen[str] | None = None

    def fault(self, name: str) -> str | None:
        """What the fault's file says; None: it is not wanted."""
        file = self.faults / name
        return file.read_text().strip() if file.exists() else None

    def run(self) -> None:
        self.say(self.qmp, {"QMP": {"version": {}, "capabilities": []}})
        if self.incoming:
            self.resume()
        else:
            self.boot()
        rest = {self.qmp: b"", self.handover: b""}
        while True:
            for channel in select.select(list(rest), [], [])[0]:
                data = channel.recv(65536)
                if not data:
                    sys.exit(0)
                *lines, rest[channel] = (rest[channel] + data).split(b"\n")
                for line in lines:
                    (self.command if channel is self.qmp else self.named)(json.loads(line))

    def resume(self) -> None:
        with os.fdopen(int(self.incoming.removeprefix("fd:")), "rb") as state:
            read = state.read()
        if read != STATE:
            sys.stderr.write("qemu-system-aarch64: load of migration failed: Invalid argument\n")
            sys.exit(1)
        self.status = "paused"

    def boot(self) -> None:
        self.console.sendall(b"[    0.000000] Booting Linux\r\n")
        if (how := self.fault("flood")) is not None:
            self.console.sendall(bytes.fromhex(how) * (1 << 20))
        if (why := self.fault("panic")) is not None:
            self.console.sendall(f"[    0.5] Kernel panic - not syncing: {why}\r\n".encode())
            sys.exit(0)
        if (why := self.fault("halted")) is not None:
            self.console.sendall(f"arm_ci: {why}\r\nreboot: System halted\r\n".encode())
            return
        if (why := self.fault("no-start")) is not None:
            sys.stderr.write(f"qemu-system-aarch64: {why}\n")
            sys.exit(1)
        if (why := self.fault("failed")) is not None:
            self.say(self.handover, {"state": "failed", "why": why})
        elif self.fault("silent") is None:
            self.say(self.handover, {"state": "waiting"})

    def named(self, given: dict[str, object]) -> None:
        if self.fault("deaf-when-resumed") is not None and self.incoming:
            return
        Path(self.faults / "given").write_text(json.dumps(given))
        self.say(self.handover, {"state": "connecting"})
        self.console.sendall(b"the worker connects\r\n")
        if self.fault("no-worker") is not None:
            return
        directory = Path(self.drives[0].split(",")[0].removeprefix("file=")).parent / "worker"
        words = [sys.executable, "-c", WORKER, str(directory)]
        self.worker = subprocess.Popen(words, stdin=subprocess.PIPE, text=True, preexec_fn=end_with_parent)
        assert self.worker.stdin is not None
        self.worker.stdin.write(f"{given['name']} {given['password']} {given['port']}\n")
        self.worker.stdin.close()

    def command(self, asked: dict[str, object]) -> None:
        name, answer = asked["execute"], {}
        if name == "query-status":
            answer = {"status": self.status}
        elif name == "cont":
            self.status = "running"
        elif name == "migrate":
            if (why := self.fault("no-save")) is not None:
                self.say(self.qmp, {"error": {"class": "GenericError", "desc": why}, "id": asked["id"]})
                return
            where = shlex.split(asked["arguments"]["uri"].partition(">")[2])[0]  # type: ignore[index]
            Path(where).write_bytes(STATE)
        elif name == "query-migrate":
            answer = {"status": "completed"}
        self.say(self.qmp, {"return": answer, "id": asked["id"]})
        if name == "quit":
            if self.fault("stays") is None:
                sys.exit(0)
            time.sleep(1000)

    @staticmethod
    def say(channel: socket.socket, message: dict[str, object]) -> None:
        channel.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    if "--version" in sys.argv:
        sys.stdout.write("QEMU emulator version 0.0 (fake)\n")
    else:
        Fake(sys.argv[1:]).run()
