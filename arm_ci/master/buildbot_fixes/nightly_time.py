"""A nightly scheduler whose new time holds from the next time on.

What: Buildbot's scheduler of a time of day.
Why: when the time is changed by a reconfiguration, Buildbot's goes on waiting for the old one; and it counts from the
last build, so that a new time that has passed today would be taken for a build that was missed.
Buildbot's issue: no issue found.
Can go: when a reconfiguration of a timed scheduler counts from now.
"""

from __future__ import annotations

from typing import Any

from buildbot.plugins import schedulers

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix
from arm_ci.master.deferred import as_deferred

_TIMED = "buildbot.schedulers.timed:Timed"
_NIGHTLY = "buildbot.schedulers.timed:Nightly"

FIX = Fix(
    name="nightly_time",
    why="a new time of the nightly builds holds from the next time on",
    issue=NO_ISSUE,
    goes_when="a timed scheduler whose time is changed counts from now",
    relies_on=(f"{_TIMED}.scheduleNextBuild", f"{_NIGHTLY}.getNextBuildTime"),
    extends=(f"{_NIGHTLY}.reconfigService", f"{_TIMED}.startBuild"),
    calls=(f"{_TIMED}.now",),
    reads=(
        f"{_TIMED}.lastActuated",
        f"{_NIGHTLY}.hour",
        f"{_NIGHTLY}.minute",
        "buildbot.util.service:ClusteredBuildbotService.active",
    ),
    ours={_NIGHTLY: "arm_ci.master.buildbot_fixes.nightly_time:PunctualNightly"},
)


class PunctualNightly(schedulers.Nightly):
    """Buildbot's scheduler, in which a new time holds at once."""

    @as_deferred
    async def reconfigService(self, *args: Any, **kwargs: Any) -> None:
        before = (getattr(self, "hour", None), getattr(self, "minute", None))
        await super().reconfigService(*args, **kwargs)
        if self.active and before != (self.hour, self.minute):
            # Counted from now: that the new time has passed today is no build missed.
            self.lastActuated = self.now()
            await self.scheduleNextBuild()
