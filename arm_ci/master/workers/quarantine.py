"""When a worker comes and goes too often to be trusted with builds: the rule only, kept in memory.

A worker that the rule names is paused until a person unpauses it (arm_ci.master.workers.connecting_worker does that).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LOST_BUILDS = 3
LOST_REQUESTS = 2
DISCONNECTS = 5
WITHIN_SECONDS = 600
_CURE = "look at the machine, then unpause it here"


@dataclass
class Flapping:
    """What one worker did lately."""

    _lost: list[tuple[int, str]] = field(default_factory=list)
    _gone: deque[float] = field(default_factory=deque)

    def build_lost(self, request_id: int, connection: str) -> None:
        """A build was lost with this worker; `connection` is a word of its own for each connection."""
        self._lost.append((request_id, connection))

    def build_ended(self) -> None:
        """A build ended otherwise: whatever it found, the worker held on to the end."""
        self._lost.clear()

    def disconnected(self, now: float) -> None:
        """The connection is gone; `now` in seconds."""
        self._gone.append(now)
        while self._gone and self._gone[0] <= now - WITHIN_SECONDS:
            self._gone.popleft()

    def forget(self) -> None:
        """A person unpaused it: a fresh start."""
        self._lost.clear()
        self._gone.clear()

    def reason(self) -> str:
        """Why this worker is to be quarantined; empty when it is not.

        One request that takes its worker down every time is the request's fault, not the worker's; and one reboot
        that takes several builds along happened once.
        """
        requests, connections = ({each[part] for each in self._lost} for part in (0, 1))
        if len(connections) >= LOST_BUILDS and len(requests) >= LOST_REQUESTS:
            return f"quarantined: {len(self._lost)} builds in a row were lost with this worker; {_CURE}"
        if len(self._gone) >= DISCONNECTS:
            minutes = WITHIN_SECONDS // 60
            return f"quarantined: it was disconnected {len(self._gone)} times in {minutes} minutes; {_CURE}"
        return ""
