"""`arm-ci`: the same functions as the master's, for a person at a terminal.

Exit statuses: 0 done, 1 the build or check failed, 2 usage or configuration error, 3 something outside failed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from arm_ci import __version__

COMMANDS = {
    "init": "init",
    "check": "check",
    "config": "config",
    "matrix": "matrix",
    "patches": "patches",
    "build": "build",
    "fit": "fit",
    "diagnose": "diagnose",
    "link-trial": "link_trial",
    "image": "image",
    "worker": "worker",
    "start": "service",
    "stop": "service",
    "force": "service",
    "run": "service",
    "restart": "restart",
}
"""Each command, in the order of `arm-ci --help`, and the module here that has it."""


def make_parser(first: str = "") -> argparse.ArgumentParser:
    """The parser of a command line that begins with the word `first`.

    When that is a command, the parser knows the commands of its module only: one module is imported much sooner than
    all of them are. With any other word, and without one, it knows every command.
    """
    parser = argparse.ArgumentParser(
        prog="arm-ci", description="Continuous integration for huge C++ projects on small ARM machines."
    )
    parser.add_argument("--version", action="version", version=f"arm-ci {__version__}")
    if first == "--version":
        return parser
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in [COMMANDS[first]] if first in COMMANDS else dict.fromkeys(COMMANDS.values()):
        importlib.import_module(f"arm_ci.cli.{module}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a compiler or a person wrote may not exist in the terminal's character set.
        sys.stdout.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = make_parser(words[0] if words else "").parse_args(words)
    # Imported late: `arm-ci --version` needs neither the configuration nor patches.
    from arm_ci.cli.ending import run

    return run(arguments)
