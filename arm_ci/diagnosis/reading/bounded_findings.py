"""Of findings without end the first and the last of each meaning: what a verdict rests on, in bounded memory."""

from __future__ import annotations

from collections import deque

from arm_ci.diagnosis.reading.findings import Finding

MOST_FIRST = 150
MOST_LAST = 50


class BoundedFindings:
    """Findings of each meaning: the first ones and the last ones."""

    def __init__(self) -> None:
        self._first: dict[str, list[Finding]] = {}
        self._last: dict[str, deque[Finding]] = {}
        self.left_out = 0

    def add(self, finding: Finding) -> None:
        """One more."""
        first = self._first.setdefault(finding.means, [])
        if len(first) < MOST_FIRST:
            first.append(finding)
            return
        last = self._last.setdefault(finding.means, deque(maxlen=MOST_LAST))
        if len(last) == MOST_LAST:
            self.left_out += 1
        last.append(finding)

    def all(self) -> tuple[Finding, ...]:
        """The first and the last of each meaning, by their lines."""
        every = [each for findings in (*self._first.values(), *self._last.values()) for each in findings]
        return tuple(sorted(every, key=lambda each: each.line))
