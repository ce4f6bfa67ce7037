"""The scanner keeps lines' numbers through whatever a log holds, and little memory."""

import tracemalloc

import pytest
from judged import judged, scanned

from arm_ci.diagnosis.reading.bounded_findings import MOST_FIRST, MOST_LAST
from arm_ci.diagnosis.reading.log_scanner import CONTEXT_LINES, LINES_BELOW, LogScanner

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
    assert lines[:MOST_FIRST] == list(range(1, MOST_FIRST + 1))
    assert lines[-1] == 20000
    assert len(lines) == MOST_FIRST + MOST_LAST
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


QUIET = "quiet line\n" * 60_000
"""More than the scanner has at hand at once: what stands before is not near the end of the log any more."""
UNDEFINED = "main.o: in function `main': undefined reference to `run'\n"


def meanings(log):
    return [each.means for each in scanned(log + QUIET).findings]


def test_a_line_without_a_telling_word_is_not_looked_at_far_from_the_end():
    assert meanings(UNDEFINED) == []


@pytest.mark.parametrize(
    ("failed", "means"),
    [
        ("make: *** [Makefile:5: app] Error 1\n", "target-failed"),
        ("collect2: error: ld returned 1 exit status\n", "linker-failed"),
    ],
)
def test_what_stands_above_a_failed_target_or_link_is_looked_at_in_any_words(failed, means):
    assert meanings(UNDEFINED + failed) == ["link", means]
    assert meanings(UNDEFINED + "quiet\n" * (CONTEXT_LINES - 1) + failed) == ["link", means]
    assert meanings(UNDEFINED + "quiet\n" * CONTEXT_LINES + failed) == [means]


def test_what_stands_above_a_compilers_error_is_not_looked_at():
    assert meanings(UNDEFINED + "main.cpp:1:1: error: x\n") == ["compile"]


STACK = "Illegal instruction (core dumped)\n"


def test_what_stands_below_a_refusal_is_looked_at_in_any_words():
    refused = "LLVM ERROR: out of memory\n"
    assert meanings(STACK) == []
    assert meanings(refused + "quiet\n" * (LINES_BELOW - 1) + STACK) == ["refused", "crashed"]
    assert meanings(refused + "quiet\n" * LINES_BELOW + STACK) == ["refused"]
    assert meanings("main.cpp:1:1: error: x\n" + STACK) == ["compile"]
