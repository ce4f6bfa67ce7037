"""Brings the patch set to the worker and applies it there; each patch and its state stand in a log."""

from __future__ import annotations

import json
from typing import Any

from buildbot.process.results import FAILURE, SUCCESS

from arm_ci.plan.patching import bundle_of, context_of, options_of, state_table
from arm_ci.steps.patch_step import PatchingStep


class PatchSet(PatchingStep):
    """Applies the patches that this variant and this upstream version need, all or none."""

    name = "patch-set"

    async def run(self) -> int:
        # Imported late, see arm_ci.plan.patching.
        from arm_ci.patches.series import SeriesError

        try:
            text = json.dumps(bundle_of(self.recipe))
        except SeriesError as error:
            return self.fail(f"patch-failed: {error}")
        context = context_of(self.recipe, self.getProperty("compiler_version"), self.getProperty("os"))
        document = await self.run_engine("apply", "--bundle", "patches.json", text, *options_of(context))
        if document is None:
            return int(FAILURE)
        return await self._show(document)

    async def _show(self, document: dict[str, Any]) -> int:
        patches = document["patches"]
        self.setProperty("upstream_version", document["version"] or "", self.name)
        upstream = f"upstream version {document['version']}" if document["version"] else "upstream version unknown"
        if patches:
            await self.addCompleteLog("patches", f"{upstream}\n\n{state_table(patches)}")
        conflicts = [patch for patch in patches if patch["state"] == "conflicts"]
        if conflicts:
            self.setProperty("patch_set", f"{conflicts[0]['name']} conflicts", self.name)
            return self.fail(f"patch-failed: {conflicts[0]['name']}: {conflicts[0]['reason']}")
        applied = len(document["applied"])
        counts = [f"{applied} of {len(patches)} patches applied"] if patches else ["no patches"]
        counts += [
            f"{number} {state}"
            for state in ("already upstream", "not needed")
            if (number := sum(patch["state"] == state for patch in patches))
        ]
        sentence = ", ".join(counts)
        self.setProperty("patch_set", sentence, self.name)
        self.say(f"{upstream}: {sentence}")
        return int(SUCCESS)
