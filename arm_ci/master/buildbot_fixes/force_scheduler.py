"""A force form that decides itself which builders are built.

What: Buildbot's scheduler that a person at the page uses.
Why: it builds the builder whose page the form is on, and takes one that is not there for a mistake of its own; a
property that is the same for all its builds cannot be given to it.
Buildbot's issue: no issue found.
Can go: when a force scheduler may be told in a form which builders it builds.
"""

from __future__ import annotations

from typing import Any

from buildbot.plugins import schedulers
from buildbot.schedulers.forcesched import CollectedValidationError

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix
from arm_ci.master.deferred import as_deferred

_FORCE = "buildbot.schedulers.forcesched:ForceScheduler"

FIX = Fix(
    name="force_scheduler",
    why="a force form builds the variants that were chosen in it",
    issue=NO_ISSUE,
    goes_when="a force scheduler may be told in a form which builders it builds",
    extends=(f"{_FORCE}.force", f"{_FORCE}.reconfigService"),
    calls=(
        "buildbot.schedulers.forcesched:NestedParameter.collectChildProperties",
        "buildbot.schedulers.forcesched:NestedParameter.updateFromKwargs",
        "buildbot.schedulers.forcesched:CollectedValidationError.__init__",
    ),
    reads=(f"{_FORCE}.forcedProperties", f"{_FORCE}.builderNames", f"{_FORCE}.properties"),
    ours={_FORCE: "arm_ci.master.buildbot_fixes.force_scheduler:ChoosingForce"},
)


class ChoosingForce(schedulers.ForceScheduler):
    """Buildbot's force scheduler; a subclass says which builders are built."""

    async def chosen(self, names: Any, number: Any, fields: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The builders to build, and the fields of the form; `names` or `number` is the builder it was shown for."""
        if names is None and number is not None:
            builder = await self.master.data.get(("builders", number))
            names = [builder["name"]] if builder else None
        return names, fields

    @as_deferred
    async def force(self, owner: str | None, builderNames: Any = None, builderid: Any = None, **kwargs: Any) -> Any:
        names, fields = await self.chosen(builderNames, builderid, kwargs)
        return await super().force(owner, builderNames=names, **fields)


def refusal(field: str, sentence: str) -> Exception:
    """An error that the page shows at a field."""
    error: Exception = CollectedValidationError({field: sentence})
    return error
