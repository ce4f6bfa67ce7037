"""The lost builds of a request in the database, and the step that shows them when there are no more to come.

For a build that ends and for one whose end a killed master did not write down; the sentences are worker_loss.py's.
"""

from __future__ import annotations

from typing import Any

from buildbot.process.results import FAILURE

from arm_ci.master.builds.worker_loss import PROPERTY, table

STEP = "worker-lost"
LOG = "tries"

LostBuilds = list[tuple[int, str]]
"""Number and loss of builds, oldest first."""


async def lost_builds_of(master: Any, request_id: int) -> LostBuilds:
    """Every build of a request that was lost."""
    builds = await master.data.get(("buildrequests", request_id, "builds"))
    lost = []
    for build in sorted(builds, key=lambda each: int(each["buildid"])):
        properties = await master.data.get(("builds", build["buildid"], "properties"))
        if PROPERTY in properties:
            lost.append((int(build["number"]), str(properties[PROPERTY][0])))
    return lost


async def found_after(master: Any, lost: LostBuilds, build_id: int) -> dict[int, str]:
    """What the builds after lost ones found on the worker, by the number of the lost build.

    `build_id` is the newest build of the request.
    """
    # Imported late: most masters never lose a worker.
    from arm_ci.plan.agent_command import LOST_BUILD_PROPERTY

    request_id = (await master.data.get(("builds", build_id)))["buildrequestid"]
    found = {}
    numbers = [number for number, _ in lost]
    for build in await master.data.get(("buildrequests", request_id, "builds")):
        properties = await master.data.get(("builds", build["buildid"], "properties"))
        before = [number for number in numbers if number < build["number"]]
        if LOST_BUILD_PROPERTY in properties and before:
            found[before[-1]] = str(properties[LOST_BUILD_PROPERTY][0])
    return found


async def add_step(master: Any, build_id: int, sentence: str, lost: LostBuilds) -> None:
    """A last step that shows what is known; no worker is needed for it."""
    updates = master.data.updates
    step, _, _ = await updates.addStep(buildid=build_id, name=STEP)
    await updates.startStep(step, locks_acquired=True)
    await updates.setStepStateString(step, sentence)
    log = await updates.addLog(step, LOG, "t")
    await updates.appendLog(log, table(lost, await found_after(master, lost, build_id)))
    await updates.finishLog(log)
    await updates.finishStep(step, FAILURE, False)
