"""Starts the command: it waits until it is in its cgroup, and ends when the agent is killed."""

from __future__ import annotations

import os
import signal
from typing import Callable, Sequence, Tuple

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
# The compiler is to be killed before the worker: 1000 is the kernel's "this one first".
_OOM_SCORE = 800
_ENDS_US = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start(command: Sequence[str], own_group: bool) -> Tuple[int, Callable[[], None]]:
    """Forks; the process id, and what lets the command begin. Raises OSError."""
    ready, go = os.pipe2(os.O_CLOEXEC)
    agent = os.getpid()
    # A signal that comes now is the agent's, not that of its copy.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS_US)
    pid = os.fork()
    if pid == 0:
        os.close(go)
        for number in _ENDS_US:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _become(command, own_group, ready, agent)
    os.close(ready)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if own_group:
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass  # it has done so itself
    return pid, lambda: os.close(go)


def _become(command: Sequence[str], own_group: bool, ready: int, agent: int) -> None:
    """In the new process: takes the command's place, or ends as a shell does that cannot. Never returns."""
    status = _NOT_FOUND
    try:
        signal.set_wakeup_fd(-1)
        if own_group:
            os.setpgid(0, 0)
        end_with_the_agent()
        os.read(ready, 1)
        if os.getppid() != agent:
            return  # it was killed before it could let us go
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _raise_oom_score()
        os.execvp(command[0], list(command))
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        os.write(2, os.fsencode("{}: {}\n".format(command[0], error.strerror)))
    finally:
        os._exit(status)


def end_with_the_agent() -> None:
    """Has the kernel end this process when its parent is killed; ninja and make then end their edges."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG of linux/prctl.h
    except (ImportError, OSError, AttributeError):
        pass


def _raise_oom_score() -> None:
    try:
        with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
            if int(file.read()) < _OOM_SCORE:
                file.seek(0)
                file.write(str(_OOM_SCORE))
    except (OSError, ValueError):
        pass
