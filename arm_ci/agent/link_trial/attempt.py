"""Runs one link under the agent, in a process of its own, and stops it at a time limit.

The agent looks at a build as seldom as costs nothing. A trial is there to measure, and a link may be short: this looks
more often.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import sys
import time
from typing import Callable, NamedTuple, NoReturn, Optional, Sequence, Tuple

from ..edges.link_command import LinkError
from ..journal import JOURNAL, report_of_journal
from ..machine.child_process import end_with_the_agent
from ..machine.process_tree import ProcessTree, held
from ..report import Report, ReportError
from ..run import Options, main

_LOG_BYTES = 16384
_LOOK_SECONDS = 0.03
# A look may cost this part of the time, at most.
_LOOK_SHARE = 1 / 20
# The agent gives what it stops some seconds to end; then it is killed itself.
_GRACE_SECONDS = 20.0


class Conditions(NamedTuple):
    """What a link may have."""

    seconds: float
    memory_bytes: Optional[int] = None
    """None: no other limit than there is anyway; so with the rest."""
    swap_bytes: Optional[int] = None
    rlimit_as_bytes: Optional[int] = None
    rlimit_data_bytes: Optional[int] = None
    rlimit_fsize_bytes: Optional[int] = None


class TrialPeaks(NamedTuple):
    """The most that the command's processes held, as often as it was looked."""

    anonymous_swap_bytes: int = 0
    """Of all together."""
    swap_bytes: int = 0
    virtual_bytes: int = 0
    """Of the largest."""

    def and_now(self, pid: int) -> TrialPeaks:
        """With what is held now by all that the children of a process started; those only wait."""
        tree = ProcessTree()
        pids = [below for child in tree.children(pid) for below in tree.below(child)]
        found = [each for each in map(held, pids) if each is not None]
        return TrialPeaks(
            max(self.anonymous_swap_bytes, sum(each.anonymous_bytes + each.swap_bytes for each in found)),
            max(self.swap_bytes, sum(each.swap_bytes for each in found)),
            max([self.virtual_bytes, *(each.virtual_bytes for each in found)]),
        )


class Ran(NamedTuple):
    """What came of it."""

    report: Report
    log: str
    """The last of what it wrote."""
    too_slow: bool
    peaks: TrialPeaks


def repeat(argv: Sequence[str], directory: str, place: str, conditions: Conditions, stop: Callable[[], bool]) -> Ran:
    """Runs a command under the agent, whose files go to `place`; `stop` is asked several times a second.

    Raises LinkError where the agent cannot watch it, or cannot set its limits.
    """
    path = os.path.join(place, "report.json")
    for old in (path, path + JOURNAL):
        if os.path.exists(old):
            os.unlink(old)
    reading, writing = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child(argv, directory, path, conditions, writing)
    os.close(writing)
    try:
        log, too_slow, peaks = _wait(pid, reading, conditions.seconds, stop)
    finally:
        os.close(reading)
    try:
        report = report_of_journal(path + JOURNAL)
    except (OSError, ReportError):
        raise LinkError((log.strip().splitlines() or ["the agent could not begin"])[-1]) from None
    return Ran(report, log, too_slow, peaks)


def _child(argv: Sequence[str], directory: str, report: str, conditions: Conditions, writing: int) -> NoReturn:
    """The agent, in the process that was just made; never returns."""
    status = 1
    try:
        end_with_the_agent()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace")
        os.chdir(directory)
        _lower_limits(conditions)
        name, program = os.path.basename(argv[0]), argv[0]
        if os.path.isabs(program) and shutil.which(name) != program:
            # The agent stands before what is found in PATH.
            os.environ["PATH"] = "{}:{}".format(os.path.dirname(program), os.environ.get("PATH", os.defpath))
        status = main(Options((name, *argv[1:]), report, conditions.memory_bytes, conditions.swap_bytes))
    except Exception as error:  # noqa: BLE001  (whatever it is, the parent is to hear it and goes on)
        os.write(2, "{}\n".format(error).encode("utf-8", "backslashreplace"))
    finally:
        sys.stderr.flush()
        os._exit(status)


def _lower_limits(conditions: Conditions) -> None:
    """The build's resource limits, where ours are higher (setrlimit(2))."""
    for which, wanted in (
        (resource.RLIMIT_AS, conditions.rlimit_as_bytes),
        (resource.RLIMIT_DATA, conditions.rlimit_data_bytes),
        (resource.RLIMIT_FSIZE, conditions.rlimit_fsize_bytes),
    ):
        soft, hard = resource.getrlimit(which)
        if wanted is not None and (soft == resource.RLIM_INFINITY or wanted < soft):
            resource.setrlimit(which, (wanted, hard))


def _wait(pid: int, reading: int, seconds: float, stop: Callable[[], bool]) -> Tuple[str, bool, TrialPeaks]:
    """Takes what a process writes until it ends, and looks at it; ends it when it is too slow or when asked to."""
    log = b""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    has_ended = False
    peaks = TrialPeaks()
    next_look = 0.0
    end = _End(pid, time.monotonic() + seconds)
    while True:
        if poll.poll(0 if has_ended else _LOOK_SECONDS * 1000):
            data = os.read(reading, 65536)
            log = (log + data)[-_LOG_BYTES:]
            if not data:
                poll.unregister(reading)
        elif has_ended:
            return log.decode("utf-8", "replace"), end.is_too_slow, peaks
        if has_ended:
            continue
        has_ended = os.waitpid(pid, os.WNOHANG)[0] != 0
        now = time.monotonic()
        if now >= next_look and not has_ended:
            peaks = peaks.and_now(pid)
            next_look = now + max(_LOOK_SECONDS, (time.monotonic() - now) / _LOOK_SHARE)
        end.decide(now, stop(), has_ended)


class _End:
    """Ends an attempt that is too slow, or when asked to."""

    def __init__(self, pid: int, limit: float) -> None:
        """`limit`: when it is too slow, by the monotonic clock."""
        self._pid = pid
        self._limit = limit
        self._began: Optional[float] = None
        self._told = 0.0
        self.is_too_slow = False

    def decide(self, now: float, is_wanted: bool, has_ended: bool) -> None:
        """Sends a signal where that is due; `is_wanted`: somebody wants it to end."""
        self.is_too_slow = self.is_too_slow or now > self._limit
        if self._began is None and (self.is_too_slow or is_wanted):
            self._began = now
        if self._began is None or has_ended or now <= self._told + 1.0:
            return
        # Again and again: it may not have been ready for the first.
        self._told = now
        os.kill(self._pid, signal.SIGKILL if now > self._began + _GRACE_SECONDS else signal.SIGTERM)
