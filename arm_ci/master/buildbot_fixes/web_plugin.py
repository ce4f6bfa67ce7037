"""A plugin of the page that is a directory of files.

What: the class that Buildbot's web server expects of a plugin.
Why: Buildbot's own, `buildbot.www.plugin.Application`, wants a file with the version in the package, and reads it when
a configuration is only checked.
Buildbot's issue: no issue found.
Can go: when a plugin may say its version itself.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from arm_ci import __version__
from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="web_plugin",
    why="our part of the page has the version of arm_ci and no file of its own for it",
    issue=NO_ISSUE,
    goes_when="a plugin of the page may say its version itself",
    replaces=("buildbot.www.plugin:Application.__init__",),
    relies_on=("buildbot.www.service:WWWService.configPlugins", "buildbot.www.service:WWWService.setupSite"),
)


class WebPlugin:
    """What the web server asks of a plugin; the entry point of `buildbot.www` names one."""

    ui = True
    version = __version__

    def __init__(self, description: str, directory: Path) -> None:
        self.description = description
        self.static_dir = directory

    @cached_property
    def resource(self) -> Any:
        """What is served below /plugins/NAME."""
        # Imported late: checking a configuration needs no web server.
        from twisted.web.static import File

        return File(str(self.static_dir))

    def setMaster(self, master: Any) -> None:
        """Nothing of the master is needed."""

    def setConfiguration(self, configuration: Any) -> None:
        """There is nothing to configure."""
