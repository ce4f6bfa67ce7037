"""`arm-ci`: the same functions as the master's, for a person at a terminal.

Exit statuses: 0 done, 1 the build or check failed, 2 usage or configuration error, 3 something outside failed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from arm_ci import __version__
from arm_ci.cli import build, check, diagnose, fit, image, link_trial, matrix, patches, service, worker
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, USAGE, CommandError
from arm_ci.config import ConfigError
from arm_ci.patches.diffs import BundleError
from arm_ci.patches.series import SeriesError
from arm_ci.patches.transaction import SourceError

COMMANDS = (check, matrix, patches, build, fit, diagnose, link_trial, image, worker, service)


def make_parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    parser = argparse.ArgumentParser(
        prog="arm-ci", description="Continuous integration for huge C++ projects on small ARM machines."
    )
    parser.add_argument("--version", action="version", version=f"arm-ci {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a compiler or a person wrote may not exist in the terminal's character set.
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = make_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ConfigError, SeriesError) as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    except (CommandError, BundleError, SourceError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader (head, less) went away: not our error. Keep Python from complaining at exit.
            sys.stderr.close()
            return DONE
        print(f"arm-ci: {_sentence(error)}", file=sys.stderr)
        return _status(error)
    except KeyboardInterrupt:
        print("arm-ci: interrupted", file=sys.stderr)
        return FAILED


def _sentence(error: Exception) -> str:
    """What went wrong; the system's own errors name the file they are about, when they know it."""
    if not isinstance(error, OSError):
        return str(error)
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return where + (error.strerror or str(error) or type(error).__name__)


def _status(error: Exception) -> int:
    if isinstance(error, CommandError):
        return error.status
    return USAGE if isinstance(error, BundleError) else OUTSIDE
