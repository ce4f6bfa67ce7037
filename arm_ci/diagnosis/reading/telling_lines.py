"""Where in a block of a log a line may count: found by a few short texts, so that most lines are never looked at."""

from __future__ import annotations

from arm_ci.diagnosis.reading.log_window import LONGEST_LINE

# In lower case. Every message that means something far above the end of a log has one of these in it; what only
# counts near the end is found there, where each line is looked at.
_EVERYWHERE = (
    b"error:",
    b"cmake error",
    b": *** ",
    b"failed",
    b"killed",
    b"terminated",
    b"sigkill",
    b"collect2",
    b" cc1",
    b"of memory",
    b"e memory",
    b"y exhausted",
    b"bad_alloc",
    b"no space left",
    b"disk full",
    b"quota exceeded",
    b"137",
    b"oom-kill",
    b"needed by",
)
_LATE = (
    b"fatal:",
    b"illegal instruction",
    b"segmentation fault",
    b"bus error",
    b"does not apply",
    b"could not resolve",
    b"curl: (",
    b"wget",
    b"offline",
    b"channel",
    b"lost ",
    b"shutdown signal",
    b"no output",
    b"without output",
    b"timed out",
    b"interrupted",
    b"unable to locate",
    b"unmet",
    b"failure",
    b"fail:",
    b" fail ",
    b"not ok",
    b"exit",
    b"returned",
    b"nothing provides",
    b"no match for",
    b"stopped hearing",
    b"cancel",
    b"shared libraries",
)
_BEFORE_137 = frozenset(b" :('\"")
_GIVEN_137 = (b"rc=", b"code=", b"tus=", b"exit=")
_DIGITS = frozenset(b"0123456789.")


class Allowance:
    """How often something may be done: so many times at all, then so many times per block."""

    def __init__(self, first: int, per_block: int) -> None:
        self._left = first
        self._per_block = per_block
        self._here = per_block

    def new_block(self) -> None:
        """The next block begins."""
        self._here = self._per_block

    def take(self) -> bool:
        """Whether it may be done once more."""
        if self._left > 0:
            self._left -= 1
            return True
        self._here -= 1
        return self._here >= 0


class TellingLines:
    """Places worth a look. A text that stands everywhere is soon only looked at here and there."""

    FIRST = 1000
    PER_BLOCK = 5

    def __init__(self) -> None:
        self._allowances = {text: Allowance(self.FIRST, self.PER_BLOCK) for text in (*_EVERYWHERE, *_LATE)}

    def new_block(self) -> None:
        """The next block begins."""
        for allowance in self._allowances.values():
            allowance.new_block()

    def find(self, text: bytes, begin: int) -> list[int]:
        """Places from `begin` on, one for each line and text, in their order."""
        return self._find(_EVERYWHERE, text[begin:].lower(), begin)

    def find_late(self, text: bytes) -> list[int]:
        """Places of what only counts near the end of a log."""
        return self._find(_LATE, text.lower(), 0)

    def _find(self, texts: tuple[bytes, ...], lowered: bytes, begin: int) -> list[int]:
        found: set[int] = set()
        for each in texts:
            allowance = self._allowances[each]
            place = lowered.find(each)
            while place >= 0:
                if each == b"137" and not _is_status(lowered, place):
                    place = lowered.find(each, place + 3)
                    continue
                if not allowance.take():
                    last = lowered.rfind(each)
                    found.add(last + begin)
                    break
                found.add(place + begin)
                place = lowered.find(each, _next_line(lowered, place))
        return sorted(found)


def _is_status(lowered: bytes, place: int) -> bool:
    before = lowered[place - 1] if place else 32
    after = lowered[place + 3] if place + 3 < len(lowered) else 32
    if after in _DIGITS:
        return False
    return before in _BEFORE_137 or lowered[max(0, place - 5) : place].endswith(_GIVEN_137)


def _next_line(lowered: bytes, place: int) -> int:
    far = place + LONGEST_LINE
    end = lowered.find(b"\n", place, far)
    turn = lowered.find(b"\r", place, end if end >= 0 else far)
    if turn >= 0:
        return turn
    return end if end >= 0 else far
