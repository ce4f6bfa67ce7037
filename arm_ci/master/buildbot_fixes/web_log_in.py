"""Who may do what on the page: readers are not asked for, and a login ends with its password.

What: how Buildbot decides about a request, and the key with which it signs logins.
Why: Buildbot's rule for all that changes something takes a HEAD request for a change; its refusal names a role instead
of saying what to do; and a login stays valid for days after its password was changed.
Buildbot's issue: no issue found.
Can go: when HEAD counts as reading, a refusal may be a sentence, and an authentication can end logins.
"""

from __future__ import annotations

from typing import Any

from buildbot.www.authz import Authz
from buildbot.www.authz.authz import Forbidden
from twisted.internet import defer
from twisted.python.failure import Failure

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="web_log_in",
    why="everybody may read, a refusal says what to do, and a login ends with its password",
    issue=NO_ISSUE,
    goes_when="HEAD counts as reading, a refusal may be a sentence, and an authentication can end logins",
    extends=("buildbot.www.authz.authz:Authz.assertUserAllowed", "buildbot.www.auth:AuthBase.updateUserInfo"),
    calls=("buildbot.www.service:BuildbotSession.updateSession",),
    reads=("buildbot.www.service:BuildbotSite.session_secret", "buildbot.www.service:WWWService.site"),
    ours={"buildbot.www.authz.authz:Authz": "arm_ci.master.buildbot_fixes.web_log_in:ReadersAllowed"},
)

_READING = ("get", "head")


class ReadersAllowed(Authz):
    """Buildbot's rules for everything but reading; a refusal is `refusal`, where that is set."""

    refusal = b""

    def assertUserAllowed(self, ep: Any, action: str, options: Any, userDetails: dict[str, Any]) -> Any:
        if action.lower() in _READING:
            return defer.succeed(None)
        asked = super().assertUserAllowed(ep, action, options, userDetails)
        return asked.addErrback(self._say_what_to_do) if self.refusal else asked

    def _say_what_to_do(self, failure: Failure) -> None:
        failure.trap(Forbidden)
        raise Forbidden(self.refusal)


def session_key(master: Any) -> bytes:
    """The key with which this master signs logins."""
    key: str = master.www.site.session_secret
    return key.encode()
