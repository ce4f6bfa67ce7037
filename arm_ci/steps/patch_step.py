"""What both steps that patch the source share: the patch engine, brought to the worker and run there."""

from __future__ import annotations

import json
from typing import Any

from arm_ci.plan.archives import patch_engine
from arm_ci.plan.recipe import Command
from arm_ci.steps.base import RecipeStep, how_it_ended

_TIMEOUT_SECONDS = 1800


class PatchingStep(RecipeStep):
    """A step that runs the patch engine on the source tree."""

    async def run_engine(self, command: str, option: str, name: str, text: str | bytes, *more: str) -> Any:
        """The engine's JSON for `command --source DIR OPTION NAME ...`, where file `name` has `text`.

        None when it gave none: the step's sentence is then the reason, and the step has failed.
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
            self.say(f"patch-failed: {reason[0]}")
            return None
