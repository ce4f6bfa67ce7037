"""The source at the wanted revision, by Buildbot's own Git step, with the build tree kept outside the checkout.

A forced patch is not its business: forced_patch.py applies it, with sentences of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from buildbot.plugins import steps
from buildbot.process.results import CANCELLED, RETRY, SUCCESS
from twisted.internet import defer

from arm_ci.config.project import Project
from arm_ci.steps.base import LONGEST_SENTENCE, LineObserver

# Asking again does not make these appear.
_MISSING = re.compile(r"not found in upstream|couldn't find remote ref|not a tree|did not match any")
_REASON = re.compile(r"^(?:fatal|error): ")


class Source(steps.Git):
    """Buildbot's Git step; its sentence is what was checked out, or git's own reason why not."""

    reason = ""

    async def run(self) -> int:
        self.addLogObserver("stdio", LineObserver(self.take))
        return int(await super().run())

    def run_vc(self, branch: str, revision: str, patch: Any) -> Any:
        """Without the patch: where it does not apply, Buildbot's step looks like a fetch that failed."""
        return super().run_vc(branch, revision, None)

    def addCompleteLog(self, name: str, text: str) -> Any:
        """Buildbot's step would show the patch here; it stands in the step that applies it."""
        return defer.succeed(None) if name == "patch" else super().addCompleteLog(name, text)

    def take(self, line: str) -> None:
        """Takes a line of git's output."""
        if _REASON.match(line) and not self.reason:
            self.reason = line.strip()[:LONGEST_SENTENCE]
        if _MISSING.search(line):
            self.retry = None

    def getResultSummary(self) -> Mapping[str, str]:
        if self.results == SUCCESS:
            return {"step": f"{self.branch}, revision {str(self.getProperty('got_revision') or '')[:12]}"}
        if self.results in (RETRY, CANCELLED):
            # git was interrupted, and has no reason of its own.
            return {"step": "the worker was lost" if self.results == RETRY else "interrupted"}
        sentence = self.build.properties.cleanupTextFromSecrets(self.reason or "git failed")
        return {"step": sentence, "build": f"{self.name}: {sentence}"}


def source_step(project: Project, repository: str) -> Any:
    """The Git step of a project: a clean checkout of the revision, whatever the last build left behind.

    `repository` is its address as the worker knows it.
    """
    return Source(
        name="source",
        repourl=repository,
        branch=project.branches[0],
        mode="full",
        method="fresh",
        workdir="source",
        logEnviron=False,
        env={"LC_ALL": "C"},
        progress=False,
        # A network on a board's end of the world comes back after a while.
        retry=(30, 2),
        timeout=project.timeout,
        haltOnFailure=True,
    )
