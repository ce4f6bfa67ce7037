"""Runs another program and takes its output: a short run with messages in English, no input, and a limit of time."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional


class CommandOutput(NamedTuple):
    """What came of it."""

    text: str
    """What it printed, or why it could not be run."""
    succeeded: bool


def run_program(
    argv: List[str], seconds: float, directory: Optional[str] = None, errors_too: bool = True
) -> CommandOutput:
    """Runs a program; `errors_too`: its standard error belongs to what it printed. Never raises."""
    # Imported late: most runs of the agent need no other program, and it shall stay small.
    import subprocess

    environment = dict(os.environ, LC_ALL="C", LANGUAGE="")
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors_too else subprocess.DEVNULL,
            timeout=seconds,
            cwd=directory,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return CommandOutput(getattr(error, "strerror", None) or str(error), False)
    return CommandOutput(done.stdout.decode("utf-8", "replace"), done.returncode == 0)
