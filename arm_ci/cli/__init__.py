"""`arm-ci`: the same functions as the master's, for a person at a terminal.

Exit statuses: 0 done, 1 the build or check failed, 2 usage or configuration error, 3 something outside failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from arm_ci import __version__
from arm_ci.cli import build, check, matrix, patches, service
from arm_ci.cli.options import DONE, FAILED, USAGE, CommandError
from arm_ci.config import ConfigError

COMMANDS = (check, matrix, patches, build, service)


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
    arguments = make_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    except CommandError as error:
        print(f"arm-ci: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("arm-ci: interrupted", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # The reader (head, less) went away: not our error. Keep Python from complaining at exit.
        sys.stderr.close()
        return DONE
