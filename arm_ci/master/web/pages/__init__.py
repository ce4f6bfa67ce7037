"""Our own part of the web UI: so far a style sheet that makes Buildbot's pages readable with hundreds of builders.

It is a plugin of Buildbot's web server (entry point `buildbot.www`, name `arm_ci`), which serves `static/`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from arm_ci import __version__

STATIC = Path(__file__).parent / "static"

UI_DEFAULTS = {
    # The builders of one commit fill a page; Buildbot's own numbers are made for some dozens of builders.
    "Builders.page_size": 250,
    "Builders.buildFetchLimit": 1000,
    "Console.buildLimit": 1000,
    "ChangeBuilds.buildsFetchLimit": 250,
    "BuildRequests.buildrequestFetchLimit": 250,
    # What one wants to read first is open.
    "LogPreview.expand_logs": "summary;findings;verdict",
}
"""Settings of Buildbot's web UI that a visitor may change for himself; the names are Buildbot's."""


class Pages:
    """What Buildbot 4.3 asks of a plugin of its web server (compare buildbot.www.plugin.Application)."""

    description = "arm_ci's style sheet"
    version = __version__
    ui = True

    static_dir = STATIC

    @cached_property
    def resource(self) -> Any:
        """What is served below /plugins/arm_ci."""
        # Imported late: checking a configuration needs no web server.
        from twisted.web.static import File

        return File(str(STATIC))

    def setMaster(self, master: Any) -> None:
        """Nothing of the master is needed."""

    def setConfiguration(self, configuration: Any) -> None:
        """There is nothing to configure."""


plugin = Pages()
