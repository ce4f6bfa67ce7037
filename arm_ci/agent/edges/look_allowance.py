"""How much of the time looking at edges may cost: on a slow board they are looked at less often."""

from __future__ import annotations

import time

_SHARE = 1 / 200
_BURST_SECONDS = 0.005


class Allowance:
    """Processor seconds that were spent, against a share of the time that has passed."""

    def __init__(self) -> None:
        self._owed = 0.0
        self._at = time.monotonic()

    def pay(self, seconds: float) -> None:
        """Takes processor seconds from it."""
        now = time.monotonic()
        self._owed = max(0.0, self._owed - (now - self._at) * _SHARE) + seconds
        self._at = now

    @property
    def ready_at(self) -> float:
        """When there is something left of it again, by the monotonic clock."""
        return self._at + max(0.0, self._owed - _BURST_SECONDS) / _SHARE
