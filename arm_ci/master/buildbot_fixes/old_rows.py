"""Deletes old logs and build data from the database.

What: what Buildbot's janitor calls.
Why: the janitor is a builder with a worker of its own; ours is a service, see `arm_ci/master/housekeeping.py`.
Buildbot's issue: no issue found.
Can go: when the data API has calls that delete by age.
"""

from __future__ import annotations

from typing import Any

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="old_rows",
    why="old logs and build data are deleted without a janitor's builder",
    issue=NO_ISSUE,
    goes_when="the data API has calls that delete by age",
    relies_on=(
        "buildbot.db.logs:LogsConnectorComponent.deleteOldLogChunks",
        "buildbot.db.build_data:BuildDataConnectorComponent.deleteOldBuildData",
    ),
)


async def delete_older(master: Any, before: float) -> tuple[int, int]:
    """Deletes what is older than a time (seconds since 1970): how many chunks of logs, and how many build data."""
    chunks = await master.db.logs.deleteOldLogChunks(before)
    return chunks, await master.db.build_data.deleteOldBuildData(before)
