"""Runs a command and watches it: edges, the machine's memory, the kernel; writes the report whatever happens."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from . import cgroup, host, masquerade
from .edges import Edges
from .journal import JOURNAL, JournalWriter, assemble
from .kernel_log import KernelLog, uptime_seconds
from .launcher import AGENT
from .process_tree import ProcessTree
from .report import Kernel, Outcome, Report, Unseen, parse_oom_records, plain
from .watching import how, limits_here
from .write import write_report

_SAMPLE_SECONDS = 1.0
_LOOK_SECONDS = 0.25
# A new edge may be a short one: it is looked at as soon as its compiler has read its sources.
_FIRST_LOOK_SECONDS = 0.06
# A look at the edges may cost this part of the time, at most: on a slow board it is taken less often.
_LOOK_SHARE = 1 / 200
_NOTE_SECONDS = 5.0
_GRACE_SECONDS = 8.0
_LONGEST_MESSAGE = 4 << 20
_BACKLOG = 256
# The compiler is to be killed before the worker: 1000 is the kernel's "this one first".
_OOM_SCORE = 800
_COULD_NOT_START = 127


class Options(NamedTuple):
    """What is asked of a run."""

    command: Tuple[str, ...]
    report: str
    """Path of the report; the journal and the masquerade directory stand beside it."""
    memory_bytes: Optional[int] = None
    """Limit of the command's cgroup."""
    swap_bytes: Optional[int] = None


