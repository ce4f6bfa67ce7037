"""Tells whether a text log gives back what was written into it.

What: how Buildbot splits a text log into lines and rows. The code stands in `arm_ci/steps/forced_patch.py`, which may
not import the master.
Why: it makes line ends of carriage returns and of codes for the cursor, and cuts long lines; a patch that must be
repeated exactly is then kept in Base64 as well.
Buildbot's issue: no issue found.
Can go: when a log can hold bytes.
"""

from __future__ import annotations

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="text_log",
    why="a patch that a text log would change is kept in Base64 as well",
    issue=NO_ISSUE,
    goes_when="a log can hold bytes",
    relies_on=("buildbot.util.lineboundaries:LineBoundaryFinder.append",),
    reads=("buildbot.db.logs:LogsConnectorComponent.MAX_CHUNK_SIZE",),
)
