"""The journal: what a full disk and a kill leave of it, and the report that it makes."""

from __future__ import annotations

import errno
import json
import os
from itertools import pairwise

import pytest

from arm_ci.agent import journal
from arm_ci.agent.journal import JournalWriter, SampleKeeper, read_journal, report_of_journal
from arm_ci.agent.peaks import Peaks
from arm_ci.agent.report import SAMPLE_COLUMNS, Report, ReportError


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "journal")


def edge(number: int, **more):
    known = {"argv": ["g++", "-c", "a.cpp"], "directory": "/b", "program": "g++", "output": "a.o", "kind": "compile"}
    return {"number": number, "start_seconds": 0.5, **known, **more}


def written(path: str, *lines) -> None:
    writer = JournalWriter(path)
    for kind, value in lines:
        writer.write(kind, value)
    writer.close()


BEGIN = ("begin", Report(command=("make",)).to_json())


def row(seconds: float, available: float = 5.0):
    return [seconds, available, *[1.0] * (len(SAMPLE_COLUMNS) - 2)]


def test_lines_come_back_in_their_order(path):
    written(path, BEGIN, ("sample", [1]), ("sample", [2]))
    assert [kind for kind, _ in read_journal(path)] == ["begin", "sample", "sample"]
    assert os.stat(path).st_size < 5000  # the reserve was cut off


def test_a_journal_that_was_not_closed_ends_with_its_last_line(path):
    writer = JournalWriter(path)
    writer.write(*BEGIN)
    writer.write("sample", row(1.0))
    assert os.stat(path).st_size >= 1 << 20
    assert [kind for kind, _ in read_journal(path)] == ["begin", "sample"]
    writer.close()


@pytest.mark.parametrize(
    "rest", [b'{"sample": [1', b"\0\0\0", b"no json\n", b"[1]\n", b"{}\n", b'{"a": 1, "b": 2}\n', b"\xff\n"]
)
def test_what_is_no_whole_line_ends_it(path, rest):
    written(path, BEGIN)
    with open(path, "ab") as file:
        file.write(rest + b'{"sample": [3]}\n')
    assert [kind for kind, _ in read_journal(path)] == ["begin"]


def test_on_a_full_disk_the_last_lines_have_what_was_kept(path, monkeypatch):
    writer = JournalWriter(path)
    writer.write(*BEGIN)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    line = "x" * 10_000
    for _ in range(120):
        writer.write("noise", line)
    assert writer.dropped > 10
    writer.write("outcome", {"complete": True}, is_last=True)
    kinds = [kind for kind, _ in read_journal(path)]
    assert kinds[-1] == "outcome"
    assert os.stat(path).st_size == 1 << 20
    writer.close()


def test_a_file_system_that_cannot_reserve_has_a_journal_all_the_same(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    written(path, BEGIN, ("sample", row(1.0)))
    assert [kind for kind, _ in read_journal(path)] == ["begin", "sample"]


def test_without_a_file_every_line_is_dropped_and_counted(tmp_path):
    writer = JournalWriter(str(tmp_path / "no" / "journal"))
    assert writer.refusal == f"{tmp_path}/no/journal: No such file or directory"
    writer.write(*BEGIN)
    writer.close()
    assert writer.dropped == 1


def test_the_report_has_what_the_last_lines_say_of_an_edge(path):
    written(
        path,
        BEGIN,
        ("edge", edge(1)),
        ("edge", edge(0, output="b.o")),
        ("end", {"number": 1, "peak_rss_bytes": 5}),
        ("end", {"number": 1, "peak_rss_bytes": 7, "end_seconds": 2.0, "exit_status": 0}),
        ("end", {"number": 9}),
        ("edge", edge(2)),
        ("drop", 2),
        ("sample", row(1.0)),
    )
    report = report_of_journal(path)
    assert [(each.number, each.output, each.peak_rss_bytes, each.exit_status) for each in report.edges] == [
        (0, "b.o", None, None),
        (1, "a.o", 7, 0),
    ]
    assert not report.outcome.complete
    assert report.outcome.seconds == 1.0  # of the last sample
    assert report.command == ("make",)


def test_long_commands_are_kept_of_links_and_failures_only(path):
    argv = ["g++", *["-Isome/directory/for/headers"] * 100]
    written(
        path,
        BEGIN,
        ("edge", edge(0, argv=argv, exit_status=0)),
        ("edge", edge(1, argv=argv, exit_status=1)),
        ("edge", edge(2, argv=argv, exit_status=0, kind="link")),
    )
    lengths = [len(each.argv) for each in report_of_journal(path).edges]
    assert lengths[0] < 50
    assert lengths[1:] == [101, 101]
    assert report_of_journal(path).edges[0].argv[-1] == "..."


def test_of_a_shortened_command_the_report_still_says_by_what_its_peak_is_known(path):
    command = ["g++", *[f"-DNAME_{number}=1" for number in range(100)], "-std=c++11", "-g", "-c", "a.cpp", "-o", "a.o"]
    ended = {"number": 1, "end_seconds": 2.0, "exit_status": 0, "peak_rss_bytes": 5}
    written(path, BEGIN, ("edge", edge(1, argv=command)), ("end", ended))
    report = report_of_journal(path)
    assert report.edges[0].argv[-1] == "..."
    (learned,) = Peaks().with_report(report).edges
    assert learned.fingerprint == "g++ -std=c++11 -g"


def test_a_journal_without_its_beginning_is_no_report(path):
    written(path, ("sample", row(1.0)))
    with pytest.raises(ReportError, match=r"^the journal has no beginning$"):
        report_of_journal(path)


def test_many_samples_are_thinned_evenly_and_the_worst_values_stay():
    keeper = SampleKeeper(most=100)
    for second in range(1000):
        keeper.add(tuple(row(float(second), 1.0 if second == 501 else 9.0)))
    samples = keeper.samples()
    seconds = samples.column("seconds")
    assert 50 <= len(seconds) <= 101
    assert seconds[0] == 0.0
    assert {after - before for before, after in pairwise(seconds)} == {16.0}
    assert min(samples.column("memory_available_bytes")) == 1.0


def test_values_that_are_not_known_stay_unknown_when_rows_are_merged():
    nothing = (2.0, *[None] * (len(SAMPLE_COLUMNS) - 1))
    assert journal._worst(nothing, nothing) == nothing
    assert journal._worst(nothing, tuple(row(3.0)))[1] == 5.0


def test_lines_are_plain_json(path):
    written(path, ("edge", edge(0, output="ü\udcff")))
    with open(path, encoding="ascii") as file:
        assert json.loads(file.read())["edge"]["output"] == "ü\udcff"
