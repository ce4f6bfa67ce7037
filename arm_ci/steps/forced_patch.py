"""Applies the patch that a person gave with the build, from the form, the terminal or `buildbot try`, before all else.

The patch comes with the build's source stamp; the engine applies the whole of it or nothing.
"""

from __future__ import annotations

from typing import Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from arm_ci.plan import Recipe
from arm_ci.steps.patching import PatchingStep

STRIP_PROPERTY = "patch_strip"
"""Strip level of the forced patch, for the command that repeats the build; not set without a patch."""


def forced_patch(build: Any) -> tuple[int, bytes] | None:
    """Strip level and text of a build's patch, or None."""
    stamp = build.getSourceStamp("")
    if stamp is None or not stamp.patch or not stamp.patch[1]:
        return None
    level, text = stamp.patch[:2]
    return int(level), text.encode() if isinstance(text, str) else bytes(text)


class ForcedPatch(PatchingStep):
    """Applies the build's patch, all or nothing; without one it is not shown."""

    name = "forced-patch"

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs.setdefault("doStepIf", lambda step: forced_patch(step.build) is not None)
        kwargs.setdefault("hideStepIf", lambda results, step: results == SKIPPED)
        super().__init__(recipe, **kwargs)

    async def run(self) -> int:
        given = forced_patch(self.build)
        assert given
        strip, text = given
        self.setProperty(STRIP_PROPERTY, strip, self.name)
        await self.addCompleteLog("patch", text.decode("utf-8", "replace"))
        document = await self.run_engine("forced", "--patch", "forced.patch", text, "--strip", str(strip))
        if document is None:
            return int(FAILURE)
        if document["problems"]:
            await self.addCompleteLog("problems", _lines(document["problems"]))
            return self.fail(f"patch-failed: {document['sentence']}")
        self.setProperty("forced_patch", document["sentence"], self.name)
        await self.addCompleteLog("applied", _lines(document["files"]))
        self.say(document["sentence"])
        return int(SUCCESS)


def _lines(texts: list[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
