"""Runs one command of a recipe on this machine as a Buildbot worker would: its output line by line, no long silence.

It shows the output and judges nothing.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arm_ci.plan import Command

LineTaker = Callable[[str], None]


@dataclass(frozen=True)
class End:
    """How a command ended."""

    text: str
    """As `exit status 1`, or nothing when it ended well."""
    exit_status: int | None = None
    signal: int | None = None
    silent_seconds: int | None = None
    """It was stopped after so much silence."""


_CHUNK_BYTES = 65536
_LONGEST_LINE = 1_000_000
_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 20.0


def execute(command: Command, environment: Mapping[str, str], take: LineTaker) -> End:
    """Runs a command, prints its output and hands each line to `take`; returns how it ended.

    It and what it started are stopped when it is silent for longer than the command allows, and when we are
    interrupted.
    """
    print(f"$ cd {command.directory} && {command.shell()}", flush=True)
    try:
        process = subprocess.Popen(
            command.argv,
            cwd=command.directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, so that a compiler does not outlive the make that started it.
            process_group=0,
        )
    except OSError as error:
        # The number that a shell would give.
        return End(f"exit status 127 ({error.filename}: {error.strerror})", exit_status=127)
    finished = False
    try:
        with process:
            finished = _follow(process, command.timeout_seconds, take)
            if not finished:
                _kill(process)
    except BaseException:
        _kill(process)
        raise
    status = process.returncode
    if not finished:
        silent = command.timeout_seconds
        return End(f"silent for {silent} seconds, stopped", silent_seconds=silent)
    if status < 0:
        return End(f"signal {-status}", signal=-status)
    return End(f"exit status {status}" if status else "", exit_status=status)


def _follow(process: subprocess.Popen[bytes], silence_seconds: float, take: LineTaker) -> bool:
    """Shows the output until the command ends; False when it was silent for too long."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
    line = ""
    heard = time.monotonic()
    while True:
        if select.select([output], [], [], min(_LOOK_SECONDS, silence_seconds))[0]:
            data = os.read(output, _CHUNK_BYTES)
            heard = time.monotonic()
            text = decoder.decode(data, final=not data)
            sys.stdout.write(text)
            sys.stdout.flush()
            *lines, line = (line + text).split("\n")
            if len(line) > _LONGEST_LINE or (line and not data):
                lines, line = [*lines, line], ""
            for each in lines:
                take(each)
            if not data:
                process.wait()
                return True
        elif process.poll() is not None:
            # It has ended, but something that it left running in the background holds its output open.
            return True
        elif time.monotonic() - heard >= silence_seconds:
            return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the command: the agent gets the time to end what it started, and to write its report."""
    for number, patience_seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            continue
