"""`arm-ci diagnose`: what it prints, what it returns, and what it says when a file cannot be read."""

import io
import json
import os
import subprocess
import sys
import threading

import pytest

from arm_ci.agent.report import Edge, Limits, Outcome, Report, Unseen, Visibility
from arm_ci.cli import diagnose, main
from arm_ci.diagnosis.page import rendering
from arm_ci.diagnosis.verdict import Advice, Evidence, Verdict

MB = 1 << 20
LOG = """\
[1/3] /usr/bin/g++ -c a.cpp -o obj/a.o
[2/3] /usr/bin/g++ -o bin/app obj/a.o
FAILED: bin/app
/usr/bin/g++ -fuse-ld=bfd -o bin/app obj/a.o
/usr/bin/ld.bfd: final link failed: No space left on device
collect2: error: ld returned 1 exit status
ninja: build stopped: subcommand failed.
"""
KERNEL = """\
[   98.700000] Memory cgroup out of memory: Killed process 77 (cc1plus) total-vm:800000kB, anon-rss:624000kB
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A log and a report in the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build.log").write_text(LOG)
    (tmp_path / "kernel.log").write_text(KERNEL)
    edge = Edge(0, ("g++",), "/b", "g++", "a.o", "compile", 0.0, 9.0, 1, None, pids=(76, 77), heaviest="cc1plus")
    report = Report(
        command=("make",),
        limits=Limits(memory_bytes=925 * MB),
        outcome=Outcome(exit_status=2, seconds=9.0, complete=True),
        edges=(edge,),
        visibility=Visibility(
            unseen=(Unseen("memory pressure", "/proc/pressure/memory is not there", "psi=1 in cmdline.txt"),)
        ),
    )
    (tmp_path / "report.json").write_text(json.dumps(report.to_json()))
    return tmp_path


def run(capsys, *argv):
    """Exit status and what was printed."""
    try:
        status = main(["diagnose", *argv])
    except SystemExit as error:
        status = error.code
    return status, *capsys.readouterr()


def test_a_log_gets_a_verdict_for_a_person(files, capsys):
    status, out, err = run(capsys, "build.log")
    assert (status, err) == (0, "")
    assert out == (
        "disk-full: ld.bfd could not write bin/app: no space left on the disk\n"
        "confidence: certain\n"
        "\n"
        "evidence\n"
        "  log, line 5: the program's own words\n"
        "    /usr/bin/ld.bfd: final link failed: No space left on device\n"
        "\n"
        "what to change, best first\n"
        "  1. Free disk where the build tree is and where TMPDIR points to: `df -h . ${TMPDIR:-/tmp}` there says "
        "which.\n"
        "     The log shows that writing failed, not which file system is full.\n"
    )


def test_json_has_every_key_of_the_verdict(files, capsys):
    status, out, _ = run(capsys, "--json", "build.log")
    document = json.loads(out)
    assert status == 0
    assert {key: document[key] for key in ("kind", "scope", "confidence", "program", "output", "bytes")} == {
        "kind": "disk-full",
        "scope": None,
        "confidence": "certain",
        "program": "ld.bfd",
        "output": "bin/app",
        "bytes": None,
    }
    assert document["evidence"][0] == {
        "source": "log",
        "line": 5,
        "text": "/usr/bin/ld.bfd: final link failed: No space left on device",
        "why": "the program's own words",
    }
    assert [sorted(each) for each in document["advice"]] == [["because", "text"]]


def test_standard_input_is_read_like_a_file(files, capsys, monkeypatch):
    _, expected, _ = run(capsys, "--json", "build.log")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG.encode())))
    assert run(capsys, "--json", "-") == (0, expected, "")


def test_a_report_and_a_kernel_log_are_put_together(files, capsys):
    status, out, _ = run(capsys, "--json", "--report", "report.json", "--kernel-log", "kernel.log")
    document = json.loads(out)
    assert status == 0
    assert (document["kind"], document["scope"], document["output"]) == ("oom-kill", "cgroup", "a.o")
    assert ("kernel log", 1) in [(each["source"], each["line"]) for each in document["evidence"]]


def test_what_could_not_be_seen_is_printed(files, capsys):
    _, out, _ = run(capsys, "--report", "report.json")
    assert out.endswith(
        "what could not be seen\n"
        "  - memory pressure: /proc/pressure/memory is not there (psi=1 in cmdline.txt would show it)\n"
    )


def test_unknown_is_a_verdict_too(files, capsys):
    (files / "odd.log").write_text("nothing to see\n")
    status, out, _ = run(capsys, "odd.log")
    assert status == 0
    assert out.startswith("unknown: ")


@pytest.mark.parametrize(("number", "kind"), [("0", "ok"), ("1", "unknown"), ("-15", "killed-other")])
def test_how_the_command_ended_counts(files, capsys, number, kind):
    (files / "odd.log").write_text("nothing to see\n")
    assert json.loads(run(capsys, "--json", "--exit-status", number, "odd.log")[1])["kind"] == kind


def test_the_page_is_written(files, capsys):
    status, _, _ = run(capsys, "--page", "page.html", "--report", "report.json", "build.log")
    text = (files / "page.html").read_text(encoding="utf-8")
    assert status == 0
    assert text.startswith("<!DOCTYPE html>")
    assert "<svg" in text


def test_without_jinja_a_page_is_refused_at_once_and_a_verdict_is_not(files, capsys, monkeypatch):
    rendering._templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    needed = f"a page needs Jinja2, which is not installed here: {sys.executable} -m pip install Jinja2"
    assert run(capsys, "--page", "page.html", "nowhere.log") == (3, "", f"arm-ci: --page: {needed}\n")
    assert run(capsys, "build.log")[0] == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "diagnose: name a LOG (- for standard input), or give --report or --kernel-log"),
        (("nowhere.log",), "LOG: nowhere.log: No such file or directory"),
        (("--report", "nowhere.json"), "--report: nowhere.json: No such file or directory"),
        (("--kernel-log", "nowhere.txt"), "--kernel-log: nowhere.txt: No such file or directory"),
        (("--report", "."), "--report: .: Is a directory"),
        (("--report", "build.log"), "--report: build.log: not JSON: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        (("--report", "list.json"), "--report: list.json: not a report: an object with a number `schema` was expected"),
        (("--page", "no/page.html", "build.log"), "--page: no/page.html: No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(files, capsys, argv, message):
    (files / "list.json").write_text("[]")
    assert run(capsys, *argv) == (2, "", f"arm-ci: {message}\n")


@pytest.mark.parametrize("number", ["x", "256", "-65", ""])
def test_an_exit_status_that_is_none_is_refused(files, capsys, number):
    status, _, err = run(capsys, "--exit-status", number, "build.log")
    assert status == 2
    assert f"`{number}`: a number from -64 to 255 was expected" in err


def test_text_that_a_terminal_would_obey_is_not_printed():
    verdict = Verdict(
        "unknown",
        "possible",
        "unknown: \x1b]0;title\x07 \x1b[31mred",
        evidence=(Evidence("log", 3, "a\rb\x1b[2Jc\0", "why\x9b1m"),),
        advice=(Advice("do\x08 it", "since\x7f"),),
        unseen=("this\x1bc",),
    )
    text = diagnose.in_words(verdict)
    assert not [letter for letter in text if letter != "\n" and not letter.isprintable() and letter != "\ufffd"]
    assert "    a bc\ufffd\n" in text


def test_a_kernel_log_in_one_line_without_end_takes_no_memory():
    class Endless(io.RawIOBase):
        left = 200_000_000

        def readable(self):
            return True

        def readinto(self, buffer):
            count = min(len(buffer), self.left)
            self.left -= count
            buffer[:count] = b"x" * count
            return count

    lines = list(diagnose._lines(io.BufferedReader(Endless(), 1 << 20)))
    assert [len(line) for line in lines] == [8192]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_reading_that_takes_long_shows_progress_on_a_terminal_and_takes_it_away(monkeypatch):
    monkeypatch.setattr(diagnose, "_PATIENCE_SECONDS", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    diagnose._scan(io.BytesIO(b"x\n" * (1 << 20)), 2 << 20)
    assert terminal.getvalue() == "\rread 1 MB of 2 MB \rread 2 MB of 2 MB \r\x1b[K"


def test_no_progress_is_shown_where_nobody_looks_or_nothing_takes_long(monkeypatch):
    quiet = Terminal()
    monkeypatch.setattr(sys, "stderr", quiet)
    diagnose._scan(io.BytesIO(b"x\n"), 0)
    assert quiet.getvalue() == ""
    monkeypatch.setattr(diagnose, "_PATIENCE_SECONDS", 0.0)
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    diagnose._scan(io.BytesIO(b"x\n"), 0)
    assert pipe.getvalue() == ""


def test_a_log_is_read_as_it_comes_not_when_it_ends(files):
    """A pipe that stays open is consumed: its writer is not held up."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "arm_ci", "diagnose", "--json", "-"]
    process = subprocess.Popen(command, stdin=reader, stdout=subprocess.PIPE)
    os.close(reader)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    for _ in range(64):
        os.write(writer, b"a line of a build log that says nothing\n" * 4000)
    os.write(writer, LOG.encode())
    os.close(writer)
    out, _ = process.communicate()
    watchdog.cancel()
    assert json.loads(out)["kind"] == "disk-full"