class _Connection:
    """A launcher, and what it has said so far."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.socket = connection
        self.pid = pid
        self.data = b""

    def messages(self) -> Tuple[List[List[bytes]], bool]:
        """The whole messages that are there, and whether it has gone."""
        gone = False
        while True:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                gone = True
                break
            self.data += data
        found: List[List[bytes]] = []
        while len(self.data) >= 4:
            length = int.from_bytes(self.data[:4], "big")
            if length > _LONGEST_MESSAGE:
                return found, True
            if len(self.data) < 4 + length:
                break
            found.append(self.data[4 : 4 + length].split(b"\0"))
            self.data = self.data[4 + length :]
        return found, gone


class Run:
    """One watched command. Raises OSError where not even the journal can be made, CgroupError for limits."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.directory = os.getcwd()
        self._stopped = ""
        self._killing_at = 0.0
        self._next_look = self._may_look = 0.0
        self._pid = 0
        self._poll = select.poll()
        self._connections: Dict[int, _Connection] = {}
        self._started = time.monotonic()
        self._place = os.path.join(os.path.dirname(os.path.abspath(options.report)), masquerade.DIRECTORY)
        if os.path.exists(options.report):
            os.unlink(options.report)
        self._journal = JournalWriter(options.report + JOURNAL)
        self._listener = self._listen()
        self._wakeup, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._waker = waker
        self._kernel_log = KernelLog()
        self._cgroup, self._no_cgroup = cgroup.make()
        self._events: Tuple[Optional[int], Optional[int]] = (None, None)
        self._before = host.counters()
        self._pressure = host.pressure_seconds()
        self._edges = Edges(self._journal.write, self.directory)
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    # -- starting ---------------------------------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._name = "arm_ci-{}-{}".format(os.getpid(), os.urandom(8).hex())
        listener.bind(b"\0" + self._name.encode())
        listener.listen(_BACKLOG)
        return listener

    def _begin(self) -> None:
        if self._cgroup:
            self._cgroup.limit(self.options.memory_bytes, self.options.swap_bytes)
            self._events = self._cgroup.events()
        elif self.options.memory_bytes is not None:
            raise cgroup.CgroupError("a memory limit needs a cgroup of our own, and {}".format(self._no_cgroup))
        refusal = self._masquerade()
        edges = [Unseen("edges", refusal, "free disk where the worker builds")] if refusal else []
        report = Report(
            command=self.options.command,
            directory=self.directory,
            started=time.time(),
            host=host.describe(),
            limits=limits_here(self.directory, self._cgroup.found if self._cgroup else None),
            how=how(self._cgroup, self._no_cgroup, self._kernel_log, edges),
        )
        self._journal.write("begin", report.to_json())
        self._journal.write("before", {"oom_kill": self._before.get("oom_kill"), "uptime": uptime_seconds()})

    def _masquerade(self) -> str:
        """Makes the masquerade directory; why there is none, when there is none."""
        path = os.environ.get("PATH", os.defpath)
        try:
            masquerade.make(self._place, path)
        except OSError as error:
            return "{}: {}".format(error.filename, error.strerror)
        os.environ["PATH"] = "{}:{}".format(self._place, path)
        os.environ[AGENT.decode()] = self._name
        return ""

    def _start(self) -> None:
        ready, go = os.pipe2(os.O_CLOEXEC)
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(go)
                os.setpgid(0, 0)
                os.read(ready, 1)  # until we are in our cgroup
                _end_with_the_agent()
                for number in (signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                _raise_oom_score()
                os.execvp(self.options.command[0], self.options.command)
            except OSError as error:
                message = "{}: {}\n".format(self.options.command[0], error.strerror)
                os.write(2, os.fsencode(message))
            finally:
                os._exit(_COULD_NOT_START)
        os.close(ready)
        try:
            os.setpgid(self._pid, self._pid)
        except OSError:
            pass  # it has done so itself
        if self._cgroup:
            try:
                self._cgroup.take_in(self._pid)
            except OSError as error:
                self._no_cgroup = "{}: {}".format(error.filename, error.strerror)
        os.close(go)

    # -- watching ---------------------------------------------------------------------------------------------

    def execute(self) -> Outcome:
        """Runs the command to its end. Raises CgroupError before anything was started."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._begin()
        self._started = time.monotonic()
        self._start()
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        status = self._watch()
        return self._finish(status)

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 3)

    def _stop(self, number: int, _frame: Any) -> None:
        if not self._stopped:
            self._stopped = "signal {}".format(number)
            self._killing_at = time.monotonic() + _GRACE_SECONDS
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        """Everything of the command: its process group, its cgroup, and the tree below it."""
        pids = set(self._cgroup.processes()) if self._cgroup else set()
        pids.update(ProcessTree().below(self._pid))
        if number == signal.SIGTERM:
            # ninja and make end their edges themselves, and say so.
            pids = set()
        for kill, target in [(os.killpg, self._pid)] + [(os.kill, pid) for pid in pids]:
            try:
                kill(target, number)
            except OSError:
                continue

    def _watch(self) -> int:
        next_sample = self._next_look = self._started
        next_note = self._started + _NOTE_SECONDS
        while True:
            now = time.monotonic()
            if self._stopped and now >= self._killing_at:
                self._signal_all(signal.SIGKILL)
                self._killing_at = now + 1.0
            if now >= self._next_look:
                self._look(now >= next_sample)
            if now >= next_sample:
                next_sample = now + _SAMPLE_SECONDS
                self._sample()
            if now >= next_note:
                next_note = now + _NOTE_SECONDS
                self._edges.note_running()
            self._serve(max(0.0, min(next_sample, self._next_look) - time.monotonic()))
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                # What the last launchers said may still be on its way.
                self._serve(0.0)
                return status

    def _look(self, all_processes: bool) -> None:
        """Looks at what the edges hold, and says when to look again."""
        before = time.monotonic()
        tree = ProcessTree()
        self._edges.sample(tree)
        if all_processes:
            self._edges.sample_others(tree, self._pid, self._seconds)
        after = time.monotonic()
        self._may_look = after + (after - before) / _LOOK_SHARE
        self._next_look = max(self._may_look, after + _LOOK_SECONDS)

    def _sample(self) -> None:
        self._kernel_log.read_new()
        memory = host.memory_information()
        now = host.counters()
        swapped = [
            (now[name] - self._before[name]) * self._page_bytes if name in now and name in self._before else None
            for name in ("pswpin", "pswpout")
        ]
        pressure = host.pressure_seconds()
        waited: List[Optional[float]] = [None, None]
        if pressure and self._pressure:
            waited = [round(after - before, 3) for after, before in zip(pressure, self._pressure)]
        used = self._cgroup.used_bytes() if self._cgroup else (None, None)
        row = (
            self._seconds,
            memory.get("MemAvailable"),
            memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
            memory.get("Committed_AS"),
            *swapped,
            *waited,
            *used,
            len(self._edges),
            self._edges.held_bytes,
            host.free_bytes(self.directory),
            host.free_bytes(host.temporary_directory()),
        )
        self._journal.write("sample", row)

    def _serve(self, seconds: float) -> None:
        """Waits for launchers, signals and ends of processes, and takes what is there."""
        for number, _ in self._poll.poll(seconds * 1000):
            if number == self._listener.fileno():
                self._accept()
            elif number == self._wakeup:
                os.read(self._wakeup, 4096)
            elif number in self._connections:
                self._hear(number)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                return
            connection.setblocking(False)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, user, _ = struct.unpack("3i", credentials)
            if user != os.geteuid():
                connection.close()
                continue
            self._connections[connection.fileno()] = _Connection(connection, pid)
            self._poll.register(connection, select.POLLIN)
            self._hear(connection.fileno())

    def _hear(self, number: int) -> None:
        connection = self._connections[number]
        messages, gone = connection.messages()
        for words in messages:
            if words[0] == b"begin" and len(words) > 2:
                texts = [word.decode("utf-8", "backslashreplace") for word in words[1:]]
                self._edges.begin(number, connection.pid, texts[0], texts[1:], self._seconds)
                self._next_look = min(self._next_look, max(self._may_look, time.monotonic() + _FIRST_LOOK_SECONDS))
            elif words[0] == b"end" and len(words) == 4:
                status, cpu, rss = int(words[1]), round(float(words[2]), 3), int(words[3])
                self._edges.end(number, self._seconds, status, cpu, rss)
        if gone:
            self._edges.end(number, self._seconds, None, None, None)
            self._poll.unregister(number)
            connection.socket.close()
            del self._connections[number]

    # -- ending -----------------------------------------------------------------------------------------------

    def _finish(self, status: int) -> Outcome:
        if self._stopped:
            self._signal_all(signal.SIGKILL)
        self._look(True)
        self._sample()
        self._edges.note_running()
        number = (status & 0x7F) or None
        outcome = Outcome(
            exit_status=None if number else status >> 8,
            signal=number,
            stopped=self._stopped,
            seconds=self._seconds,
            complete=True,
        )
        self._journal.write("kernel", plain(self._kernel()))
        self._journal.write("outcome", outcome._asdict())
        self._journal.close()
        if self._cgroup:
            self._cgroup.remove()
        write_report(assemble(self.options.report + JOURNAL), self.options.report)
        return outcome

    def _kernel(self) -> Kernel:
        kills = limit_hits = None
        if self._cgroup:
            now = self._cgroup.events()
            kills, limit_hits = (
                None if after is None or before is None else after - before for after, before in zip(now, self._events)
            )
        after = host.counters().get("oom_kill")
        before = self._before.get("oom_kill")
        return Kernel(
            oom_kills=None if after is None or before is None else after - before,
            cgroup_oom_kills=kills,
            cgroup_limit_hits=limit_hits,
            records=tuple(parse_oom_records(self._kernel_log.lines())),
        )


def _end_with_the_agent() -> None:
    """Has the kernel end the command when the agent is killed; ninja and make then end their edges."""
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


def run(options: Options) -> int:
    """Runs a command; returns the exit status that a shell would give. Raises OSError and CgroupError."""
    outcome = Run(options).execute()
    if outcome.signal:
        return 128 + outcome.signal
    return outcome.exit_status or 0


def main(options: Options) -> int:
    """`run`, with what is wrong said in a sentence."""
    try:
        return run(options)
    except cgroup.CgroupError as error:
        print("agent: {}".format(error), file=sys.stderr)
        return 2
