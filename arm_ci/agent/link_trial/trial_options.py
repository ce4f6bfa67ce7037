"""`link-trial`: its options, the same for the agent's command and for `arm-ci`, and the agent's command itself."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, List

from .. import tools
from ..edges.link_command import LinkError
from ..report import ReportError, read_report
from ..whole_file import write_whole
from .chosen_link import SECONDS, TrialOptions
from .trial import Trial
from .trial_result import FITS, TrialResult

_ONLY = "linkers to try: {}, lld-19".format(", ".join(sorted(linker.name for linker in tools.LINKERS)))
DONE = 0
NONE_FITS = 1
USAGE = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what a trial can be asked for."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--output", metavar="NAME", help="the link that makes this (default: the first that failed)")
    which.add_argument("--edge", type=_number, metavar="N", help="the link with this number in the report")
    parser.add_argument("--limit-seconds", type=_number, metavar="S", default=int(SECONDS), help="default: 1200")
    parser.add_argument("--memory", type=_number, metavar="BYTES", help="memory limit, instead of the build's")
    parser.add_argument("--swap", type=_number, metavar="BYTES", help="limit of swap, with --memory")
    parser.add_argument("--only", metavar="LINKER,...", default="", help=_ONLY)


def options_of(arguments: Any) -> TrialOptions:
    """What was asked for."""
    return TrialOptions(
        output=arguments.output,
        edge=arguments.edge,
        limit_seconds=float(arguments.limit_seconds),
        memory_bytes=arguments.memory,
        swap_bytes=arguments.swap,
        only=tuple(name for name in arguments.only.split(",") if name),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("a whole number was expected, not `{}`".format(text))
    return int(text)


def status_of(result: TrialResult) -> int:
    """DONE when something fits."""
    return DONE if any(row.ended == FITS for row in result.rows) else NONE_FITS


def main(words: List[str]) -> int:
    """Tries a link and writes the result; the exit status."""
    from ..unpack import restart

    restart(["link-trial", *words])
    parser = argparse.ArgumentParser(prog="agent link-trial")
    parser.add_argument("--report", required=True, metavar="FILE", help="the agent's report of the build")
    parser.add_argument("--result", required=True, metavar="FILE", help="where the result goes")
    add_options(parser)
    arguments = parser.parse_args(words)
    try:
        result = Trial(read_report(arguments.report), options_of(arguments), _say).run()
        write_whole(arguments.result, json.dumps(result.to_json(), separators=(",", ":")).encode("ascii"))
        return status_of(result)
    except (LinkError, ReportError) as error:
        message = str(error)
    except OSError as error:
        message = "{}: {}".format(error.filename, error.strerror) if error.filename else str(error)
    print("link-trial: {}".format(message), file=sys.stderr)
    return USAGE


def _say(line: str) -> None:
    # At once: who waits for a line may stop us.
    print(line, flush=True)
