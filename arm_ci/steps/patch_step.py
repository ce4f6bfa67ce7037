"""What both steps that patch the source share: the patch engine, brought to the worker and run there."""

from __future__ import annotations

import json
from typing import Any

from arm_ci.diagnosis.judging.failed_patch import patching_failed
from arm_ci.diagnosis.verdict import Verdict
from arm_ci.plan.archives import patch_engine
from arm_ci.plan.commands import Command
from arm_ci.steps.base import how_it_ended
from arm_ci.steps.verdict_step import VerdictStep

_TIMEOUT_SECONDS = 1800


class PatchFailedError(Exception):
    """Nothing was applied."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.sentence)
        self.verdict = verdict


class PatchingStep(VerdictStep):
    """A step that runs the patch engine on the source tree."""

    async def run(self) -> int:
        try:
            return await self.patch()
        except PatchFailedError as failure:
            await self.publish(failure.verdict, None)
            return self.fail(failure.verdict.sentence)

    async def patch(self) -> int:
        """Patches, and ends the step well. Raises PatchFailedError."""
        raise NotImplementedError

    async def run_engine(self, command: str, option: str, name: str, text: str | bytes, *more: str) -> Any:
        """The engine's JSON for `command --source DIR OPTION NAME ...`, where file `name` has `text`.

        Raises PatchFailedError when it gives none.
        """
        support = self.places.support
        archive = patch_engine()
        await self.ship(archive)
        await self.write(str(support), name, text)
        words = ("python3", archive.name, command, "--source", str(self.places.source), option, name, *more)
        remote = await self.execute(Command(words, support, _TIMEOUT_SECONDS), collectStdout=True, collectStderr=True)
        try:
            return json.loads(remote.stdout)
        except ValueError:
            reason = remote.stderr.strip().splitlines()[-1:] or [how_it_ended(remote)]
            raise PatchFailedError(patching_failed(reason[0])) from None
