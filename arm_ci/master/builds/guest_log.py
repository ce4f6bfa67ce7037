"""What a build shows of its guest, in the step `worker_preparation`: how it came up, its console, why it did not."""

from __future__ import annotations

from typing import Any

from buildbot.process.results import EXCEPTION

LOG = "console"


async def say_how(master: Any, step: Any, how: str) -> None:
    """The step's line: how the guest came up."""
    if how:
        await master.data.updates.setStepStateString(step.stepid, how)


async def keep_console(step: Any, console: str) -> None:
    """The log with what the guest wrote, if it wrote anything."""
    if console:
        await step.addCompleteLog(LOG, console)


async def keep_failure(master: Any, step: Any, cause: str, console: str) -> None:
    """The step of a guest that did not come up: the cause, and its console."""
    await keep_console(step, console)
    await master.data.updates.setStepStateString(step.stepid, cause)
    await master.data.updates.finishStep(step.stepid, EXCEPTION, False)
