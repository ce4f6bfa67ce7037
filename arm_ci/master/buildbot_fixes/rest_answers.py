"""Keeps the web server answering when a client hangs up early.

What: the one method that writes the answers of the REST API.
Why: Buildbot writes them from a thread, but Twisted's sockets belong to the reactor's thread. When the client is gone
by then, a dead socket stays in the reactor, and every later connection that gets its number fails, until the master is
started again. Here the thread only encodes and the reactor writes.
Buildbot's issues: 8306 and 9065, mended on Buildbot's master branch by pull request 9143.
Can go: with the first release that has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from arm_ci.master.buildbot_fixes.fix import Fix

FIX = Fix(
    name="rest_answers",
    why="answers of the REST API are written by the reactor, not by a thread, which left dead sockets behind",
    issue="https://github.com/buildbot/buildbot/issues/8306 and 9065",
    goes_when="a release of Buildbot has pull request 9143",
    replaces=("buildbot.www.rest:V2RootResource._write_json_data",),
    relies_on=("buildbot.www.rest:V2RootResource.renderRest", "buildbot.www.rest:_is_request_finished"),
)


def put_in_force() -> None:
    """Replaces Buildbot's method, for every master of this process."""
    # Imported late: checking a configuration needs no web server.
    from buildbot.www.rest import V2RootResource

    V2RootResource._write_json_data = staticmethod(_encode_and_hand_over)


def _encode_and_hand_over(request: Any, encoder: json.JSONEncoder, data: Any) -> None:
    """Runs in a thread; the reactor writes before it learns that the thread has ended, so the order holds."""
    in_the_reactor(_answer, request, encoder.encode(data).encode())


def in_the_reactor(function: Callable[..., None], *words: Any) -> None:
    """Has the reactor call a function, from a thread."""
    # Imported late: a reactor is chosen when it is imported first.
    from twisted.internet import reactor

    reactor.callFromThread(function, *words)


def _answer(request: Any, body: bytes) -> None:
    from buildbot.www.rest import _is_request_finished

    # Who hung up gets no answer; what is looked at here is set in the reactor's own thread.
    if _is_request_finished(request):
        return
    request.setHeader(b"content-length", str(len(body)).encode())
    if request.method != b"HEAD":
        request.write(body)
