"""Runs a command and watches it: edges, the machine's memory, the kernel; writes the report whatever happens."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from . import unpack
from .admission.budget import BudgetReader
from .admission.controller import Controller
from .admission.expectation import Expectation
from .admission.oom_kills import OomKills
from .edges import masquerade
from .edges.launcher import AGENT
from .edges.launcher_socket import LauncherSocket
from .edges.look_allowance import Allowance
from .edges.running import Edges
from .fallback.candidates import read_fallbacks
from .journal import JOURNAL, JournalWriter, report_of_journal
from .machine import cgroup, facts, kernel_counts, systemd_scope
from .machine.child_process import start
from .machine.given_locale import restore_locale
from .machine.kernel_log import KernelLog
from .machine.leftovers import MARK, end_this_build
from .machine.oom_records import parse_oom_records
from .machine.process_tree import ProcessTree
from .machine.sampling import Sampler
from .machine.visibility import limits_here, readable_sources
from .output_lines import PREFIX
from .peaks import Peaks, PeaksError
from .report import OomRecord, Outcome, Report, ReportError, Unseen, Visibility, plain, write_report
from .schedule import Schedule

__all__ = ["Options", "Run", "main", "run"]

_GRACE_SECONDS = 8.0
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Options(NamedTuple):
    """What is asked of a run."""

    command: Tuple[str, ...]
    report: str
    """Path of the report; the journal and the masquerade directory stand beside it."""
    memory_bytes: Optional[int] = None
    """Limit of the command's cgroup."""
    swap_bytes: Optional[int] = None
    cores: int = 0
    """How many edges may run at once, as memory allows; 0: all that are started."""
    peaks: str = ""
    """Path of the file with what earlier builds have shown; empty: nothing is known."""
    fallback: str = ""
    """Path of the file with the ways to build edges differently; empty: there are none."""

    def words(self) -> List[str]:
        """As the agent's command line has them."""
        found = ["run", "--report", self.report]
        for option, value in (("--memory", self.memory_bytes), ("--swap", self.swap_bytes)):
            found += [] if value is None else [option, str(value)]
        found += ["--cores", str(self.cores)] if self.cores else []
        found += ["--peaks", self.peaks] if self.peaks else []
        found += ["--fallback", self.fallback] if self.fallback else []
        return [*found, "--", *self.command]


