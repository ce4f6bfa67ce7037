"""Keeps the web server of Buildbot 4.3 answering when a client hangs up early.

Buildbot writes the answers of its REST API from a thread, but Twisted's sockets belong to the reactor's thread. When
the client is gone by then, a dead socket stays in the reactor, and every later connection that gets its number fails,
until the master is started again. Here the thread only encodes and the reactor writes.
"""

from __future__ import annotations

import json
from typing import Any

from buildbot.util.service import BuildbotService
from twisted.internet import reactor


class RestAnswers(BuildbotService):
    """A service of the master that replaces the one method of Buildbot that writes from a thread."""

    name = "arm_ci_rest_answers"

    async def startService(self) -> None:
        # Imported late: checking a configuration needs no web server.
        from buildbot.www.rest import V2RootResource

        V2RootResource._write_json_data = staticmethod(_encode_and_hand_over)
        await super().startService()


def _encode_and_hand_over(request: Any, encoder: json.JSONEncoder, data: Any) -> None:
    """Runs in a thread; the reactor writes before it learns that the thread has ended, so the order holds."""
    reactor.callFromThread(_answer, request, encoder.encode(data).encode())


def _answer(request: Any, body: bytes) -> None:
    # Who hung up gets no answer; both flags are set in the reactor's own thread.
    if request.finished or request._disconnected:
        return
    request.setHeader(b"content-length", str(len(body)).encode())
    if request.method != b"HEAD":
        request.write(body)
