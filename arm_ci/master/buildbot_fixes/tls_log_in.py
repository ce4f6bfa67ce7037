"""Hands log-ins on another port to the dispatcher of the workers' port.

What: the dispatchers of Buildbot's PB manager, which know the workers' and people's passwords.
Why: Buildbot listens with a dispatcher on one port; boards come in on a second one, with TLS.
Buildbot's issue: no issue found.
Can go: when `protocols` takes several ports.
"""

from __future__ import annotations

from typing import Any

from twisted.cred import error

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="tls_log_in",
    why="log-ins on the port with TLS are handed to the dispatcher of the workers' port",
    issue=NO_ISSUE,
    goes_when="Buildbot's `protocols` takes several ports for workers",
    calls=(
        "buildbot.worker.protocols.manager.base:BaseDispatcher.__init__",
        "buildbot.worker.protocols.manager.pb:Dispatcher.requestAvatarId",
        "buildbot.worker.protocols.manager.pb:Dispatcher.requestAvatar",
    ),
    reads=("buildbot.worker.protocols.manager.base:BaseManager.dispatchers",),
)


def dispatcher(master: Any, port: str) -> Any:
    """Who checks the log-ins of a port. Raises UnauthorizedLogin while nobody may log in there."""
    try:
        return master.pbmanager.dispatchers[port]
    except KeyError:
        raise error.UnauthorizedLogin from None
