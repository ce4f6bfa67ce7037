"""How long tests wait: for a condition, with a limit that grows with the load of the machine.

A limit only ends a test that would never end, so it is far longer than what is waited for takes on an idle machine.
The environment's ARM_CI_TEST_PATIENCE, a number, multiplies every limit instead of the load.
"""

from __future__ import annotations

import os
import time
import urllib.error
from collections.abc import Callable
from typing import Any

_AT_LEAST = 2.0
_AT_FIRST_SECONDS, _AT_LAST_SECONDS = 0.005, 0.1


def patience() -> float:
    """By how much limits are longer than written."""
    said = os.environ.get("ARM_CI_TEST_PATIENCE")
    if said:
        return float(said)
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(_AT_LEAST, _AT_LEAST * waiting)


def limit(seconds: float) -> float:
    """A limit in seconds for this machine as it is now."""
    return seconds * patience()


def wait_for(condition: Callable[[], Any], what: str = "", limit_seconds: float = 120) -> Any:
    """What a condition gives as soon as it holds; an AssertionError that says `what` was waited for when time is over.

    While an address answers with an error, what is asked for is not there yet.
    """
    began = time.monotonic()
    pause = _AT_FIRST_SECONDS
    while True:
        try:
            if value := condition():
                return value
        except urllib.error.HTTPError:
            pass
        waited = time.monotonic() - began
        if waited > limit(limit_seconds):
            raise AssertionError(f"waited {waited:.0f} s in vain: {what or condition}")
        time.sleep(pause)
        pause = min(pause * 1.5, _AT_LAST_SECONDS)
