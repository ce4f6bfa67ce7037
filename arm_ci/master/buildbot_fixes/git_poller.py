"""Buildbot's poller of a git repository, in which every git can be stopped and none can ask a person.

What: how GitPoller runs git, and how it makes changes of commits.
Why: its git may wait for a person or a server for ever, and then the master cannot stop; it fetches whole histories at
its first look; and what changed in a commit it cannot leave out where it is not known.
Buildbot's issue: no issue found.
Can go: when GitPoller fetches short histories without file contents, and remembers in the database what it handed over.
"""

from __future__ import annotations

import os
import re
from typing import Any

from buildbot.changes.gitpoller import GitError, GitPoller
from buildbot.util.runprocess import RunProcess
from twisted.internet.defer import Deferred

from arm_ci.master.buildbot_fixes.fix import NO_ISSUE, Fix
from arm_ci.master.deferred import as_deferred

_POLLER = "buildbot.changes.gitpoller:GitPoller"

FIX = Fix(
    name="git_poller",
    why="a look at a repository fetches a short history, asks no person, and can be stopped",
    issue=NO_ISSUE,
    goes_when="GitPoller fetches short histories without file contents and remembers what it handed over",
    replaces=(f"{_POLLER}.poll", f"{_POLLER}._dovccmd"),
    relies_on=(f"{_POLLER}._process_changes",),
    extends=(f"{_POLLER}._get_commit_files", "buildbot.changes.base:ReconfigurablePollingChangeSource.deactivate"),
    calls=(
        f"{_POLLER}.poll_should_exit",
        "buildbot.util.runprocess:RunProcess.__init__",
        "buildbot.util.runprocess:RunProcess.kill",
    ),
    reads=(
        f"{_POLLER}.buildPushesWithNoCommits",
        f"{_POLLER}.branches",
        f"{_POLLER}.gitbin",
        f"{_POLLER}.lastRev",
        f"{_POLLER}.workdir",
    ),
    ours={_POLLER: "arm_ci.master.buildbot_fixes.git_poller:StoppableGitPoller"},
)

_LIST_SECONDS = 60
_FETCH_SECONDS = 3600
_SILENCE_SECONDS = 300

_REASON = re.compile(r"^(?:fatal|error|ssh): ")
_LONGEST_REASON = 300


class StoppableGitPoller(GitPoller):
    """GitPoller without its own way of looking: a subclass looks in `poll`."""

    def __init__(self, repourl: str, **kwargs: Any) -> None:
        super().__init__(repourl, **kwargs)
        self._running: set[RunProcess] = set()
        self._unrelated: set[str] = set()

    @as_deferred
    async def deactivate(self) -> None:
        stopped = super().deactivate()
        for process in list(self._running):
            process.kill("the master stops looking for commits")
        await stopped

    # -- making changes ---------------------------------------------------------------------------------------

    async def add_changes(self, branch: str, old: str, new: str, related: bool) -> None:
        """Adds a change for each commit after `old` up to `new`; for `new` alone where the two are not `related`.

        What a lone one changes is not known. `old` is empty for a branch that was not there.
        """
        self.buildPushesWithNoCommits = True
        if related:
            self.lastRev = {branch: old}
        else:
            self._unrelated.add(new)
            # GitPoller takes the second entry as seen already, and then adds the head alone.
            self.lastRev = {**({branch: old} if old else {}), "": new}
        try:
            await self._process_changes(new, branch)
        finally:
            self._unrelated.discard(new)

    @as_deferred
    async def _get_commit_files(self, rev: str) -> list[str]:
        if rev in self._unrelated:
            return []
        files: list[str] = await super()._get_commit_files(rev)
        return files

    # -- git --------------------------------------------------------------------------------------------------

    def _dovccmd(
        self,
        command: str,
        args: list[str],
        path: str | None = None,
        auth_files_path: str | None = None,
        initial_stdin: str | None = None,
    ) -> Deferred[str]:
        """GitPoller runs every git through this."""
        return Deferred.fromCoroutine(self.git(command, args, path))

    async def git(self, command: str, args: list[str], path: str | None = None) -> str:
        """The output of a git that asks no person and is killed when it takes too long. Raises GitError."""
        process = RunProcess(
            self.master.reactor,
            [self.gitbin, command, *args],
            path,
            env=git_environment(),
            io_timeout=_LIST_SECONDS if command == "ls-remote" else _SILENCE_SECONDS,
            runtime_timeout=_FETCH_SECONDS,
        )
        self._running.add(process)
        try:
            status, output, errors = await process.start()
        finally:
            self._running.discard(process)
        if status != 0:
            raise GitError(f"git {command}: {_reason(errors, status)}")
        # Old commits hold names in character sets that they do not tell; a wrong letter must not stop everything.
        text: str = output.decode("utf-8", errors="replace").strip()
        return text


def git_environment() -> dict[str, str | None]:
    """The master's environment for a git that asks nobody anything; RunProcess removes what is None."""
    ours: dict[str, str | None] = {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        # An answer for what would open a window on a desktop: nothing.
        "GIT_ASKPASS": "true",
        **dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")),
    }
    if "GIT_SSH" not in os.environ and "GIT_SSH_COMMAND" not in os.environ:
        ours["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=30"
    return {**os.environ, **ours}


def _reason(errors: bytes, status: int) -> str:
    """git's own sentence for a failure, or what is known without one."""
    lines = [line.strip() for line in errors.decode("utf-8", errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if _REASON.match(line)] or lines[-1:]
    if said:
        return said[0][:_LONGEST_REASON]
    return "it did not end in time" if status == -1 else f"exit status {status}"
