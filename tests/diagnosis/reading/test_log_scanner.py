"""The scanner keeps lines' numbers through whatever a log holds, and little memory."""

import tracemalloc

import pytest
from judged import judged, scanned

from arm_ci.diagnosis.reading.bounded_findings import FIRST, LAST
from arm_ci.diagnosis.reading.log_scanner import LogScanner

KILLED = "g++: fatal error: Killed signal terminated program cc1plus\n"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 1),
        ("\n\n", 3),
        ("a\r\nb\r\n", 3),
        ("10%\r20%\r30%\rdone\n", 2),
        ("10%\r20%\r", 1),
        ("\x00" * 5000 + "\n", 2),
        ("x" * 700000 + "\n", 2),
        ("\x1b[31mred\x1b[0m\n", 2),
        ("a\n" * 300000, 300001),
        ("\xff\xfe\n", 2),
    ],
)
def test_a_line_has_the_number_that_an_editor_shows(before, line):
    found = scanned((before + KILLED).encode("latin-1"))
    assert [(each.means, each.line) for each in found.findings] == [("killed", line)]
    assert found.lines == line


@pytest.mark.parametrize(
    "log",
    [
        "\x1b[01m\x1b[Kg++:\x1b[m\x1b[K \x1b[01;31m\x1b[Kfatal error: \x1b[m\x1b[KKilled signal terminated program "
        "cc1plus\n",
        "2024-01-02T03:04:05.6789012Z g++: fatal error: Killed signal terminated program cc1plus\n",
        "[2024-01-02T03:04:05.678Z] g++: fatal error: Killed signal terminated program cc1plus\n",
        "12:00:01 g++: fatal error: Killed signal terminated program cc1plus\n",
        "#12 345.6 g++: fatal error: Killed signal terminated program cc1plus\n",
        "| g++: fatal error: Killed signal terminated program cc1plus\n",
        "web_1  | g++: fatal error: Killed signal terminated program cc1plus\n",
        "    default: g++: fatal error: Killed signal terminated program cc1plus\n",
        "g++: fatal error: Killed\x00 signal terminated program cc1plus\n",
        "g++: fatal error: Killed signal terminated program cc1plus\r\n",
    ],
)
def test_colours_and_what_a_service_puts_before_a_line_do_not_hide_it(log):
    assert judged(log).program == "cc1plus"


def test_a_message_within_a_very_long_line_of_progress_is_found():
    log = "".join(f"\r{number}%" for number in range(200000)) + "\rKilled\r" + "x" * 1000
    assert judged(log).kind == "oom-kill"


def test_of_messages_without_end_the_first_and_the_last_are_kept():
    log = "".join(f"src/a{number}.cpp:1:1: error: x\n" for number in range(20000))
    found = scanned(log)
    lines = [each.line for each in found.findings]
    assert lines[:FIRST] == list(range(1, FIRST + 1))
    assert lines[-1] == 20000
    assert len(lines) == FIRST + LAST
    assert found.left_out > 0


def test_a_kill_among_a_million_errors_is_found():
    noise = "src/a.cpp:1:1: error: x\n" * 200000
    log = f"{noise}{KILLED}make: *** [Makefile:5: heavy.o] Error 1\n{noise}"
    assert judged(log).output == "heavy.o"


def test_a_log_of_a_hundred_megabytes_in_one_line_takes_little_memory():
    scanner = LogScanner()
    piece = b"error: killed out of memory " * 4096
    tracemalloc.start()
    for _ in range(1000):
        scanner.feed(piece)
    scanner.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20


def test_a_log_in_one_piece_is_the_same_as_in_many():
    log = (
        "[1/9] CXX a.o\n" * 40000 + f"FAILED: b.o\ng++ -c b.cpp -o b.o\n{KILLED}" + "[2/9] CXX c.o\n" * 40000
    ).encode()
    assert scanned(log) == scanned(log, range(0, len(log), 7919))


def test_the_success_at_the_end_is_quoted():
    found = scanned("x\n[1/2] CXX a.o\n[2/2] LINK app\n")
    assert (found.succeeded, found.succeeded_line) == ("[2/2] LINK app", 3)
