"""Lets edges in: launchers ask, and are answered when admission says so; what memory killed runs once more, alone.

What does not fit alone is built in the next way that its fallbacks allow. Without a number of cores everything starts
at once, and nothing runs twice.
"""

from __future__ import annotations

import os
import signal
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from ..edges.command_line import Asked
from ..edges.running import WATCHED_PAUSE, Edges
from ..fallback.candidates import Fallbacks, Way
from ..machine.process_tree import ProcessTree
from ..peaks import learned
from ..report import FILE_PAGES, OOM_KILL, Admission, Edge
from .budget import BudgetReader
from .expectation import Expectation, Expected
from .oom_kills import Kills
from .paging import Stalls, Throttle
from .partial_start import Share, choose_in_part
from .policy import Room, Running, Waiting, choose
from .suspensions import Holds

GO = b"go"
AGAIN = b"again"
DONE = b"done"
REFUSED = b"refused"
PREFIX = "arm_ci: "
"""Before each line that the agent says in the build's output."""
# A running edge goes on growing, but for one whose peak is known and not yet reached.
_GROWS = 1.1
_SAY_SECONDS = 60.0
_MEGABYTE = 1 << 20

Answer = Callable[[List[bytes]], None]


class _Request(NamedTuple):
    """A launcher that waits, or whose command runs."""

    key: int
    pid: int
    asked: Asked
    since: float
    order: int
    answer: Answer
    expected: Expected
    attempt: int = 1
    alone: bool = False
    fallback: str = ""
    """How its command differs from what the build asks for."""
    ways: Tuple[Way, ...] = ()
    """Others to try when it does not fit alone."""


