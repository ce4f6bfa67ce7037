"""When the agent does what it does again and again while a command runs. Pure: who asks brings the clock."""

from __future__ import annotations

_SAMPLE_SECONDS = 1.0
_NOTE_SECONDS = 5.0


class _Repeated:
    """Something that is done every so many seconds."""

    def __init__(self, seconds: float, first: float) -> None:
        self._seconds = seconds
        self.next_at = first

    def is_due(self, now: float) -> bool:
        """Whether it is to be done now; if so the next time is counted from now."""
        if now < self.next_at:
            return False
        self.next_at = now + self._seconds
        return True


class Schedule:
    """By a clock that is 0 when the command starts."""

    def __init__(self) -> None:
        self.sample = _Repeated(_SAMPLE_SECONDS, 0.0)
        """A row of samples, with a look at the machine and at what no launcher stands before."""
        self.note = _Repeated(_NOTE_SECONDS, _NOTE_SECONDS)
        """What is known of running edges goes into the journal."""
