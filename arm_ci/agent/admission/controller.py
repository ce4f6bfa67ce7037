"""The controller of admission: launchers request to start, and it replies when memory allows; what memory killed runs
once more, alone.

What does not fit alone is built by its next candidate. Without a number of cores everything starts at once, and
nothing runs twice.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any, Callable, Dict, Optional, Set

from ..edges.command_line import EdgeCommand
from ..edges.launcher import AGAIN, DONE, GO, REFUSED
from ..edges.launcher_socket import LauncherListener, Reply
from ..edges.running import WATCHED_PAUSE, Edges
from ..fallback.candidates import Fallbacks
from ..machine.process_tree import ProcessTree
from ..output_lines import build_ends, built_with, edges_run_and_wait, runs_again, suspended
from ..peaks import learned
from ..report import FILE_PAGES, OOM_KILL, Admission, Edge
from .budget import BudgetReader
from .expectation import Expectation, Expected
from .oom_kills import OomKills
from .paging import Stalls, Throttle
from .partial_start import EdgeMemory, choose_partial_start
from .policy import Room, Running, Waiting, choose
from .request import Request
from .suspensions import Suspensions

# A running edge goes on growing, but for one whose peak is known and not yet reached.
_GROWS = 1.1
_SAY_SECONDS = 60.0


class Controller(LauncherListener):
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
        self._waiting: Dict[int, Request] = {}
        self._running: Dict[int, Request] = {}
        self._given_up: Set[int] = set()
        """Those that were ended for file pages."""
        self._kills = OomKills()
        self._budget: Optional[BudgetReader] = None
        self._stalls = Stalls()
        self._suspensions = Suspensions()
        self._throttle = Throttle(self._suspend, self._give_up)
        self._seconds = 0.0
        self._is_ending = False
        self._say_at = _SAY_SECONDS
        self._admission = Admission(cores=cores, learned=len(expectation))

    @property
    def admission(self) -> Admission:
        """For the report."""
        return self._admission._replace(
            suspensions=self._throttle.suspensions,
            partial_starts=self._suspensions.partial_starts,
            partial_start_suspensions=self._suspensions.of_partial_starts,
        )

    def begin(self, budget: BudgetReader, kills: OomKills) -> None:
        """The command is about to start, in its cgroup."""
        self._kills = kills
        self._budget = budget
        now = budget.read(0)
        self._expectation.has_swap = self._throttle.has_swap = now.swap_bytes > 0
        self._admission = self._admission._replace(budget_bytes=now.ram_bytes, swap_bytes=now.swap_bytes)

    def close(self) -> None:
        """The command is to end, or has: nobody starts any more, and whoever was suspended is resumed."""
        if self._is_ending:
            return
        self._is_ending = True
        self._suspensions.close()
        for key in list(self._waiting):
            self._waiting.pop(key).reply([REFUSED])

    # -- what launchers say -----------------------------------------------------------------------------------

    def request_start(self, key: int, pid: int, command: EdgeCommand, seconds: float, reply: Reply) -> None:
        """A launcher requests that its command may start; the reply comes now or later."""
        self._order += 1
        if self._is_ending:
            reply([REFUSED])
        elif not self._cores or command.is_passing:
            chosen = self._fallbacks.only_candidate(command, self._edges.directory)
            request = Request(
                key, pid, chosen.command, seconds, self._order, reply, Expected(0, ""), fallback=chosen.fallback
            )
            self._start(request, seconds)
        else:
            self._waiting[key] = self._new_request(key, pid, command, seconds, reply)
            most = max(self._admission.most_waiting, len(self._waiting))
            self._admission = self._admission._replace(most_waiting=most)
            self.start_ready(seconds)

    def _new_request(self, key: int, pid: int, command: EdgeCommand, seconds: float, reply: Reply) -> Request:
        room = self._admission.budget_bytes + self._admission.swap_bytes
        first, *rest = self._fallbacks.candidates(command, self._expectation.history, self._edges.directory, room)
        return Request(
            key,
            pid,
            first.command,
            seconds,
            self._order,
            reply,
            self._expectation.of(first.command),
            fallback=first.fallback,
            candidates=tuple(rest),
        )

    def ended(self, key: int, seconds: float, status: int, cpu_seconds: float, rss_bytes: int, reply: Reply) -> None:
        """A launcher says how its command ended; unless it ended well, it waits for a reply."""
        request = self._leave(key, seconds)
        end = partial(self._edges.end, key, seconds, status, cpu_seconds, rss_bytes)
        reason = self._reason_to_run_again(request, status) if request is not None else ""
        if request is not None and reason:
            self._memory_ended(request, reason, end, seconds, reply)
        else:
            edge = end()
            if edge is not None and request is not None:
                self._learn(edge)
            if status:
                reply([DONE])
        self.start_ready(seconds)

    def gone(self, key: int, seconds: float) -> None:
        """A launcher has gone without a word: it was killed, or who waited for it does no more."""
        if self._waiting.pop(key, None) is None:
            self._leave(key, seconds)
            self._edges.end_killed(key, seconds)
        self.start_ready(seconds)

    def forget(self, key: int, seconds: float) -> None:
        """A launcher could not start its command: it was no edge."""
        self._leave(key, seconds)
        self._edges.forget(key)
        self.start_ready(seconds)

    # -- the machine ------------------------------------------------------------------------------------------

    def look_at_machine(self, seconds: float) -> None:
        """Once a second: how the machine takes it; then whoever may start now starts."""
        if not self._cores or self._is_ending:
            return
        free = len(self._running) - len(self._suspensions.suspended)
        stalled = self._stalls.since(seconds, free, self._throttle.has_swap)
        self._seconds = seconds
        keys = list(self._running)
        if self._throttle.has_swap:  # what is short stands still anyhow, and without swap it still holds its memory
            short = self._suspensions.short
            keys = [key for key in keys if key not in short or key in self._throttle.suspended]
        self._throttle.look(seconds, stalled, keys, bool(self._waiting), self._stalls.are_still)
        self.start_ready(seconds)
        if seconds >= self._say_at and self._waiting:
            self._say_at = seconds + _SAY_SECONDS
            self._say_who_waits()

    def start_ready(self, seconds: float) -> None:
        """Starts whoever may start now."""
        if self._budget is None or self._is_ending:
            return
        try:
            self._expect_anew()
            self._suspend_the_short(seconds)
            while self._waiting:
                waiting = [self._as_waiting(each) for each in self._waiting.values()]
                running = [self._as_running(each, seconds) for each in self._running.values()]
                room = self._room()
                key = choose(waiting, running, room, seconds)
                is_partial = key is None
                if key is None and self._is_sure:
                    key = choose_partial_start(waiting, running, room, self._suspensions.started_partially)
                if key is None:
                    return
                self._start(self._waiting.pop(key), seconds, is_partial)
        except Exception:
            self._let_all_start(seconds)
            raise

    def check_partial_starts(self, seconds: float) -> None:
        """After each look at edges: whoever started in part is suspended in time, and resumed when more is free."""
        if not self._cores or self._budget is None or self._is_ending:
            return
        try:
            self._suspend_the_short(seconds)
        except Exception:
            self._let_all_start(seconds)
            raise

    def _suspend_the_short(self, seconds: float) -> None:
        if len(self._running) > 1 or self._suspensions.suspended:
            edges = [self._as_edge_memory(each, seconds) for each in self._running.values()]
            self._suspensions.judge(edges, self._room().budget_bytes)
            launchers = {key: request.pid for key, request in self._running.items()}
            self._suspensions.settle(launchers, self._throttle.suspended.keys(), seconds)

    def _let_all_start(self, seconds: float) -> None:
        """After a fault of ours: it is to cost memory at worst, and never leaves anyone waiting."""
        self._cores = 0
        self._suspensions.close()
        for key in list(self._waiting):
            self._start(self._waiting.pop(key), seconds)

    @property
    def _is_sure(self) -> bool:
        """Whether it is known what the running edges will take: a guess that is too low would leave them too little."""
        return all(each.expected.by == "history" for each in self._running.values())

    def _leave(self, key: int, seconds: float) -> Optional[Request]:
        """It runs no more; what it was."""
        request = self._running.pop(key, None)
        running = self._edges.running(key)
        if request is not None:
            suspended_seconds = self._suspensions.leave(key, request.pid, seconds)
            if running is not None:
                running.suspended_seconds = suspended_seconds
        return request

    def _expect_anew(self) -> None:
        """What was only guessed is expected anew when similar edges have shown more."""
        if not self._waiting or self._version == self._expectation.version:
            return
        self._version = self._expectation.version
        for requests in (self._waiting, self._running):
            for key, request in requests.items():
                if request.expected.by != "history" and request.attempt == 1:
                    requests[key] = request._replace(expected=self._expectation.of(request.command))

    # -- as policy, partial start and paging see it -----------------------------------------------------------

    def _room(self) -> Room:
        assert self._budget is not None
        budget = self._budget.read(self._edges.resident_bytes)
        over = min(budget.swap_bytes, int(budget.ram_bytes * self._throttle.over)) if budget.swap_bytes else 0
        return Room(self._cores, budget.ram_bytes + over, self._throttle.is_shut)

    def _as_waiting(self, request: Request) -> Waiting:
        expected = request.expected
        return Waiting(
            request.key, request.order, expected.need_bytes, expected.seconds, expected.rest_seconds, request.alone
        )

    def _as_running(self, request: Request, seconds: float) -> Running:
        running = self._edges.running(request.key)
        need = request.expected.need_bytes
        held = running.peaks.now if running is not None else 0
        if held > need or request.expected.by != "history":
            held = int(held * _GROWS)
        ends = None
        if request.expected.seconds is not None and running is not None:
            ends = max(seconds, running.edge.start_seconds + request.expected.seconds)
        return Running(request.key, max(need, held), ends, request.alone)

    def _as_edge_memory(self, request: Request, seconds: float) -> EdgeMemory:
        running = self._edges.running(request.key)
        peaks = running.peaks if running is not None else None
        return EdgeMemory(
            request.key,
            self._as_running(request, seconds).need_bytes,
            peaks.now if peaks else 0,
            peaks.grew if peaks else 0,
            # With swap nothing is lost when one that was let in whole takes more than was expected.
            request.key in self._suspensions.started_partially or not self._expectation.has_swap,
        )

    # -- edges ------------------------------------------------------------------------------------------------

    def _start(self, request: Request, seconds: float, is_partial: bool = False) -> None:
        terms: Dict[str, Any] = {}
        if self._cores and not request.command.is_passing:
            terms = {
                "waited_seconds": round(max(0.0, seconds - request.since), 3),
                "expected_bytes": request.expected.need_bytes,
                "expected_by": request.expected.by,
                "attempts": request.attempt,
                "alone": request.alone,
                "partial_start": is_partial,
            }
            for key, other in self._running.items():
                self._running[key] = other._replace(had_company=True)
            self._running[request.key] = request._replace(had_company=bool(self._running))
        if request.fallback:
            terms["fallback"] = request.fallback
            self._say(built_with(request.name, request.fallback))
        self._edges.begin(request.key, request.pid, request.command, seconds, **terms)
        running = self._edges.running(request.key)
        if is_partial and running is not None:
            running.pause = WATCHED_PAUSE
            self._suspensions.add_partial_start(request.key)
        request.reply([GO, *map(str.encode, request.command.argv)] if request.fallback else [GO])

    def _reason_to_run_again(self, request: Request, status: int) -> str:
        """Why an edge that has just ended runs again, as the report has it; empty: it does not."""
        is_given_up = request.key in self._given_up
        self._given_up.discard(request.key)
        running = self._edges.running(request.key)
        if not status or running is None or self._is_ending or not request.may_repeat:
            return ""
        if self._kills.killed([running.pid, *running.peaks.pids]):
            return OOM_KILL
        return FILE_PAGES if is_given_up else ""

    def _memory_ended(
        self, request: Request, reason: str, end: Callable[..., Optional[Edge]], seconds: float, reply: Reply
    ) -> None:
        """What follows when an edge has ended for want of memory: it runs again, or nothing can be done for it."""
        does_not_fit = request.alone or not request.had_company
        is_over = does_not_fit and not request.candidates
        edge = end("" if is_over else reason, does_not_fit or None)
        if edge is not None:
            self._learn(edge)
        if is_over:
            reply([DONE])
            self._end_build(request, reason)
        else:
            self._run_again(request, edge, seconds, does_not_fit, reason)

    def _run_again(
        self, request: Request, edge: Optional[Edge], seconds: float, does_not_fit: bool, reason: str
    ) -> None:
        held = (edge.peak_anonymous_swap_bytes if edge else None) or 0
        self._say(runs_again(request.name, reason, held, has_fallback=does_not_fit))
        if does_not_fit:
            first, *rest = request.candidates
            request = request._replace(command=first.command, fallback=first.fallback, candidates=tuple(rest))
        expected = self._expectation.of(request.command)
        need = expected.need_bytes if does_not_fit else max(expected.need_bytes, held)
        request.reply([AGAIN])
        self._waiting[request.key] = request._replace(
            expected=expected._replace(need_bytes=need), since=seconds, attempt=request.attempt + 1, alone=True
        )

    def _end_build(self, request: Request, reason: str) -> None:
        self._admission = self._admission._replace(does_not_fit=request.name, stood_still=reason == FILE_PAGES)
        self._say(build_ends(request.name, reason))
        self.close()
        self._stop_build(request.name)

    def _learn(self, edge: Edge) -> None:
        found = learned(edge, self._edges.directory, self.admission) if self._cores else None
        if found is not None:
            self._expectation.learn(found)

    def _suspend(self, key: int) -> bool:
        request = self._running[key]
        if not self._suspensions.suspend(key, request.pid, self._seconds):
            return False
        self._say(suspended(request.command.output))
        return True

    def _give_up(self, key: int) -> None:
        request = self._running[key]
        if self._is_ending or not request.may_repeat:
            return
        self._given_up.add(key)
        for pid in reversed(ProcessTree().below(request.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue

    def _say_who_waits(self) -> None:
        needed = sum(each.expected.need_bytes for each in self._running.values())
        budget = self._room().budget_bytes
        self._say(edges_run_and_wait(len(self._running), self._cores, needed, budget, len(self._waiting)))
