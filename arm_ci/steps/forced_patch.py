"""Applies the patch that a person gave with the build, from the form, the terminal or `buildbot try`, before all else.

The patch comes with the build's source stamp; the engine applies the whole of it or nothing.
"""

from __future__ import annotations

import base64
from typing import Any

from buildbot.db.logs import LogsConnectorComponent
from buildbot.process.results import SKIPPED, SUCCESS
from buildbot.util.lineboundaries import LineBoundaryFinder

from arm_ci.diagnosis.judging.failed_patch import forced_patch_failed
from arm_ci.plan import Recipe
from arm_ci.steps.patch_step import PatchFailedError, PatchingStep

STRIP_PROPERTY = "patch_strip"
"""Strip level of the forced patch, for the command that repeats the build; not set without a patch."""
LOG_PROPERTY = "patch_log"
"""The log that has the forced patch exactly: PATCH_LOG, or EXACT_LOG in Base64; set with STRIP_PROPERTY."""
PATCH_LOG = "patch"
EXACT_LOG = "patch.base64"


def forced_patch(build: Any) -> tuple[int, bytes] | None:
    """Strip level and text of a build's patch, or None."""
    stamp = build.getSourceStamp("")
    if stamp is None or not stamp.patch or not stamp.patch[1]:
        return None
    level, text = stamp.patch[:2]
    return int(level), text.encode() if isinstance(text, str) else bytes(text)


def keeps_exactly(text: bytes) -> bool:
    """Whether a text log of Buildbot gives back a patch that ends with a line end.

    It makes line ends of carriage returns, backspaces and codes that move the cursor, has UTF-8 only, and cuts lines
    that are too long for a row of the database.
    """
    try:
        lines = text.decode()
    except UnicodeDecodeError:
        return False
    longest = max(len(line) for line in text.split(b"\n"))
    return bool(LineBoundaryFinder().append(lines) == lines) and longest < LogsConnectorComponent.MAX_CHUNK_SIZE


class ForcedPatch(PatchingStep):
    """Applies the build's patch, all or nothing; without one it is not shown."""

    name = "forced-patch"

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        kwargs.setdefault("doStepIf", lambda step: forced_patch(step.build) is not None)
        kwargs.setdefault("hideStepIf", lambda results, step: results == SKIPPED)
        super().__init__(recipe, **kwargs)

    async def patch(self) -> int:
        given = forced_patch(self.build)
        assert given
        strip, text = given
        self.setProperty(STRIP_PROPERTY, strip, self.name)
        await self._keep(text)
        document = await self.run_engine("forced", "--patch", "forced.patch", text, "--strip", str(strip))
        if document["problems"]:
            await self.addCompleteLog("problems", _lines(document["problems"]))
            raise PatchFailedError(forced_patch_failed(document["sentence"], document["problems"]))
        self.setProperty("forced_patch", document["sentence"], self.name)
        await self.addCompleteLog("applied", _lines(document["files"]))
        self.say(document["sentence"])
        return int(SUCCESS)

    async def _keep(self, text: bytes) -> None:
        """Shows the patch, and sees to it that the build can be repeated with the very same."""
        # Buildbot's log would cut a long last line that has no end; the patch engine adds one, too.
        lines = text if text.endswith(b"\n") else text + b"\n"
        exact = keeps_exactly(lines)
        self.setProperty(LOG_PROPERTY, PATCH_LOG if exact else EXACT_LOG, self.name)
        await self.addCompleteLog(PATCH_LOG, lines.decode("utf-8", "replace"))
        if not exact:
            await self.addCompleteLog(EXACT_LOG, base64.encodebytes(text).decode())


def _lines(texts: list[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
