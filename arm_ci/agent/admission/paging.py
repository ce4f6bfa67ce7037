"""How much the machine pages, and what follows for edges: no new starts, then the newest is suspended or given up.

A machine with swap takes more than its RAM as long as what is paged out is not needed; when tasks begin to wait for
pages, fewer edges finish sooner: the newest is suspended for a while. Without swap memory is full of what edges hold,
and file pages (programs, headers) are read again and again, for minutes before the kernel kills anything: there a
suspended edge would give nothing back, so the newest is ended, to run again alone. One that stands still alone does not
fit.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional, Tuple

from ..machine.facts import PAGE_BYTES, counters, pressure_seconds, read_text

# Parts of the time that tasks wait for memory.
_SHUT = 0.20
_OPEN = 0.10
_SUSPEND = 0.30
# One bad second is no trend; and what was suspended is not to be resumed at once.
_SUSPEND_AFTER_SECONDS = 4.0
_RESUME_AFTER_SECONDS = 4.0
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
        """From 0 to 1, since the last call, by a clock in seconds; `running`: edges that are not suspended.

        Pressure information counts only those file pages that had been in use for long, so without swap a program whose
        pages never stay so long stands still at a pressure of 0.2; there what it took of the time counts as well.
        """
        passed = seconds - self._seconds
        if passed <= 0:
            return 0.0
        self._seconds = seconds
        waited = self._pressure_since(passed)
        came_back_bytes, spent = self._pages_and_times_since()
        self.are_still = False
        if waited is not None and has_swap:
            return waited
        if came_back_bytes < _COMES_BACK_BYTES * passed or len(spent) <= 4:
            return waited or 0.0
        lost = spent[2] + spent[4]
        self.are_still = lost > 0 and sum(spent[:2]) <= _STILL * (sum(spent[:2]) + lost)
        return max(waited or 0.0, _lost_part(spent, running))

    def _pressure_since(self, passed: float) -> Optional[float]:
        """The part of the time for which some task waited, as the kernel's pressure information has it."""
        pressure, before = pressure_seconds(), self._pressure
        self._pressure = pressure
        return min(1.0, max(0.0, (pressure[0] - before[0]) / passed)) if pressure and before else None

    def _pages_and_times_since(self) -> Tuple[int, List[int]]:
        """What came back, in bytes, and the processors' times by kind."""
        pages, pages_before = _pages_that_came_back(), self._came_back
        times, times_before = _processor_times(), self._times
        self._came_back, self._times = pages, times
        return (pages - pages_before) * PAGE_BYTES, [now - then for now, then in zip(times, times_before)]


def _lost_part(spent: List[int], running: int) -> float:
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

    def __init__(self, suspend: Callable[[int], bool], give_up: Callable[[int], None]) -> None:
        """`suspend` says whether it could; `give_up` ends an edge that is to run again.

        Whoever leaves `suspended` is to be resumed.
        """
        self._suspend = suspend
        self._give_up = give_up
        self.has_swap = True
        self.is_shut = False
        self.over = 0.0
        """What may be paged beyond RAM, as a part of RAM."""
        self.suspensions = 0
        self.suspended: Dict[int, float] = {}
        """The edges that are suspended: key -> since when."""
        self._bad_since: Optional[float] = None
        self._still_since: Optional[float] = None
        self._good_since: Optional[float] = None

    def look(self, now: float, stalled: float, running: List[int], is_wanted: bool, are_still: bool = False) -> None:
        """Once a second: `running` are keys, the oldest first; `is_wanted`: an edge waits for memory; `are_still`:
        they do not get on at all."""
        for key in [key for key in self.suspended if key not in running]:
            del self.suspended[key]
        self._open_or_shut(stalled, is_wanted)
        self._bad_since = _since(self._bad_since, now, stalled >= (_SUSPEND if self.has_swap else _GIVE_UP))
        if self.has_swap:
            self._good_since = _since(self._good_since, now, stalled < _OPEN)
            self._suspend_or_resume(now, running)
        else:
            self._look_without_swap(now, running, are_still)

    def _open_or_shut(self, stalled: float, is_wanted: bool) -> None:
        self.is_shut = stalled >= (_OPEN if self.is_shut else _SHUT)
        if self.is_shut:
            self.over *= _OVER_CUT
        elif is_wanted and stalled < _OPEN:
            self.over = min(MOST_OVER, self.over + _OVER_STEP)

    def _suspend_or_resume(self, now: float, running: List[int]) -> None:
        free = [key for key in running if key not in self.suspended]
        if not free and running:
            del self.suspended[running[0]]  # all that were free have ended
        elif _lasts(self._bad_since, now, _SUSPEND_AFTER_SECONDS) and len(free) > 1:
            # The newest has the least to lose; the oldest is never suspended.
            if self._suspend(free[-1]):
                self.suspended[free[-1]] = now
                self.suspensions += 1
            self._bad_since = now
        elif self.suspended and _lasts(self._good_since, now, _RESUME_AFTER_SECONDS):
            del self.suspended[min(self.suspended, key=running.index)]
            self._good_since = now

    def _look_without_swap(self, now: float, running: List[int], are_still: bool) -> None:
        self._still_since = _since(self._still_since, now, len(running) == 1 and are_still)
        is_bad = len(running) > 1 and _lasts(self._bad_since, now, _GIVE_UP_AFTER_SECONDS)
        if is_bad or _lasts(self._still_since, now, _ALONE_AFTER_SECONDS):
            self._give_up(running[-1])
            self._bad_since = now
            self._still_since = None


def _since(before: Optional[float], now: float, is_so: bool) -> Optional[float]:
    """Since when something has been so; None: it is not."""
    if not is_so:
        return None
    return now if before is None else before


def _lasts(since: Optional[float], now: float, seconds: float) -> bool:
    """Whether it has been so for that long."""
    return since is not None and now - since >= seconds
