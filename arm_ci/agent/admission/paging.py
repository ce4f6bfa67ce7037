"""How much the machine pages, and what follows for edges: no new starts, then the newest is stopped or given up.

A machine with swap takes more than its RAM as long as what is paged out is not needed; when tasks begin to wait for
pages, fewer edges finish sooner: the newest is stopped for a while. Without swap memory is full of what edges hold, and
file pages (programs, headers) are read again and again, for minutes before the kernel kills anything: there a stopped
edge would give nothing back, so the newest is ended, to run again alone. One that stands still alone does not fit.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional

from ..machine.facts import PAGE_BYTES, counters, pressure_seconds, read_text

# Parts of the time that tasks wait for memory.
_SHUT = 0.20
_OPEN = 0.10
_HOLD = 0.30
# One bad second is no trend; and what was stopped is not to be started again at once.
_HOLD_AFTER_SECONDS = 4.0
_RELEASE_AFTER_SECONDS = 4.0
_GIVE_UP = 0.60
_GIVE_UP_AFTER_SECONDS = 8.0
_ALONE_AFTER_SECONDS = 60.0
# Where pressure does not tell: what the kernel and the disk take of the time counts while so much comes back
# a second, from swap or of files that were thrown out a moment ago.
_COMES_BACK_BYTES = 1 << 20
# A program that gets on takes more than this of the time that is not idle.
_STILL = 0.1
# What may be paged beyond RAM, as a part of it: more where that costs nothing, less at once where it does.
MOST_OVER = 0.5
_OVER_STEP = 0.03
_OVER_CUT = 0.5


class Stalls:
    """Which part of the time since the last look tasks waited for memory."""

    def __init__(self) -> None:
        self.are_still = False
        """Whether then hardly any program got on, for pages that were to come back."""
        self._seconds = 0.0
        self._pressure = pressure_seconds()
        self._came_back = _pages_that_came_back()
        self._times = _processor_times()

    def since(self, seconds: float, running: int, has_swap: bool) -> float:
        """From 0 to 1, since the last call, by a clock in seconds; `running`: edges that are not stopped.

        Pressure information counts only those file pages that had been in use for long, so without swap a program whose
        pages never stay so long stands still at a pressure of 0.2; there what it took of the time counts as well.
        """
        passed = seconds - self._seconds
        if passed <= 0:
            return 0.0
        self._seconds = seconds
        pressure, before = pressure_seconds(), self._pressure
        self._pressure = pressure
        pages = _pages_that_came_back()
        came_back, self._came_back = pages - self._came_back, pages
        times, times_before = _processor_times(), self._times
        self._times = times
        self.are_still = False
        waited = min(1.0, max(0.0, (pressure[0] - before[0]) / passed)) if pressure and before else None
        if waited is not None and has_swap:
            return waited
        if came_back * PAGE_BYTES < _COMES_BACK_BYTES * passed:
            return waited or 0.0
        spent = [now - then for now, then in zip(times, times_before)]
        if len(spent) <= 4:
            return waited or 0.0
        lost = spent[2] + spent[4]
        self.are_still = lost > 0 and sum(spent[:2]) <= _STILL * (sum(spent[:2]) + lost)
        return max(waited or 0.0, _lost(spent, running))


def _lost(spent: List[int], running: int) -> float:
    """The part of the time that went to the kernel, and was idle while something waited for the disk (proc(5),
    /proc/stat: third and fifth); of as many processors as edges run, for one that stalls leaves the others idle."""
    total = sum(spent)
    cores = os.cpu_count() or 1
    return min(1.0, (spent[2] + spent[4]) / total * cores / min(cores, max(1, running))) if total > 0 else 0.0


def _pages_that_came_back() -> int:
    found = counters()
    # Before Linux 5.9 there is one count for both kinds of pages.
    return found.get("pswpin", 0) + found.get("workingset_refault_file", found.get("workingset_refault", 0))


def _processor_times() -> List[int]:
    first = (read_text("/proc/stat") or "").partition("\n")[0].split()
    return [int(word) for word in first[1:9]] if first[:1] == ["cpu"] else []


class Throttle:
    """Decides by how tasks stall. Pure but for what it is given to do with an edge, by its key."""

    def __init__(self, stop: Callable[[int], bool], give_up: Callable[[int], None]) -> None:
        """`stop` says whether it could; `give_up` ends an edge that is to run again. Who leaves `held` goes on."""
        self._stop = stop
        self._give_up = give_up
        self.has_swap = True
        self.is_shut = False
        self.over = 0.0
        """What may be paged beyond RAM, as a part of RAM."""
        self.holds = 0
        self.held: Dict[int, float] = {}
        """The edges that are stopped: key -> since when."""
        self._bad_since: Optional[float] = None
        self._still_since: Optional[float] = None
        self._good_since: Optional[float] = None

    def look(self, now: float, stalled: float, running: List[int], is_wanted: bool, are_still: bool = False) -> None:
        """Once a second: `running` are keys, the oldest first; `is_wanted`: an edge waits for memory; `are_still`:
        they do not get on at all."""
        for key in [key for key in self.held if key not in running]:
            del self.held[key]
        self.is_shut = stalled >= (_OPEN if self.is_shut else _SHUT)
        if self.is_shut:
            self.over *= _OVER_CUT
        elif is_wanted and stalled < _OPEN:
            self.over = min(MOST_OVER, self.over + _OVER_STEP)
        bad = _HOLD if self.has_swap else _GIVE_UP
        self._bad_since = (self._bad_since if self._bad_since is not None else now) if stalled >= bad else None
        if not self.has_swap:
            self._look_without_swap(now, running, are_still)
            return
        self._good_since = (self._good_since if self._good_since is not None else now) if stalled < _OPEN else None
        free = [key for key in running if key not in self.held]
        if not free and running:
            del self.held[running[0]]  # all that were free have ended
        elif self._bad_since is not None and now - self._bad_since >= _HOLD_AFTER_SECONDS and len(free) > 1:
            # The newest has the least to lose; the oldest is never stopped.
            if self._stop(free[-1]):
                self.held[free[-1]] = now
                self.holds += 1
            self._bad_since = now
        elif self.held and self._good_since is not None and now - self._good_since >= _RELEASE_AFTER_SECONDS:
            del self.held[min(self.held, key=running.index)]
            self._good_since = now

    def _look_without_swap(self, now: float, running: List[int], are_still: bool) -> None:
        is_alone = len(running) == 1
        still = self._still_since if self._still_since is not None else now
        self._still_since = still if is_alone and are_still else None
        lasts = self._bad_since is not None and now - self._bad_since >= _GIVE_UP_AFTER_SECONDS
        if (lasts and len(running) > 1) or (self._still_since is not None and now - still >= _ALONE_AFTER_SECONDS):
            self._give_up(running[-1])
            self._bad_since = now
            self._still_since = None
