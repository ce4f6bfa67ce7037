"""Applies the patch that a person gave with the build, from the form, the terminal or `buildbot try`, before all else.

The patch comes with the build's source stamp; the engine applies the whole of it or nothing.
"""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import SKIPPED, SUCCESS

from arm_ci.plan import Recipe
from arm_ci.plan.commands import Command
from arm_ci.steps.base import RecipeStep, how_it_ended

_TIMEOUT_SECONDS = 1800
STRIP_PROPERTY = "patch_strip"
"""Strip level of the forced patch, for the command that repeats the build; not set without a patch."""


def forced_patch(build: Any) -> tuple[int, bytes] | None:
    """Strip level and text of a build's patch, or None."""
    stamp = build.getSourceStamp("")
    if stamp is None or not stamp.patch or not stamp.patch[1]:
        return None
    level, text = stamp.patch[:2]
    return int(level), text.encode() if isinstance(text, str) else bytes(text)


class ForcedPatch(RecipeStep):
    """Applies the build's patch, all or nothing; without one it is not shown."""

    name = "forced-patch"

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs.setdefault("doStepIf", lambda step: forced_patch(step.build) is not None)
        kwargs.setdefault("hideStepIf", lambda results, step: results == SKIPPED)
        super().__init__(recipe, **kwargs)

    async def run(self) -> int:
        # Imported late, see arm_ci.plan.patching.
        from arm_ci.patches.shipping import ARCHIVE, archive

        given = forced_patch(self.build)
        assert given
        strip, text = given
        support = self.places.support
        self.setProperty(STRIP_PROPERTY, strip, self.name)
        await self.addCompleteLog("patch", text.decode("utf-8", "replace"))
        await self.write(str(support), ARCHIVE, archive())
        await self.write(str(support), "forced.patch", text)
        options = ("--source", str(self.places.source), "--patch", "forced.patch", "--strip", str(strip))
        remote = await self.execute(
            Command(("python3", ARCHIVE, "forced", *options), support, _TIMEOUT_SECONDS),
            collectStdout=True,
            collectStderr=True,
        )
        try:
            document = json.loads(remote.stdout)
        except ValueError:
            reason = remote.stderr.strip().splitlines()[-1:] or [how_it_ended(remote)]
            return self.fail(f"patch-failed: {reason[0]}")
        if document["problems"]:
            await self.addCompleteLog("problems", _lines(document["problems"]))
            return self.fail(f"patch-failed: {document['sentence']}")
        self.setProperty("forced_patch", document["sentence"], self.name)
        await self.addCompleteLog("applied", _lines(document["files"]))
        self.say(document["sentence"])
        return int(SUCCESS)


def _lines(texts: list[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
