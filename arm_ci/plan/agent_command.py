"""How a recipe's command runs under the agent: the same words and places on a worker and at a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from arm_ci.plan import archives
from arm_ci.plan.commands import Command, Places

LOST_BUILD_PROPERTY = "lost_build"
"""Property of a build: what the lost build before it left in its report; the master shows it with the tries."""
LOST_BUILD = "lost-build"
"""Log of a build with the page about the lost build before it, and build data with the verdict's machine form."""
_COLLECT_SECONDS = 300
# A single link may take that long on a board that swaps; the trial says a line after each.
_TRIAL_SILENCE_SECONDS = 2 * 3600


def agent_path(places: Places) -> PurePosixPath:
    """Where the agent's archive lies on the machine that builds."""
    return places.support / archives.agent().name


def report_path(places: Places, stage: str) -> PurePosixPath:
    """Where the agent writes the report of a stage's command; a later command of the stage writes over it."""
    return places.support / f"report-{stage}.json"


def peaks_path(places: Places, stage: str) -> PurePosixPath:
    """Where the agent reads what earlier builds have shown of a stage's edges."""
    return places.support / f"peaks-{stage}.json"


def fallback_path(places: Places, stage: str) -> PurePosixPath:
    """Where the agent reads how a stage's edges may be built differently."""
    return places.support / f"fallback-{stage}.json"


def watched(command: Command, places: Places, stage: str) -> Command:
    """The command run and watched by the agent; it ends as the command does."""
    words = ["python3", str(agent_path(places)), "run", "--report", str(report_path(places, stage))]
    if command.cores:
        words += ["--cores", str(command.cores), "--peaks", str(peaks_path(places, stage))]
    if command.has_fallback:
        words += ["--fallback", str(fallback_path(places, stage))]
    return replace(command, argv=(*words, "--", *command.argv))


def collect_report(places: Places, stage: str) -> Command:
    """Prints the report when the agent could not write it: it was killed, or the disk is full."""
    words = ("python3", str(agent_path(places)), "collect-report", "--report", str(report_path(places, stage)))
    return Command(words, places.support, _COLLECT_SECONDS)


def trial_path(places: Places) -> PurePosixPath:
    """Where the agent writes the result of a link trial."""
    return places.support / "link-trial.json"


def trial(places: Places, stage: str, number: int) -> Command:
    """Repeats the link that has this number in a stage's report, in every way that this machine can."""
    words = ("python3", str(agent_path(places)), "link-trial", "--report", str(report_path(places, stage)))
    argv = (*words, "--result", str(trial_path(places)), "--edge", str(number))
    return Command(argv, places.support, _TRIAL_SILENCE_SECONDS)
