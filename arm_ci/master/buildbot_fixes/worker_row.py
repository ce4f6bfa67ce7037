"""What is kept of a worker beside what the worker itself told.

What: the column `info` of the table `workers`, which the REST API shows as `workerinfo`.
Why: Buildbot writes it only when a worker connects, from what the worker says; there is no call to add to it.
Buildbot's issue: no issue found.
Can go: when the data API can set a worker's information.
"""

from __future__ import annotations

from typing import Any

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="worker_row",
    why="when a worker was seen last is written into its row of the database, for which there is no call",
    issue=NO_ISSUE,
    goes_when="Buildbot's data API can set a worker's information",
    calls=("buildbot.db.pool:DBThreadPool.do_with_transaction",),
    reads=("buildbot.db.model:Model.workers",),
)


async def add_to_worker_info(master: Any, worker_id: int, more: dict[str, Any]) -> None:
    """Adds to what is kept of a worker."""
    table = master.db.model.workers
    worker = await master.data.get(("workers", worker_id))
    kept = {**worker["workerinfo"], **more}

    def write(connection: Any) -> None:
        connection.execute(table.update().where(table.c.id == worker_id).values(info=kept))

    await master.db.pool.do_with_transaction(write)
