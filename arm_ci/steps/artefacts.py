"""Brings what the build made to the master, with sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from buildbot.process import remotetransfer
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS, WARNINGS
from buildbot.steps.transfer import makeStatusRemoteCommand

from arm_ci.diagnosis.figures import size
from arm_ci.plan import Recipe
from arm_ci.steps.base import RecipeStep

_BLOCK_BYTES = 256 * 1024


class Artefacts(RecipeStep):
    """Uploads every file of the build tree that matches the project's patterns (Buildbot's uploadFile)."""

    name = "artefacts"
    haltOnFailure = False

    def __init__(self, recipe: Recipe, directory: str, **kwargs: Any) -> None:
        """`directory` is on the master; each build gets its own below it: BUILDER/NUMBER."""
        super().__init__(recipe, **kwargs)
        self.directory = directory

    async def run(self) -> int:
        patterns = self.recipe.artefacts()
        if not patterns:
            self.say("none named")
            return int(SKIPPED)
        self.stdio_log = await self.addLog("stdio")
        destination = Path(self.directory) / self.recipe.variant.name / str(self.getProperty("buildnumber"))
        kept: list[str] = []
        absent: list[str] = []
        for pattern in patterns:
            found = sorted(await self.runGlob(str(self.places.build / pattern)))
            if not found:
                absent.append(pattern)
            for path in found:
                name = path.removeprefix(str(self.places.build)).lstrip("/")
                if await self._upload(path, destination / name) != SUCCESS:
                    return self.fail(f"`{name}` could not be brought to the master, see the log")
                kept.append(f"{name} {size((destination / name).stat().st_size)}")
        if kept:
            await self.addCompleteLog("files", "".join(f"{destination}/{line}\n" for line in kept))
        if absent and not self.choices.targets:
            self.say(f"nothing matches {' '.join(absent)}" + (f"; kept {', '.join(kept)}" if kept else ""))
            return int(WARNINGS)
        self.say(", ".join(kept) or "not among the targets")
        return int(SUCCESS if kept else SKIPPED)

    async def _upload(self, source: str, destination: Path) -> int:
        destination.parent.mkdir(parents=True, exist_ok=True)
        writer = remotetransfer.FileWriter(str(destination), None, None)
        arguments = {
            "workdir": str(self.places.build),
            "workersrc": source,
            "writer": writer,
            "maxsize": None,
            "blocksize": _BLOCK_BYTES,
            "keepstamp": False,
        }
        remote = makeStatusRemoteCommand(self, "uploadFile", arguments)
        try:
            await self.runCommand(remote)
        finally:
            writer.cancel()
        result = int(remote.results())
        if result >= FAILURE:
            writer.purge()
        return result
