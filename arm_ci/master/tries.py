"""The lost builds of a request in the database, and the step that shows them when there are no more to come.

For a build that ends and for one whose end a killed master did not write down; the sentences are loss.py's.
"""

from __future__ import annotations

from typing import Any

from buildbot.process.results import FAILURE

from arm_ci.master.loss import PROPERTY, table

STEP = "worker-lost"
LOG = "tries"

Tries = list[tuple[int, str]]
"""Number and loss of builds, oldest first."""


async def tries_of(master: Any, request_id: int) -> Tries:
    """Every build of a request that was lost."""
    builds = await master.data.get(("buildrequests", request_id, "builds"))
    tries = []
    for build in sorted(builds, key=lambda each: int(each["buildid"])):
        properties = await master.data.get(("builds", build["buildid"], "properties"))
        if PROPERTY in properties:
            tries.append((int(build["number"]), str(properties[PROPERTY][0])))
    return tries


async def add_step(master: Any, build_id: int, sentence: str, tries: Tries) -> None:
    """A last step that shows what is known; no worker is needed for it."""
    updates = master.data.updates
    step, _, _ = await updates.addStep(buildid=build_id, name=STEP)
    await updates.startStep(step, locks_acquired=True)
    await updates.setStepStateString(step, sentence)
    log = await updates.addLog(step, LOG, "t")
    await updates.appendLog(log, table(tries))
    await updates.finishLog(log)
    await updates.finishStep(step, FAILURE, False)
