"""Brings the patch set to the worker and applies it there; each patch and its state stand in a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from buildbot.process.results import SUCCESS

from arm_ci.patches.series import bundle, engine_source
from arm_ci.plan import Recipe
from arm_ci.plan.commands import Command
from arm_ci.steps.base import RecipeStep, how_it_ended

_TIMEOUT_SECONDS = 1800


def state_table(patches: list[dict[str, str]]) -> str:
    """One line a patch: its state, its name, the reason."""
    states = max((len(patch["state"]) for patch in patches), default=0)
    names = max((len(patch["name"]) for patch in patches), default=0)
    return "".join(f"{patch['state']:{states}}  {patch['name']:{names}}  {patch['reason']}\n" for patch in patches)


class PatchSet(RecipeStep):
    """Applies the patches that this variant and this upstream version need, all or none."""

    name = "patch set"

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(recipe, **kwargs)

    async def run(self) -> int:
        config, project, variant = self.recipe.config, self.recipe.project, self.recipe.variant
        places = self.places
        compiler = config.compilers[variant.compiler]
        target = compiler.target or variant.board
        directory = Path(config.path(config.site.patches)) / project.name
        text = json.dumps(bundle(directory, project.version))
        await self.write(str(places.support), "patches.py", engine_source())
        await self.write(str(places.support), "patches.json", text)
        context = {
            "architecture": config.boards[target].architecture,
            "compiler": compiler.family,
            "compiler-version": self.getProperty("compiler_version"),
            "generator": variant.generator,
            "os": self.getProperty("os"),
        }
        options = [word for name, value in context.items() if value for word in (f"--{name}", str(value))]
        command = (
            "python3",
            "patches.py",
            "apply",
            "--source",
            str(places.source),
            "--bundle",
            "patches.json",
            *options,
        )
        remote = await self.execute(
            Command(command, places.support, _TIMEOUT_SECONDS), collectStdout=True, collectStderr=True
        )
        try:
            document = json.loads(remote.stdout)
        except ValueError:
            reason = remote.stderr.strip().splitlines()[-1:] or [how_it_ended(remote)]
            return self.fail(f"patch-failed: {reason[0]}")
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
