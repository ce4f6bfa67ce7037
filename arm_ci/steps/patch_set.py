"""Brings the patch set to the worker and applies it there; each patch and its state stand in a log."""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import SUCCESS

from arm_ci.diagnosis.judging.failed_patch import patch_set_failed, patching_failed
from arm_ci.plan.patching import bundle_of, context_of, options_of, state_table
from arm_ci.steps.patch_step import PatchFailedError, PatchingStep


class PatchSet(PatchingStep):
    """Applies the patches that this variant and this upstream version need, all or none."""

    name = "patch-set"

    async def patch(self) -> int:
        # Imported late, see arm_ci.plan.patching.
        from arm_ci.patches.series import SeriesError

        try:
            text = json.dumps(bundle_of(self.recipe.config, self.recipe.project))
        except SeriesError as error:
            raise PatchFailedError(patching_failed(str(error))) from None
        context = context_of(self.recipe, self.getProperty("compiler_version"), self.getProperty("os"))
        document = await self.run_engine("apply", "--bundle", "patches.json", text, *options_of(context))
        await self._show(document)
        return int(SUCCESS)

    async def _show(self, document: dict[str, Any]) -> None:
        patches = document["patches"]
        self.setProperty("upstream_version", document["version"] or "", self.name)
        upstream = f"upstream version {document['version']}" if document["version"] else "upstream version unknown"
        if patches:
            await self.addCompleteLog("patches", f"{upstream}\n\n{state_table(patches)}")
        conflict = next((patch for patch in patches if patch["state"] == "conflicts"), None)
        if conflict is not None:
            self.setProperty("patch_set", f"{conflict['name']} conflicts", self.name)
            raise PatchFailedError(patch_set_failed(conflict["name"], conflict["reason"]))
        sentence = _counted(patches, len(document["applied"]))
        self.setProperty("patch_set", sentence, self.name)
        self.say(f"{upstream}: {sentence}")


def _counted(patches: list[dict[str, Any]], applied: int) -> str:
    """`1 of 2 patches applied, 1 not needed`."""
    counts = [f"{applied} of {len(patches)} patches applied"] if patches else ["no patches"]
    for state in ("already upstream", "not needed"):
        number = sum(patch["state"] == state for patch in patches)
        counts += [f"{number} {state}"] if number else []
    return ", ".join(counts)
