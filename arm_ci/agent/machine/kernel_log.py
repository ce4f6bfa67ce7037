"""The kernel's log while a command runs: from /dev/kmsg, dmesg or the journal; only what came since then."""

from __future__ import annotations

import errno
import os
from typing import Dict, Iterator, List, NamedTuple, Optional

from .command_output import run_program

_LONGEST_RECORD = 8192
_MOST_LINES = 20000
_DMESG_SECONDS = 10
_PROGRAMS: Dict[str, List[str]] = {
    "dmesg": ["dmesg"],
    "journal": ["journalctl", "--dmesg", "--quiet", "--output=short-monotonic"],
}


class Mark(NamedTuple):
    """The end of the kernel's log at a moment. Its clock is not that of the rest of the system: it is not compared."""

    source: str
    last: float
    """Number of the last record for `kmsg`, stamp of the last line for the others; -1 in an empty log."""


def _run(argv: List[str]) -> Optional[str]:
    output = run_program(argv, _DMESG_SECONDS, errors_too=False)
    return output.text if output.succeeded else None


class KernelLog:
    """Lines of the kernel since a moment. `source` is `kmsg`, `dmesg`, `journal`, or empty: unreadable."""

    def __init__(self, device: str = "/dev/kmsg", mark: Optional[Mark] = None) -> None:
        """`mark`: the end of the log at an earlier moment; None: from now on."""
        self.source = ""
        self.refusal = ""
        """Why there is none, when there is none."""
        self._lines: List[str] = []
        self._file = -1
        try:
            self._file = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.refusal = "{}: {}".format(device, error.strerror)
            self._choose_program()
        else:
            self.source = "kmsg"
        self.mark = mark if mark and mark.source == self.source else self._end()

    def _choose_program(self) -> None:
        for source in _PROGRAMS:
            if _run(_PROGRAMS[source]):
                self.source = source
                return

    def _end(self) -> Mark:
        """The mark of the last line that there is."""
        if self.source == "kmsg":
            last = -1
            for record in self._records():
                last = max(last, _sequence(record))
            return Mark("kmsg", last)
        stamps = [_stamp(line) for line in self._program_lines()]
        return Mark(self.source, max(stamps, default=-1.0))

    def _records(self) -> Iterator[str]:
        """Takes what the device has."""
        while True:
            try:
                record = os.read(self._file, _LONGEST_RECORD)
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue  # the kernel has overwritten what we had not read yet
                return
            if not record:
                return
            yield record.decode("utf-8", "replace").rstrip("\n")

    def _program_lines(self) -> List[str]:
        return (_run(_PROGRAMS[self.source]) or "").splitlines() if self.source else []

    def read_new(self) -> None:
        """Takes what is there, before the kernel overwrites it."""
        if self._file < 0:
            return
        self._lines += [record for record in self._records() if _sequence(record) > self.mark.last]
        if len(self._lines) > _MOST_LINES:
            del self._lines[: _MOST_LINES // 2]

    def lines(self) -> List[str]:
        """Every line since the start."""
        if self.source == "kmsg":
            self.read_new()
            return list(self._lines)
        return [line for line in self._program_lines() if _stamp(line) > self.mark.last]


def _sequence(record: str) -> int:
    # `6,1234,98765432,-;text`: level, number, microseconds since boot (Documentation/ABI/testing/dev-kmsg).
    number = record.partition(";")[0].split(",")[1:2]
    return int(number[0]) if number and number[0].isdigit() else -1


def _stamp(line: str) -> float:
    # `[ 1234.567890] text`
    try:
        return float(line.partition("]")[0].strip("[ "))
    except ValueError:
        return -1.0
