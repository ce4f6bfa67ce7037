"""`arm-ci link-trial`: repeats a link that died with every linker and memory option of this machine.

The same functions as the agent's `link-trial`, for a person at a terminal on the board.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from arm_ci.agent.edges.link_command import LinkError
from arm_ci.agent.link_trial.trial import Trial
from arm_ci.agent.link_trial.trial_options import add_options, options_of, status_of
from arm_ci.agent.link_trial.trial_result import TrialResult
from arm_ci.agent.report import ReportError, read_report
from arm_ci.cli.options import CommandError
from arm_ci.cli.wrapped_text import advice_lines
from arm_ci.diagnosis.advice.link_trial_advice import (
    best_rows,
    linker_flags,
    toolchain_entry,
    trial_advice,
    trial_table,
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci link-trial`."""
    parser = subparsers.add_parser(
        "link-trial",
        help="repeat a link that died with every linker and memory option here",
        description="Repeat one link of a build with every linker and memory option on this machine, each alone and "
        "under the limits of that build, and say what fits. Run it where the build tree is; the tree stays as it is. "
        "Exit status 1 when nothing fits.",
    )
    parser.add_argument(
        "--report", type=Path, required=True, metavar="FILE", help="report of the agent that watched the build"
    )
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and the advice, progress on standard error. Raises CommandError."""
    try:
        report = read_report(str(arguments.report))
        result = Trial(report, options_of(arguments), _say).run()
    except ReportError as error:
        raise CommandError(f"--report: {arguments.report}: {error}") from None
    except OSError as error:
        raise CommandError(f"link-trial: {error.filename}: {error.strerror}") from None
    except LinkError as error:
        raise CommandError(f"link-trial: {error}") from None
    print(json.dumps(result.to_json(), indent=1) if arguments.json else in_words(result))
    return status_of(result)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def in_words(result: TrialResult) -> str:
    """The table, the advice, and the settings for it."""
    lines = [trial_table(result), *advice_lines(trial_advice(result))]
    for row in best_rows(result):
        lines += [
            "",
            f"for the compiler: {linker_flags(row)}",
            "in toolchains.yaml, under `linkers:`",
            toolchain_entry(row).rstrip(),
        ]
    return "\n".join(lines)
