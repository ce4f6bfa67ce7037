"""Last step, always run: what was built from what, and the one command that repeats it without a master."""

from __future__ import annotations

from buildbot.process.results import SUCCESS

from arm_ci.plan.choices import repeat_command
from arm_ci.steps.base import RecipeStep
from arm_ci.steps.forced_patch import EXACT_LOG, LOG_PROPERTY, PATCH_LOG, STRIP_PROPERTY

_PROPERTIES = (
    ("revision", "got_revision"),
    ("upstream version", "upstream_version"),
    ("compiler version", "compiler_version"),
    ("linker version", "linker_version"),
    ("forced patch", "forced_patch"),
    ("patch set", "patch_set"),
    ("tests passed", "tests_passed"),
    ("tests failed", "tests_failed"),
)
_PATCH_FILE = {
    PATCH_LOG: f"the log `{PATCH_LOG}` of step forced-patch",
    EXACT_LOG: f"the log `{EXACT_LOG}` of step forced-patch, decoded by `base64 -d`; `{PATCH_LOG}` is not exact",
}
"""What the repeating command calls FILE."""


class Summary(RecipeStep):
    """Shows the command that repeats the build."""

    name = "summary"
    alwaysRun = True
    flunkOnFailure = False

    async def run(self) -> int:
        strip = self.getProperty(STRIP_PROPERTY)
        command = repeat_command(self.recipe.variant, self.choices, strip)
        rows = [("variant", self.recipe.variant.name)]
        for title, name in _PROPERTIES:
            value = self.getProperty(name)
            if value not in (None, ""):
                rows.append((title, str(value)))
        rows.append(("repeat it", command))
        if strip is not None:
            rows.append(("FILE", _PATCH_FILE[self.getProperty(LOG_PROPERTY) or PATCH_LOG]))
        width = max(len(title) for title, _ in rows)
        await self.addCompleteLog("summary", "".join(f"{title:{width}}  {value}\n" for title, value in rows))
        self.say(f"repeat it: {command}")
        return int(SUCCESS)