class Gatekeeper:
    """Who waits, who runs, and what was expected of them."""

    def __init__(
        self,
        edges: Edges,
        expectation: Expectation,
        cores: int,
        stop_build: Callable[[str], None],
        say: Callable[[str], None],
        fallbacks: Optional[Fallbacks] = None,
    ) -> None:
        """`cores` 0: no admission. `stop_build` is called with why: the output of an edge that does not fit alone."""
        self._fallbacks = fallbacks or Fallbacks()
        self._edges = edges
        self._expectation = expectation
        self._cores = cores
        self._stop_build = stop_build
        self._say = say
        self._version = 0
        self._order = 0
        self._waiting: Dict[int, _Request] = {}
        self._running: Dict[int, _Request] = {}
        self._company: Dict[int, bool] = {}
        self._given_up: Set[int] = set()
        """Those that were ended for file pages."""
        self._kills = Kills()
        self._budget: Optional[BudgetReader] = None
        self._stalls = Stalls()
        self._holds = Holds()
        self._throttle = Throttle(self._hold, self._give_up)
        self._seconds = 0.0
        self._is_ending = False
        self._say_at = _SAY_SECONDS
        self._admission = Admission(cores=cores, learned=len(expectation))

    @property
    def admission(self) -> Admission:
        """For the report."""
        holds = self._holds
        return self._admission._replace(
            holds=self._throttle.holds, part_starts=holds.part_starts, part_holds=holds.part_holds
        )

    def begin(self, budget: BudgetReader, kills: Kills) -> None:
        """The command is about to start, in its cgroup."""
        self._kills = kills
        self._budget = budget
        now = budget.read(0)
        self._expectation.has_swap = self._throttle.has_swap = now.swap_bytes > 0
        self._admission = self._admission._replace(budget_bytes=now.ram_bytes, swap_bytes=now.swap_bytes)

    def close(self) -> None:
        """The command is to end, or has: nobody starts any more, and whoever was stopped goes on."""
        if self._is_ending:
            return
        self._is_ending = True
        self._holds.close()
        for key in list(self._waiting):
            self._waiting.pop(key).answer([REFUSED])

    # -- what launchers say -----------------------------------------------------------------------------------

    def ask(self, key: int, pid: int, asked: Asked, seconds: float, answer: Answer) -> None:
        """A launcher asks whether its command may start; it is answered now or later."""
        self._order += 1
        if self._is_ending:
            answer([REFUSED])
        elif not self._cores or asked.is_passing:
            way = self._fallbacks.always(asked, self._edges.directory)
            request = _Request(
                key, pid, way.asked, seconds, self._order, answer, Expected(0, ""), fallback=way.fallback
            )
            self._start(request, seconds)
        else:
            room = self._admission.budget_bytes + self._admission.swap_bytes
            way, *others = self._fallbacks.ways(asked, self._expectation, self._edges.directory, room)
            expected = self._expectation.of(way.asked)
            self._waiting[key] = _Request(
                key, pid, way.asked, seconds, self._order, answer, expected, fallback=way.fallback, ways=tuple(others)
            )
            most = max(self._admission.most_waiting, len(self._waiting))
            self._admission = self._admission._replace(most_waiting=most)
            self.turn(seconds)

    def ended(self, key: int, seconds: float, status: int, cpu_seconds: float, rss_bytes: int, answer: Answer) -> None:
        """A launcher says how its command ended; unless it ended well, it waits for an answer."""
        request = self._leave(key, seconds)
        running = self._edges.running(key)
        again = ""
        if status and request is not None and running is not None and self._may_run_again(request):
            again = OOM_KILL if self._kills.took([running.pid, *running.peaks.pids]) else ""
            if not again and key in self._given_up:
                again = FILE_PAGES
        self._given_up.discard(key)
        was_alone = not self._company.pop(key, True)
        does_not_fit = bool(again) and (was_alone or (request is not None and request.alone))
        goes_on = bool(again) and request is not None and (not does_not_fit or bool(request.ways))
        edge = self._edges.end(
            key, seconds, status, cpu_seconds, rss_bytes, again if goes_on else "", does_not_fit or None
        )
        if edge is not None and request is not None and self._cores:
            self._learn(edge)
        if goes_on and request is not None:
            self._once_more(request, edge, seconds, does_not_fit, again)
        elif status:
            answer([DONE])
            if again and request is not None:
                self._end_build(request, again)
        self.turn(seconds)

    def gone(self, key: int, seconds: float) -> None:
        """A launcher has gone without a word: it was killed, or who waited for it does no more."""
        if self._waiting.pop(key, None) is None:
            self._leave(key, seconds)
            self._company.pop(key, None)
            self._edges.lost(key, seconds)
        self.turn(seconds)

    def forget(self, key: int, seconds: float) -> None:
        """A launcher could not start its command: it was no edge."""
        self._leave(key, seconds)
        self._company.pop(key, None)
        self._edges.forget(key)
        self.turn(seconds)

    # -- the machine ------------------------------------------------------------------------------------------

    def look(self, seconds: float) -> None:
        """Once a second: how the machine takes it; then whoever may start now starts."""
        if not self._cores or self._is_ending:
            return
        free = len(self._running) - len(self._holds.stopped)
        stalled = self._stalls.since(seconds, free, self._throttle.has_swap)
        self._seconds = seconds
        keys = list(self._running)
        if self._throttle.has_swap:  # what is short stands still anyhow, and without swap it still holds its memory
            keys = [key for key in keys if key not in self._holds.short or key in self._throttle.held]
        self._throttle.look(seconds, stalled, keys, bool(self._waiting), self._stalls.are_still)
        self.turn(seconds)
        if seconds >= self._say_at and self._waiting:
            self._say_at = seconds + _SAY_SECONDS
            self._say(self._state())

    def turn(self, seconds: float) -> None:
        """Starts whoever may start now."""
        if self._budget is None or self._is_ending:
            return
        try:
            self._expect_anew()
            self._share(seconds)
            while self._waiting:
                waiting = [self._as_waiting(each) for each in self._waiting.values()]
                running = [self._as_running(each, seconds) for each in self._running.values()]
                room = self._room()
                key = choose(waiting, running, room, seconds)
                in_part = key is None
                if key is None and self._is_sure:
                    key = choose_in_part(waiting, running, room, self._holds.in_part)
                if key is None:
                    return
                self._start(self._waiting.pop(key), seconds, in_part)
        except Exception:
            self._let_all_start(seconds)
            raise

    def share(self, seconds: float) -> None:
        """After each look at edges: whoever started in part is stopped in time, and goes on when more is free."""
        if not self._cores or self._budget is None or self._is_ending:
            return
        try:
            self._share(seconds)
        except Exception:
            self._let_all_start(seconds)
            raise

    def _share(self, seconds: float) -> None:
        if len(self._running) > 1 or self._holds.stopped:
            shares = [self._as_share(each, seconds) for each in self._running.values()]
            self._holds.judge(shares, self._room().budget_bytes)
            launchers = {key: request.pid for key, request in self._running.items()}
            self._holds.settle(launchers, self._throttle.held.keys(), seconds)

    def _let_all_start(self, seconds: float) -> None:
        """After a fault of ours: it is to cost memory at worst, and never leaves anyone waiting."""
        self._cores = 0
        self._holds.close()
        for key in list(self._waiting):
            self._start(self._waiting.pop(key), seconds)

    @property
    def _is_sure(self) -> bool:
        """Whether it is known what the running edges will take: a guess that is too low would leave them too little."""
        return all(each.expected.by == "history" for each in self._running.values())

    def _leave(self, key: int, seconds: float) -> Optional[_Request]:
        """It runs no more; what it was."""
        request = self._running.pop(key, None)
        running = self._edges.running(key)
        if request is not None:
            held = self._holds.leave(key, request.pid, seconds)
            if running is not None:
                running.held_seconds = held
        return request

    def _as_share(self, request: _Request, seconds: float) -> Share:
        running = self._edges.running(request.key)
        peaks = running.peaks if running is not None else None
        return Share(
            request.key,
            self._as_running(request, seconds).need_bytes,
            peaks.now if peaks else 0,
            peaks.grew if peaks else 0,
            # With swap nothing is lost when one that was let in whole takes more than was expected.
            request.key in self._holds.in_part or not self._expectation.has_swap,
        )

    def _expect_anew(self) -> None:
        """What was only guessed is asked again when kin have shown more."""
        if not self._waiting or self._version == self._expectation.version:
            return
        self._version = self._expectation.version
        for requests in (self._waiting, self._running):
            for key, request in requests.items():
                if request.expected.by != "history" and request.attempt == 1:
                    requests[key] = request._replace(expected=self._expectation.of(request.asked))

    def _room(self) -> Room:
        assert self._budget is not None
        budget = self._budget.read(self._edges.resident_bytes)
        over = min(budget.swap_bytes, int(budget.ram_bytes * self._throttle.over)) if budget.swap_bytes else 0
        return Room(self._cores, budget.ram_bytes + over, self._throttle.is_shut)

    def _as_waiting(self, request: _Request) -> Waiting:
        expected = request.expected
        return Waiting(
            request.key, request.order, expected.need_bytes, expected.seconds, expected.rest_seconds, request.alone
        )

    def _as_running(self, request: _Request, seconds: float) -> Running:
        running = self._edges.running(request.key)
        need = request.expected.need_bytes
        held = running.peaks.now if running is not None else 0
        if held > need or request.expected.by != "history":
            held = int(held * _GROWS)
        ends = None
        if request.expected.seconds is not None and running is not None:
            ends = max(seconds, running.edge.start_seconds + request.expected.seconds)
        return Running(request.key, max(need, held), ends, request.alone)

    # -- edges ------------------------------------------------------------------------------------------------

    def _start(self, request: _Request, seconds: float, in_part: bool = False) -> None:
        terms: Dict[str, Any] = {}
        if self._cores and not request.asked.is_passing:
            terms = {
                "waited_seconds": round(max(0.0, seconds - request.since), 3),
                "expected_bytes": request.expected.need_bytes,
                "expected_by": request.expected.by,
                "attempts": request.attempt,
                "alone": request.alone,
                "in_part": in_part,
            }
            for key in self._running:
                self._company[key] = True
            self._company[request.key] = bool(self._running)
            self._running[request.key] = request
        if request.fallback:
            terms["fallback"] = request.fallback
            self._say("{} is built with {}".format(_name(request), request.fallback))
        self._edges.begin(request.key, request.pid, request.asked, seconds, **terms)
        running = self._edges.running(request.key)
        if in_part and running is not None:
            running.pause = WATCHED_PAUSE
            self._holds.started_in_part(request.key)
        request.answer([GO, *map(str.encode, request.asked.argv)] if request.fallback else [GO])

    def _may_run_again(self, request: _Request) -> bool:
        """Whether its command would do the same a second time."""
        if self._is_ending or "-" in request.asked.argv:
            return False  # what came through its standard input is gone
        if request.asked.kind == "archive" and request.asked.output:
            # `ar q` adds to what is there.
            return not os.path.exists(os.path.join(request.asked.directory, request.asked.output))
        return True

    def _once_more(
        self, request: _Request, edge: Optional[Edge], seconds: float, does_not_fit: bool, again: str
    ) -> None:
        held = (edge.peak_anonymous_swap_bytes if edge else None) or 0
        how = " though it ran alone; it runs again, built differently" if does_not_fit else "; it runs again alone"
        what = "it was ended to make room for file pages" if again == FILE_PAGES else "memory killed it"
        self._say("{}: {} when it held {} MB{}".format(_name(request), what, held // _MEGABYTE, how))
        if does_not_fit:
            way, *others = request.ways
            request = request._replace(asked=way.asked, fallback=way.fallback, ways=tuple(others))
        expected = self._expectation.of(request.asked)
        need = expected.need_bytes if does_not_fit else max(expected.need_bytes, held)
        request.answer([AGAIN])
        self._waiting[request.key] = request._replace(
            expected=expected._replace(need_bytes=need), since=seconds, attempt=request.attempt + 1, alone=True
        )

    def _end_build(self, request: _Request, again: str) -> None:
        output, stood_still = _name(request), again == FILE_PAGES
        self._admission = self._admission._replace(does_not_fit=output, stood_still=stood_still)
        how = "it was ended, for it stood still for want of memory" if stood_still else "memory killed it"
        self._say("{}: {} though it ran alone; the build ends here".format(output, how))
        self.close()
        self._stop_build(output)

    def _learn(self, edge: Edge) -> None:
        found = learned(edge, self._edges.directory, self.admission)
        if found is not None:
            self._expectation.saw(found)

    # -- holding ----------------------------------------------------------------------------------------------

    def _hold(self, key: int) -> bool:
        request = self._running[key]
        if not self._holds.stop(key, request.pid, self._seconds):
            return False
        self._say("{}: stopped for a while, the machine pages too much".format(request.asked.output))
        return True

    def _give_up(self, key: int) -> None:
        request = self._running[key]
        if not self._may_run_again(request):
            return
        self._given_up.add(key)
        for pid in reversed(ProcessTree().below(request.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue

    # -- words ------------------------------------------------------------------------------------------------

    def _state(self) -> str:
        needed = sum(each.expected.need_bytes for each in self._running.values())
        return "{} of {} edges run and are expected to need {} of {} MB; {} wait".format(
            len(self._running),
            self._cores,
            needed // _MEGABYTE,
            self._room().budget_bytes // _MEGABYTE,
            len(self._waiting),
        )


def _name(request: _Request) -> str:
    return request.asked.output or request.asked.argv[0]
