"""The scheduler of `buildbot try` whose people are ours, and a refusal that its client shows.

What: how Buildbot's scheduler registers people, and the protocol of its client.
Why: after a reconfiguration Buildbot forgets whom it registered, and cannot register them again; and a client to whom
nothing is returned, or an exception, shows nothing or a traceback instead of a sentence.
Buildbot's issue: 3110 (to write `buildbot try` anew on the REST API).
Can go: when `buildbot try` uses the REST API.
"""

from __future__ import annotations

from typing import Any

from buildbot.process.results import EXCEPTION
from buildbot.schedulers.trysched import Try_Userpass, Try_Userpass_Perspective
from twisted.spread import pb

from arm_ci.master.buildbot_fixes.fix import Fix
from arm_ci.master.deferred import as_deferred

_TRY = "buildbot.schedulers.trysched:Try_Userpass"
_CLIENT = "buildbot.clients.tryclient:Try"

FIX = Fix(
    name="try_port",
    why="people of `buildbot try` stay registered through a reconfiguration, and a refusal is a sentence",
    issue="https://github.com/buildbot/buildbot/issues/3110",
    goes_when="`buildbot try` uses the REST API",
    replaces=(f"{_TRY}._create_pb", "buildbot.schedulers.trysched:Try_Userpass_Perspective.perspective_try"),
    relies_on=(
        f"{_TRY}.reconfigService",
        f"{_CLIENT}.getStatus",
        f"{_CLIENT}._getStatus_1",
        f"{_CLIENT}.remote_newbuild",
    ),
    calls=(f"{_TRY}._destroy_pb", "buildbot.schedulers.trysched:RemoteBuildSetStatus.__init__"),
    reads=(f"{_TRY}.registrations", f"{_TRY}.userpass", f"{_TRY}.port"),
    ours={_TRY: "arm_ci.master.buildbot_fixes.try_port:TryPort"},
)


class TryPort(Try_Userpass):
    """Buildbot's scheduler for `buildbot try` with a password."""

    def person(self, name: str) -> Any:
        """What somebody who logged in can do: `perspective_` methods that the client calls."""
        return Try_Userpass_Perspective(self, name)

    @as_deferred
    async def reconfigService(self, **kwargs: Any) -> None:
        if self.active:
            # Buildbot's own forgets whom it registered and then cannot register them again.
            await self._destroy_pb()
        await super().reconfigService(**kwargs)

    @as_deferred
    async def _create_pb(self) -> None:
        for person, password in self.userpass:
            registration = await self.master.pbmanager.register(
                self.port, person, password, lambda _, name: self.person(name)
            )
            self.registrations.append(registration)


class Refusal(pb.Referenceable):
    """A refusal in the form of a build that failed: the client shows its text, where an error would be a traceback."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def remote_getBuildRequests(self) -> list[tuple[str, Refusal]]:
        return [("refused", self)]

    def remote_subscribe(self, subscriber: Any, interval: int = 0) -> Any:
        # Asked once for the request, and once, with an interval, for its build.
        return None if interval else subscriber.callRemote("newbuild", self, "refused")

    def remote_waitUntilFinished(self) -> Refusal:
        return self

    def remote_getResults(self) -> int:
        return int(EXCEPTION)

    def remote_getText(self) -> list[str]:
        return [self.sentence]
