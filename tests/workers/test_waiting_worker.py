"""The worker that waits in a guest, as a process of this machine: what it says, and what it refuses."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2] / "workers" / "guest" / "waiting_worker.py"


class Channel:
    """The host's end of a serial line with the worker at the other end."""

    def __init__(self) -> None:
        self.end, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-B", WORKER, os.ttyname(other)], stdin=subprocess.DEVNULL
        )
        self._other = other
        self._read = b""

    def hear(self) -> object:
        while b"\n" not in self._read.lstrip():
            assert select.select([self.end], [], [], 30)[0], "the worker says nothing"
            self._read += os.read(self.end, 4096)
        line, _, self._read = self._read.lstrip().partition(b"\n")
        return json.loads(line)

    def tell(self, text: str) -> None:
        os.write(self.end, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.end)
        os.close(self._other)


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel()
    yield channel
    channel.close()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "the host sent something else than a line of JSON"),
        ("[1]", "the host sent something else than an object of JSON"),
        ('{"entropy": ""}', "the host's answer has no `time`: seconds since 1970 was expected"),
        ('{"time": true, "entropy": ""}', "the host's answer has no `time`: seconds since 1970 was expected"),
        ('{"time": 1}', "the host's answer has no `entropy`: a text was expected"),
        ('{"time": 1, "entropy": "xy"}', "the host's `entropy` is not in hexadecimal digits"),
    ],
)
def test_an_answer_that_it_cannot_use_is_told_and_ends_it(channel: Channel, line: str, why: str) -> None:
    assert channel.hear() == {"state": "waiting"}
    channel.tell(line + "\n")
    assert channel.hear() == {"state": "failed", "why": why}
    assert channel.process.wait(30) == 1


def test_an_answer_may_come_in_pieces(channel: Channel) -> None:
    assert channel.hear() == {"state": "waiting"}
    for piece in ('{"ti', 'me": 1}', "\n"):
        channel.tell(piece)
    why = "the host's answer has no `entropy`: a text was expected"
    assert channel.hear() == {"state": "failed", "why": why}


def test_an_endless_line_is_refused(channel: Channel) -> None:
    assert channel.hear() == {"state": "waiting"}
    # No more than that: who writes into a terminal that nobody reads waits.
    for _ in range(33):
        channel.tell("x" * 2000)
    assert channel.hear() == {"state": "failed", "why": "the host sent no line in 65536 bytes"}