class Run:
    """One watched command."""

    def __init__(self, options: Options, made: Optional[cgroup.Cgroup], refusal: str) -> None:
        """`made`: the cgroup for the command; `refusal`: why there is none. Raises OSError without any socket."""
        self.options = options
        self.directory = os.getcwd()
        self._cgroup = made
        self._no_cgroup = refusal
        self._pid = 0
        # At a terminal the command is in our group, so that its keys reach both.
        self._own_group = not os.isatty(0)
        self._stopped = ""
        self._killing_at: Optional[float] = None
        self._fault = ""
        self._started = time.monotonic()
        self._journal = JournalWriter(options.report + JOURNAL)
        self._edges = Edges(self._journal.write, self.directory)
        self._poll = select.poll()
        expectation = Expectation(_read_peaks(options.peaks), self.directory)
        place = os.path.dirname(os.path.abspath(options.report))
        wanted = read_fallbacks(options.fallback, place, _say)
        self._controller = Controller(self._edges, expectation, options.cores, self._does_not_fit, _say, wanted)
        self._launcher_socket = LauncherSocket(self._controller, self._poll, self._now)
        self._wakeup, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll.register(self._wakeup, select.POLLIN)
        self._kernel_log = KernelLog()
        self._visibility = Visibility()
        self._counts: Dict[str, Any] = {}
        self._sampler = Sampler(self.directory, made)
        self._allowance = Allowance()
        self._schedule = Schedule()

    def execute(self) -> Outcome:
        """Runs the command to its end. Raises CgroupError before anything was started, and OSError."""
        if self._cgroup:
            self._cgroup.limit(self.options.memory_bytes, self.options.swap_bytes)
        elif self.options.memory_bytes is not None:
            raise cgroup.CgroupError("a memory limit needs a cgroup of our own, and {}".format(self._no_cgroup))
        if self._journal.refusal:
            print("agent: no report: {}".format(self._journal.refusal), file=sys.stderr)
        for number in _STOPS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._start()
        return self._conclude(self._watch())

    # -- starting ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        unseen = self._masquerade()
        self._pid, go = start(self.options.command, self._own_group)
        if self._cgroup:
            try:
                self._cgroup.take_in(self._pid)
            except OSError as error:
                self._no_cgroup = "{}: {}".format(error.filename, error.strerror)
                self._cgroup.remove()
                self._cgroup = None
        self._visibility = readable_sources(self._cgroup, self._no_cgroup, self._kernel_log, unseen)
        report = Report(
            command=self.options.command,
            directory=self.directory,
            started=time.time(),
            host=facts.describe(),
            limits=limits_here(self.directory, self._cgroup.found if self._cgroup else None),
            visibility=self._visibility,
        )
        self._journal.write("begin", report.to_json())
        self._counts = kernel_counts.before(self._cgroup, self._kernel_log)
        self._journal.write("before", self._counts)
        self._controller.begin(
            BudgetReader(self._cgroup.found if self._cgroup else cgroup.hierarchy()),
            OomKills(self._kill_count, self._kill_records),
        )
        self._started = time.monotonic()
        is_stopped_already = bool(self._stopped)
        go()
        if is_stopped_already:
            self._signal(signal.SIGTERM)  # what came since has reached the command itself

    def _masquerade(self) -> List[Unseen]:
        """Puts the masquerade directory before PATH, or says why it cannot."""
        place = os.path.join(os.path.dirname(os.path.abspath(self.options.report)), masquerade.DIRECTORY)
        path = os.environ.get("PATH", os.defpath)
        try:
            masquerade.make(place, path)
        except OSError as error:
            why = "{}: {}".format(error.filename, error.strerror)
            return [Unseen("edges", why, "free disk where the worker builds")]
        os.environ["PATH"] = "{}:{}".format(place, path)
        os.environ[AGENT.decode()] = self._launcher_socket.name
        return []

    # -- watching ---------------------------------------------------------------------------------------------

    def _now(self) -> float:
        """Seconds since the start of the command."""
        return time.monotonic() - self._started

    def _watch(self) -> int:
        """Watches until the command has ended; its status, as of wait(2)."""
        while True:
            now = self._now()
            if self._stopped:
                self._guard(self._controller.close)
            if self._killing_at is not None and now >= self._killing_at:
                self._kill_all()
                self._killing_at = now + 1.0
            self._do_what_is_due(now)
            next_sample = self._schedule.sample.next_at
            next_stop = next_sample if self._killing_at is None else self._killing_at
            self._serve(min(next_sample, self._look_at(), next_stop) - self._now())
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                # What the last launchers said may still be on its way.
                self._serve(0.0)
                return status

    def _do_what_is_due(self, now: float) -> None:
        if now >= self._look_at():
            self._guard(lambda: self._look(False))
        if self._schedule.sample.is_due(now):
            self._guard(lambda: self._look(True))
            self._guard(self._sample)
            self._guard(lambda: self._controller.look_at_machine(self._now()))
        if self._schedule.note.is_due(now):
            self._guard(self._edges.note_running)

    def _guard(self, look: Callable[[], None]) -> None:
        """A fault in looking costs the report something, and never the build."""
        try:
            look()
        except Exception as error:  # noqa: BLE001  (whatever it is)
            self._fault = self._fault or "{}: {}".format(type(error).__name__, error)

    def _serve(self, seconds: float) -> None:
        """Waits for launchers, signals and ends of processes, and takes what is there."""
        for number, _ in self._poll.poll(max(0.0, seconds) * 1000):
            if number == self._wakeup:
                os.read(self._wakeup, 4096)
            else:
                self._guard(partial(self._launcher_socket.receive, number))

    def _look_at(self) -> float:
        """When the next edge is to be looked at."""
        wanted = self._edges.look_at
        return float("inf") if wanted is None else max(wanted, self._allowance.ready_at - self._started)

    def _look(self, at_unlaunched: bool) -> None:
        before = time.process_time()
        tree = ProcessTree()
        self._edges.look(tree, self._now())
        self._controller.check_partial_starts(self._now())
        if at_unlaunched:
            self._edges.look_at_unlaunched(tree, os.getpid(), self._now())
        self._allowance.pay(time.process_time() - before)

    def _sample(self) -> None:
        self._kernel_log.read_new()
        self._journal.write("sample", self._sampler.row(self._now(), len(self._edges), self._edges.held_bytes))

    # -- ending -----------------------------------------------------------------------------------------------

    def _stop(self, number: int, _frame: Any) -> None:
        """A signal that asks us to end: ninja and make end their edges themselves, and say so."""
        self._end("signal {}".format(number), number)

    def _does_not_fit(self, output: str) -> None:
        """An edge does not fit alone: the build cannot become whole."""
        self._end("{} does not fit".format(output), signal.SIGTERM)

    def _end(self, why: str, number: int) -> None:
        if self._stopped:
            return
        self._stopped = why
        self._killing_at = self._now() + _GRACE_SECONDS
        if self._pid:
            self._signal(number)

    def _signal(self, number: int) -> None:
        """Sends a signal to the command: to its group, where it has one."""
        try:
            (os.killpg if self._own_group else os.kill)(self._pid, number)
        except OSError:
            pass  # it is gone

    def _kill_all(self) -> None:
        """Kills everything of the command: its group, its cgroup, and the tree below it."""
        self._signal(signal.SIGKILL)
        pids = set(self._cgroup.processes()) if self._cgroup else set()
        pids.update(ProcessTree().below(os.getpid()))
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue

    def _end_the_rest(self) -> None:
        """After a stop nothing of the command stays, also what has left its tree."""
        self._kill_all()
        mark = os.environ.get(MARK)
        if mark:
            try:
                end_this_build(mark)
            except OSError:
                pass  # the worker is gone, and its next one does this

    def _kill_count(self) -> Optional[int]:
        """OOM kills so far, of our cgroup where there is one."""
        own = self._cgroup.events()[0] if self._cgroup else None
        return own if own is not None else facts.counters().get("oom_kill")

    def _kill_records(self) -> List[OomRecord]:
        self._kernel_log.read_new()
        return parse_oom_records(self._kernel_log.lines())

    def _conclude(self, status: int) -> Outcome:
        """Ends what is left of the command, and writes the report."""
        self._guard(self._controller.close)
        if self._stopped:
            self._end_the_rest()
        for last in (lambda: self._look(True), self._sample, self._edges.note_running):
            self._guard(last)
        number = (status & 0x7F) or None
        outcome = Outcome(
            exit_status=None if number else status >> 8,
            signal=number,
            stopped=self._stopped,
            seconds=round(self._now(), 3),
            complete=True,
        )
        self._write_unseen()
        kernel = kernel_counts.since(self._counts, self._cgroup, self._kernel_log)
        self._journal.write("kernel", plain(kernel), is_last=True)
        self._journal.write("admission", plain(self._controller.admission), is_last=True)
        self._journal.write("outcome", outcome._asdict(), is_last=True)
        self._journal.close()
        if self._cgroup:
            self._cgroup.remove()
        if not self._journal.refusal:
            try:
                write_report(report_of_journal(self.options.report + JOURNAL), self.options.report)
            except (OSError, ReportError) as error:
                print("agent: no report: {}".format(error), file=sys.stderr)
        return outcome

    def _write_unseen(self) -> None:
        """What the journal lacks is said in the report."""
        unseen = []
        if self._journal.dropped:
            why = "no room for {} of its lines".format(self._journal.dropped)
            unseen.append(Unseen("a part of the journal", why, "free disk where the worker builds"))
        if self._fault:
            unseen.append(Unseen("a part of the samples and edges", "a fault of the agent: {}".format(self._fault)))
        if unseen:
            self._visibility = self._visibility._replace(unseen=(*self._visibility.unseen, *unseen))
            self._journal.write("visibility", plain(self._visibility), is_last=True)


