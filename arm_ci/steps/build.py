"""Configure and build: the long steps, with live progress and the tool's own reason when they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from buildbot.process.results import SUCCESS

from arm_ci.plan import Command, Headline, Progress, Recipe
from arm_ci.steps.base import RecipeStep, how_it_ended


class CommandsStep(RecipeStep):
    """Runs commands in order until one fails; its sentence is the line that says best why."""

    def __init__(self, recipe: Recipe, **kwargs: Any) -> None:
        super().__init__(recipe, **kwargs)
        self.headline = Headline()
        self.position: Progress | None = None

    async def run_commands(self, commands: Sequence[Command]) -> int:
        for command in commands:
            remote = await self.execute(command, self.take)
            if remote.didFail():
                reason = self.headline.text or f"`{command.argv[0]}` ended with {how_it_ended(remote)}"
                return self.fail(reason)
        return int(SUCCESS)

    def take(self, line: str) -> None:
        """Takes a line of output: progress or a reason."""
        position = Progress.of_line(line)
        if position is None:
            self.headline.feed(line)
        elif position.follows(self.position):
            self.position = position
            self.setProgress("edges", position.done)
            self.updateSummary()

    def getCurrentSummary(self) -> Mapping[str, str]:
        return {"step": f"{self.name} {self.position}" if self.position else self.name}


class Configure(CommandsStep):
    """Makes an empty build tree and configures it."""

    name = "configure"

    async def run(self) -> int:
        places = self.places
        await self.runRmdir(str(places.build))
        await self.runMkdir(str(places.build))
        for file in self.recipe.files(places):
            await self.write(str(file.path.parent), file.path.name, file.text)
        result = await self.run_commands((*self.recipe.prepare(places), *self.recipe.configure(places)))
        if result == SUCCESS:
            self.say(f"configured for {self.recipe.variant.generator}")
        return result


class Build(CommandsStep):
    """Builds the targets."""

    name = "build"
    progressMetrics = ("edges",)

    async def run(self) -> int:
        choices = self.choices
        result = await self.run_commands(self.recipe.build(self.places, choices))
        if result == SUCCESS:
            done = f", {self.position.total} edges" if self.position and self.position.unit == "edges" else ""
            self.say(f"built {' '.join(self.recipe.targets(choices))} with -j{choices.jobs}{done}")
        return result
