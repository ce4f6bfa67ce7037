"""Whether an output that failed was built later after all: a second try that passed."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.clean_text import readable, tools_own
from arm_ci.diagnosis.reading.log_window import LogWindow

MOST_OUTPUTS = 8
"""Outputs that are watched; of a log with more failures nothing is claimed to be repaired."""

_SAYS_FAILED = re.compile(
    r"^(?:\S*/)?g?make(?:\[\d+\])?: |^FAILED: |^ninja: |recipe for target|\berror\b|\bError\b|^rm |Deleting"
    r"|warning:|not remade|cannot find"
)


class RebuiltOutputs:
    """Watches for lines that show an output being made, after it failed."""

    def __init__(self) -> None:
        self._failed: dict[str, int] = {}
        self._made: dict[str, int] = {}
        self._too_many = False

    def failed(self, output: str, line: int) -> None:
        """The build tool says that this output failed, in this line."""
        if len(output) < 3:
            self._too_many = True
        elif output in self._failed or len(self._failed) < MOST_OUTPUTS:
            self._failed[output] = max(line, self._failed.get(output, 0))
        else:
            self._too_many = True

    def look(self, window: LogWindow, begin: int) -> None:
        """Looks through the newest block."""
        if self._too_many:
            return
        for output, failed in self._failed.items():
            name = output.encode("utf-8", "replace")
            place = window.text.rfind(name)
            tries = 0
            while place >= begin and tries < 20:
                tries += 1
                if window.number(place) > failed + 2 and self._is_made(output, window, place):
                    self._made[output] = window.number(place)
                    break
                place = window.text.rfind(name, 0, place)

    def _is_made(self, output: str, window: LogWindow, place: int) -> bool:
        text = tools_own(readable(window.text[slice(*window.line(place))]))
        if _SAYS_FAILED.search(text):
            return False
        name = re.escape(output)
        return (
            re.search(
                rf"(?:-o ?[\"']?{name}(?=[\"'\s]|$)|^\[[^\]]+\] .*(?:^|[\s'\"]){name}(?=[\s'\"]|$)|^(?:CC|CXX|LD"
                rf"|AR|CCLD|CXXLD|LINK)\s+(?:\[M\]\s+)?{name}$)",
                text,
            )
            is not None
        )

    def names(self) -> frozenset[str]:
        """Outputs that failed and were made later."""
        if self._too_many:
            return frozenset()
        return frozenset(name for name, line in self._made.items() if line > self._failed[name])
