"""Parts of a running master that have no name in Buildbot's API: its schedulers, its pollers, what it builds.

What: services of Buildbot's master, found through its attributes.
Why: the data API knows them as rows of the database; ours must call them.
Buildbot's issue: no issue found.
Can go: never as a whole; each function when the data API has a call that does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

T = TypeVar("T")

_BOTMASTER = "buildbot.process.botmaster:BotMaster"

FIX = Fix(
    name="master_parts",
    why="schedulers, pollers and running builds are found through attributes of the master",
    issue=NO_ISSUE,
    goes_when="the data API has calls that do the same",
    calls=(
        f"{_BOTMASTER}.maybeStartBuildsForAllBuilders",
        "buildbot.changes.base:ReconfigurablePollingChangeSource.force",
    ),
    reads=(
        f"{_BOTMASTER}.builders",
        f"{_BOTMASTER}.shuttingDown",
        "buildbot.process.builder:Builder.building",
        "buildbot.master:BuildMaster.botmaster",
        "buildbot.master:BuildMaster.change_svc",
        "buildbot.master:BuildMaster.scheduler_manager",
    ),
)


def schedulers(master: Any, kind: type[T]) -> Iterator[T]:
    """The schedulers of a class that a master has now."""
    return (each for each in master.scheduler_manager if isinstance(each, kind))


def change_sources(master: Any, kind: type[T]) -> Iterator[T]:
    """The pollers of a class that a master has now."""
    return (each for each in master.change_svc if isinstance(each, kind))


def is_building(master: Any) -> bool:
    """Whether a build runs in this process."""
    return any(builder.building for builder in master.botmaster.builders.values())


def is_stopping(master: Any) -> bool:
    """Whether a master is about to stop."""
    return bool(master.botmaster.shuttingDown)
