"""The kernel's lines since a moment, from whichever source lets itself be read."""

from __future__ import annotations

import errno
import os

import pytest

from arm_ci.agent.machine import kernel_log
from arm_ci.agent.machine.kernel_log import KernelLog, Mark

OLD = "6,41,5000000,-;old"
NEW = "6,42,6000000,-;new"


class Device:
    """/dev/kmsg: every read is one record."""

    def __init__(self, monkeypatch, tmp_path) -> None:
        self.path = str(tmp_path / "kmsg")
        (tmp_path / "kmsg").touch()
        self.records: list = []
        self.real = os.read
        self.place = 0
        monkeypatch.setattr(os, "read", self.read)

    def read(self, file, most):
        if self.place == len(self.records):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        record = self.records[self.place]
        self.place += 1
        if isinstance(record, OSError):
            raise record
        return (record + "\n").encode()


@pytest.fixture
def device(monkeypatch, tmp_path) -> Device:
    return Device(monkeypatch, tmp_path)


def test_only_what_comes_after_the_start_counts(device):
    device.records = [OLD]
    log = KernelLog(device.path)
    assert (log.source, log.mark) == ("kmsg", Mark("kmsg", 41))
    device.records += [NEW]
    assert log.lines() == [NEW]
    device.records += ["6,43,7000000,-;later"]
    assert log.lines() == [NEW, "6,43,7000000,-;later"]


def test_who_comes_later_reads_from_the_mark(device):
    device.records = [OLD, NEW]
    assert KernelLog(device.path, mark=Mark("kmsg", 41)).lines() == [NEW]


def test_records_that_were_overwritten_meanwhile_are_passed_over(device):
    log = KernelLog(device.path)
    device.records = [OSError(errno.EPIPE, "Broken pipe"), NEW]
    assert log.lines() == [NEW]


def test_a_record_without_a_number_is_no_news(device):
    log = KernelLog(device.path)
    device.records = ["no number", "6,x,1,-;text", NEW]
    assert log.lines() == [NEW]


@pytest.mark.parametrize("source", ["dmesg", "journal"])
def test_where_the_device_is_closed_a_program_is_asked(source, monkeypatch, tmp_path):
    said = ["[    5.000000] old", "no stamp"]

    def answer(argv):
        return "\n".join(said) if argv[0] == ("dmesg" if source == "dmesg" else "journalctl") else None

    monkeypatch.setattr(kernel_log, "_run", answer)
    log = KernelLog(str(tmp_path / "none"))
    assert (log.source, log.mark) == (source, Mark(source, 5.0))
    said += ["[    6.000000] new"]
    assert log.lines() == ["[    6.000000] new"]
    assert KernelLog(str(tmp_path / "none"), mark=log.mark).lines() == ["[    6.000000] new"]


def test_where_nothing_can_be_read_it_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_log, "_run", lambda argv: None)
    log = KernelLog(str(tmp_path / "none"))
    assert (log.source, log.refusal, log.lines()) == ("", f"{tmp_path}/none: No such file or directory", [])


def test_a_mark_of_another_source_is_not_used(device):
    device.records = [OLD]
    assert KernelLog(device.path, mark=Mark("dmesg", 1.0)).mark == Mark("kmsg", 41)
