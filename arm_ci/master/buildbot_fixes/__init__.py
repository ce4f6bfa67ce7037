"""Private things of Buildbot 4.3 that we replace or call: a file for each, and this table of them.

Each file says what, why, which issue of Buildbot it is about, and when it can go; its `FIX` says the same to the tests
and to the master's log. Where the code must stand elsewhere (the steps and the guests' worker may not import the
master), the file has the `FIX` alone and names the place. Nothing else in `arm_ci/master` touches what is private.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from arm_ci.master.buildbot_fixes.fix import Fix

FIXES = (
    # The web server.
    "rest_answers",
    "web_log_in",
    "webhook_answer",
    "web_plugin",
    "force_scheduler",
    # Workers and their connections.
    "worker_connection",
    "worker_attachment",
    "worker_row",
    "tls_log_in",
    "latent_worker",
    # Builds and steps.
    "build_end",
    "git_step",
    "text_log",
    "remote_commands",
    # What starts builds.
    "git_poller",
    "taken_changes",
    "tree_timer",
    "nightly_time",
    "try_port",
    # The master.
    "master_start",
    "master_parts",
    "old_rows",
)


def fixes() -> Iterator[Fix]:
    """Every fix, in the table's order; a file is imported when its turn comes."""
    for name in FIXES:
        yield import_module(f"{__name__}.{name}").FIX
