"""Our own part of the web UI: so far a style sheet that makes Buildbot's pages readable with hundreds of builders.

It is a plugin of Buildbot's web server (entry point `buildbot.www`, name `arm_ci`), which serves `static/`.
"""

from __future__ import annotations

from pathlib import Path

from arm_ci.master.buildbot_fixes.web_plugin import WebPlugin

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


plugin = WebPlugin("arm_ci's style sheet", STATIC)
