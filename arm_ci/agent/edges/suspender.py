"""Suspends the processes of an edge and resumes them, also when the agent is killed in between.

A suspended compiler holds the build's pipes open for ever, and nobody but the agent knows of it. So a process of its
own hears of everything that is suspended, and resumes it when the agent is gone.
"""

from __future__ import annotations

import os
import signal
import struct
from typing import Dict, List, Optional, Set

from ..machine.process_tree import ProcessTree

_WORD = struct.Struct("=iq")
_SUSPENDED = 1
_RESUMED = 0


class Suspender:
    """Suspends and resumes everything below a launcher."""

    def __init__(self) -> None:
        self._suspended: Dict[int, List[int]] = {}
        self._guard: Optional[int] = None

    def suspend(self, launcher: int) -> bool:
        """Suspends what a launcher started, but not itself; False when that cannot be done safely or it has nothing."""
        if not self._have_guard():
            return False
        pids = ProcessTree().below(launcher)
        suspended = [pid for pid in pids if self._tell(_SUSPENDED, pid) and _send(pid, signal.SIGSTOP)]
        self._suspended[launcher] = suspended
        return bool(suspended)

    def resume(self, launcher: int) -> None:
        """Resumes it, the children first."""
        for pid in reversed(self._suspended.pop(launcher, [])):
            _send(pid, signal.SIGCONT)
            self._tell(_RESUMED, pid)

    def close(self) -> None:
        """Resumes everything, and ends the guard."""
        for launcher in list(self._suspended):
            self.resume(launcher)
        if self._guard is not None:
            os.close(self._guard)
            self._guard = None

    def _tell(self, what: int, pid: int) -> bool:
        try:
            os.write(self._guard or -1, _WORD.pack(what, pid))
        except OSError:
            return False
        return True

    def _have_guard(self) -> bool:
        if self._guard is None:
            self._guard = _start_guard()
        return self._guard is not None


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def _start_guard() -> Optional[int]:
    """Starts the guard; what is written to this file descriptor it hears. None where there is no room for it."""
    try:
        reading, writing = os.pipe2(os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None
    if pid == 0:
        try:
            # Not our child: those are the build's.
            if os.fork() == 0:
                _guard(reading)
        finally:
            os._exit(0)
    os.close(reading)
    os.waitpid(pid, 0)
    return writing


def _guard(reading: int) -> None:
    # It is to outlive everything that may end the agent, and to hold nothing of its open.
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    pipe = os.dup2(reading, 0)
    os.closerange(1, 4096)
    suspended: Set[int] = set()
    data = b""
    while True:
        part = os.read(pipe, 4096)
        if not part:
            break
        data += part
        while len(data) >= _WORD.size:
            what, pid = _WORD.unpack(data[: _WORD.size])
            data = data[_WORD.size :]
            (suspended.add if what == _SUSPENDED else suspended.discard)(pid)
    for pid in suspended:
        _send(pid, signal.SIGCONT)
