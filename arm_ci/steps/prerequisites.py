"""The project's packages on the worker: named when they are missing, installed where that is allowed."""

from __future__ import annotations

from buildbot.process.results import SKIPPED, SUCCESS

from arm_ci.plan.commands import Command
from arm_ci.plan.requirements import wanted_packages
from arm_ci.steps.base import RecipeStep, how_it_ended

_INSTALL_TIMEOUT_SECONDS = 1800
_INSTALL = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n "$@"; fi'


class Prerequisites(RecipeStep):
    """Compares what the probe found with what the project needs on this distribution."""

    name = "prerequisites"

    async def run(self) -> int:
        wanted = wanted_packages(self.recipe, self.getProperty("os"))
        if not wanted:
            self.say("none named for this distribution")
            return int(SKIPPED)
        if not self.getProperty("knows_packages"):
            self.say(f"cannot be checked without dpkg: {' '.join(wanted)}")
            return int(SKIPPED)
        installed = set(self.getProperty("installed_packages"))
        absent = [name for name in wanted if name not in installed]
        if not absent:
            self.say(f"{len(wanted)} packages are there")
            return int(SUCCESS)
        command = f"apt-get install {' '.join(absent)}"
        if not (self.recipe.project.install_prerequisites and self.getProperty("may_install")):
            return self.fail(f"{len(absent)} packages are missing on {self.where}: {command}")
        install = ("apt-get", "install", "--yes", "--no-install-recommends", *absent)
        remote = await self.execute(
            Command(("sh", "-c", _INSTALL, "sh", *install), self.places.support, _INSTALL_TIMEOUT_SECONDS)
        )
        if remote.didFail():
            return self.fail(f"`{command}` failed on {self.where}: {how_it_ended(remote)}")
        self.say(f"installed {' '.join(absent)}")
        return int(SUCCESS)
