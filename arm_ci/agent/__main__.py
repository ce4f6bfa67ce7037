"""The agent's commands: `probe`, `leftovers`, `run`, `collect-report`, `link-trial`.

`python3 agent.pyz run --report FILE [--memory BYTES] [--swap BYTES] [--cores N [--peaks FILE]] [--fallback FILE] --
COMMAND...` runs and watches a command and ends with its exit status; `collect-report --report FILE` prints the
report, also after the agent was killed.
"""

from __future__ import annotations

import sys
from typing import Dict, List, Optional, Tuple

_USAGE = 2
_HELP = (
    "agent: expected `probe`, `leftovers`, `run --report FILE ... -- COMMAND...`, `collect-report --report FILE` "
    "or `link-trial --report FILE --result FILE ...`"
)


class UsageError(Exception):
    """What was expected instead."""


def _bytes(option: str, text: str) -> int:
    if not text.isdigit():
        raise UsageError("{}: a number of bytes was expected, not `{}`".format(option, text))
    return int(text)


def _run(words: List[str]) -> int:
    if "--" not in words or words[-1] == "--":
        raise UsageError("run: a command was expected after `--`")
    from .unpack import restart

    restart(["run", *words])
    from .run import Options, main

    split = words.index("--")
    found = _options(words[:split], ("--report", "--memory", "--swap", "--cores", "--peaks", "--fallback"))
    if "--report" not in found:
        raise UsageError("run: --report FILE was expected")
    memory, swap = (_bytes(name, found[name]) if name in found else None for name in ("--memory", "--swap"))
    cores = found.get("--cores", "0")
    if not cores.isdigit():
        raise UsageError("--cores: a number was expected, not `{}`".format(cores))
    command = tuple(words[split + 1 :])
    peaks, fallback = found.get("--peaks", ""), found.get("--fallback", "")
    return main(Options(command, found["--report"], memory, swap, int(cores), peaks, fallback))


def _options(words: List[str], known: Tuple[str, ...]) -> Dict[str, str]:
    found = {}
    for name, value in zip(words[::2], words[1::2]):
        if name not in known:
            raise UsageError("`{}` is not known; expected {}".format(name, ", ".join(known)))
        found[name] = value
    if len(words) % 2:
        raise UsageError("`{}`: a value was expected after it".format(words[-1]))
    return found


def _collect_report(words: List[str]) -> int:
    found = _options(words, ("--report",))
    if "--report" not in found:
        raise UsageError("collect-report: --report FILE was expected")
    import json

    from .collect_report import collect_report
    from .report import ReportError

    try:
        report = collect_report(found["--report"])
    except (OSError, ReportError) as error:
        print("collect-report: no report: {}".format(error), file=sys.stderr)
        return 1
    # In short lines: Buildbot's worker breaks long ones, and loses a character of each.
    json.dump(report.to_json(), sys.stdout, indent=1)
    print()
    return 0


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one command; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["run"]:
            return _run(words[1:])
        if words[:1] == ["collect-report"]:
            return _collect_report(words[1:])
        if words[:1] == ["link-trial"]:
            from .link_trial.trial_options import main as link_trial

            return link_trial(words[1:])
        if words == ["probe"]:
            from .machine.probe import main as probe

            return probe()
        if words == ["leftovers"]:
            from .machine.leftovers import main as leftovers

            return leftovers()
    except UsageError as error:
        print("agent: {}".format(error), file=sys.stderr)
        return _USAGE
    print(_HELP, file=sys.stderr)
    return _USAGE


if __name__ == "__main__":
    sys.exit(main())
