"""The lost builds of a request in the database, and the step that shows them when there are no more to come.

For a build that ends and for one whose end a killed master did not write down; the sentences are worker_loss.py's.
"""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import FAILURE

from arm_ci.diagnosis.judging.lost_worker import worker_lost
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.verdict import Advice, Verdict
from arm_ci.master.builds.worker_loss import PROPERTY, table
from arm_ci.plan.agent_command import LOST_BUILD, LOST_BUILD_PROPERTY
from arm_ci.steps.verdict_step import SOURCE, VERDICT, VERDICT_PROPERTY

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
    request_id = (await master.data.get(("builds", build_id)))["buildrequestid"]
    found = {}
    numbers = [number for number, _ in lost]
    for build in await master.data.get(("buildrequests", request_id, "builds")):
        properties = await master.data.get(("builds", build["buildid"], "properties"))
        before = [number for number in numbers if number < build["number"]]
        if LOST_BUILD_PROPERTY in properties and before:
            found[before[-1]] = str(properties[LOST_BUILD_PROPERTY][0])
    return found


async def advice_after(master: Any, build_id: int) -> list[Advice]:
    """What was advised on the last lost build whose report was found; `build_id` is the newest build of the request."""
    request_id = (await master.data.get(("builds", build_id)))["buildrequestid"]
    builds = await master.data.get(("buildrequests", request_id, "builds"))
    for build in sorted(builds, key=lambda each: int(each["buildid"]), reverse=True):
        data = await master.data.get(("builds", build["buildid"], "data", LOST_BUILD, "value"))
        if data is not None:
            return [Advice(**each) for each in json.loads(data["raw"])["advice"]]
    return []


async def publish(master: Any, build_id: int, sentence: str, lost: LostBuilds) -> Verdict:
    """Makes the verdict on a lost build its property and data; the last of `lost` is this build."""
    found, advice = await found_after(master, lost, build_id), await advice_after(master, build_id)
    verdict = worker_lost(sentence, dict(lost), found, advice)
    updates = master.data.updates
    await updates.setBuildData(build_id, VERDICT, json.dumps(verdict.to_json()).encode(), SOURCE)
    await updates.setBuildProperty(build_id, VERDICT_PROPERTY, verdict.kind, STEP)
    return verdict


async def add_step(master: Any, build_id: int, verdict: Verdict, lost: LostBuilds) -> None:
    """A last step that shows what is known, with the verdict's page; no worker is needed for it."""
    updates = master.data.updates
    step, _, _ = await updates.addStep(buildid=build_id, name=STEP)
    await updates.startStep(step, locks_acquired=True)
    await updates.setStepStateString(step, verdict.sentence)
    tries = table(lost, await found_after(master, lost, build_id))
    for name, kind, text in ((VERDICT, "h", page(verdict, None) + "\n"), (LOG, "t", tries)):
        log = await updates.addLog(step, name, kind)
        await updates.appendLog(log, text)
        await updates.finishLog(log)
    await updates.finishStep(step, FAILURE, False)
