"""The part of a log that is at hand: the newest block and the one before it, with the numbers of their lines."""

from __future__ import annotations

LONGEST_LINE = 1500
"""Bytes before and after the place that counts, of a longer line, that are looked at."""


class LogWindow:
    """Two neighbouring blocks of a log as one text."""

    def __init__(self) -> None:
        self.text = b""
        self.begin = 0
        """Where in the text the newest block begins."""
        self.offset = 0
        """Where in the log the text begins."""
        self.lines = 0
        """Lines of the log so far."""
        self._first = 1
        self._known = (0, 1)
        self._ends_within_line = False

    def append(self, block: bytes) -> None:
        """The next block; the one before the last goes."""
        gone = self.begin
        self._first += self.text.count(b"\n", 0, gone)
        self.text = self.text[gone:] + block
        self.begin = len(self.text) - len(block)
        self.offset += gone
        self._known = (0, self._first)
        self.lines += block.count(b"\n") + (1 if block and not block.endswith(b"\n") else 0)
        if self._ends_within_line and block:
            self.lines -= 1
        if block:
            self._ends_within_line = not block.endswith(b"\n")

    def number(self, place: int) -> int:
        """The number of the line at this place of the text, from 1."""
        known, number = self._known
        if place >= known:
            number += self.text.count(b"\n", known, place)
        else:
            number -= self.text.count(b"\n", place, known)
        self._known = (place, number)
        return number

    def line(self, place: int) -> tuple[int, int]:
        """Start and end of the line at this place; of a very long one the part around the place.

        A carriage return ends a line as well, as progress bars use it; it does not count one.
        """
        text = self.text
        low = max(0, place - LONGEST_LINE)
        high = min(len(text), place + LONGEST_LINE)
        start = max(text.rfind(b"\n", low, place), text.rfind(b"\r", low, place)) + 1 or low
        stop = text.find(b"\n", place, high)
        if stop < 0:
            stop = high
        turn = text.find(b"\r", place, stop)
        if turn >= 0:
            stop = turn
        return start, stop

    def lines_before(self, place: int, most: int) -> list[int]:
        """Where the lines before the one at this place begin, at most so many, in their order."""
        text = self.text
        places: list[int] = []
        end = text.rfind(b"\n", 0, place)
        if place == len(text) and not text.endswith(b"\n"):
            places.append(end + 1)
        while end > 0 and len(places) < most:
            start = text.rfind(b"\n", 0, end) + 1
            places.append(start)
            end = start - 1
        if end == 0 and len(places) < most:
            places.append(0)
        places.reverse()
        return places

    def lines_after(self, place: int, most: int) -> list[int]:
        """Where the lines after the one at this place begin, at most so many, in their order."""
        text = self.text
        places: list[int] = []
        start = text.find(b"\n", max(0, place)) + 1 if place >= 0 else 0
        while len(places) < most and (start > 0 or place < 0) and start < len(text):
            places.append(start)
            place = start
            start = text.find(b"\n", start) + 1
        return places
