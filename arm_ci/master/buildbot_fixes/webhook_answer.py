"""Answers a webhook with a sentence of ours.

What: the answer that Buildbot gives when a webhook brought no change.
Why: it says "no change found", which a reader of GitHub's list of deliveries would take amiss: the webhook only has the
poller look. And Buildbot keeps the object that answers for ever, with the options of the first configuration.
Buildbot's issue: no issue found.
Can go: when a handler of webhooks may give the answer.
"""

from __future__ import annotations

from typing import Any

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix

FIX = Fix(
    name="webhook_answer",
    why="GitHub's webhook is answered with what was done, instead of `no change found`",
    issue=NO_ISSUE,
    goes_when="a handler of webhooks may give the answer",
    relies_on=(
        "buildbot.www.change_hook:ChangeHookResource.render_POST",
        "buildbot.www.change_hook:ChangeHookResource.getChanges",
    ),
    reads=("buildbot.config.master:MasterConfig.www",),
)


def answer(request: Any, status: int, sentence: str) -> None:
    """Answers; what Buildbot writes after it is dropped."""
    request.setResponseCode(status)
    request.write(f"{sentence}\n".encode())
    request.write = lambda _: None


def options(master: Any, dialect: str) -> dict[str, Any]:
    """The options of a webhook as the newest configuration has them."""
    return dict(master.config.www["change_hook_dialects"][dialect])
