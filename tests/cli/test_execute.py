"""Running one command on this machine: what is shown, what is handed on, how its end is said."""

from __future__ import annotations

import os
import select
from pathlib import PurePosixPath

import pytest

from arm_ci.cli.execute import End, execute
from arm_ci.plan import Command


def run(script: str, timeout_seconds: int = 60) -> tuple[str, list[str]]:
    lines: list[str] = []
    command = Command(("sh", "-c", script), PurePosixPath("/"), timeout_seconds)
    return execute(command, os.environ, lines.append).text, lines


@pytest.mark.parametrize(
    ("script", "ended", "lines"),
    [
        ("echo one; echo two >&2", "", ["one", "two"]),
        ("printf 'no end'; exit 3", "exit status 3", ["no end"]),
        ("kill -9 $$", "signal 9", []),
        (r"printf 'a\r\n\303\n'", "", ["a", "\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_lines_and_the_end_are_told(script, ended, lines):
    assert run(script) == (ended, lines)


def test_a_program_that_is_not_there_is_named():
    command = Command(("/no/such",), PurePosixPath("/"), 60)
    ended = execute(command, os.environ, lambda _: None)
    assert ended == End("exit status 127 (/no/such: No such file or directory)", exit_status=127)


def test_silence_ends_a_command_and_what_it_started(tmp_path):
    ended, lines = run(f"sleep 1000 & echo $! >{tmp_path}/child; echo begun; wait", timeout_seconds=1)
    assert (ended, lines) == ("silent for 1 seconds, stopped", ["begun"])
    assert has_ended(int((tmp_path / "child").read_text()))


def test_something_left_in_the_background_does_not_hold_the_build_up(tmp_path):
    ended, lines = run(f"sleep 1000 & echo $! >{tmp_path}/child; echo done")
    assert (ended, lines) == ("", ["done"])
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_an_interruption_stops_the_command(tmp_path):
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    command = Command(("sh", "-c", f"echo $$ >{tmp_path}/shell; echo x; sleep 1000"), PurePosixPath("/"), 60)
    with pytest.raises(KeyboardInterrupt):
        execute(command, os.environ, interrupt)
    assert has_ended(int((tmp_path / "shell").read_text()))


def has_ended(process_id: int) -> bool:
    """Whether a process is gone, or goes within ten seconds."""
    try:
        process = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)