def _say(text: str) -> None:
    """A line in the build's output, whole."""
    try:
        os.write(1, os.fsencode("{}{}\n".format(PREFIX, text)))
    except OSError:
        pass


def _read_peaks(path: str) -> Peaks:
    """What earlier builds have shown; a file that cannot be read is as good as none, and said."""
    if not path:
        return Peaks()
    try:
        with open(path, encoding="utf-8") as file:
            return Peaks.from_text(file.read())
    except (OSError, UnicodeDecodeError, PeaksError) as error:
        print("agent: nothing is known of earlier builds: {}: {}".format(path, error), file=sys.stderr)
        return Peaks()


def run(options: Options) -> int:
    """Runs a command; returns the exit status that a shell would give. Raises OSError and CgroupError."""
    restore_locale()
    made, refusal = _cgroup_for(options)
    for old in (options.report, options.report + JOURNAL):
        try:
            os.unlink(old)
        except OSError:
            pass  # it is not there; or it cannot be written anew either, which is said
    try:
        outcome = Run(options, made, refusal).execute()
    except (cgroup.CgroupError, OSError):
        if made:
            made.remove()
        raise
    if outcome.signal:
        return 128 + outcome.signal
    return outcome.exit_status or 0


def _cgroup_for(options: Options) -> Tuple[Optional[cgroup.Cgroup], str]:
    """A cgroup for the command, and why there is none; where only systemd can make one the agent starts again in it."""
    in_scope = systemd_scope.arrive()
    made, refusal = cgroup.make()
    if made and in_scope:
        made = cgroup.Cgroup(made.found, "systemd scope (v{})".format(made.found.version))
    if made is None and not in_scope and cgroup.could_be_delegated():
        own_command = unpack.own_command(options.words())
        if own_command:
            refusal = "{}; {}".format(refusal, systemd_scope.enter(own_command))
    return made, refusal


def main(options: Options) -> int:
    """`run`, with what is wrong said in a sentence."""
    try:
        return run(options)
    except cgroup.CgroupError as error:
        print("agent: {}".format(error), file=sys.stderr)
    except OSError as error:
        print("agent: {}: {}".format(error.filename or "cannot run", error.strerror), file=sys.stderr)
    return 2
