"""Finds new commits on the branches of a project's repository, and stays light while nothing happens.

Buildbot's GitPoller fetches whole histories at its first look. This one asks the server for the heads, remembers them,
and fetches a short history without file contents once a head has moved. What a change says is GitPoller's own work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from buildbot.changes.gitpoller import GitError, GitPoller
from buildbot.util.runprocess import RunProcess
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.config.model import Config
from arm_ci.config.project import Project
from arm_ci.master.deferred import as_deferred
from arm_ci.master.triggers.schedulers import TakesChanges

# Commits of one push, then of a master that was down for a week. Who is further behind needs no list of them.
_DEPTHS = (50, 1000)
_LIST_SECONDS = 60
_FETCH_SECONDS = 3600
_SILENCE_SECONDS = 300
_SCHEDULER_SECONDS = 60.0
# Buildbot's timer knows no `never`; a poller without an interval is started by the webhook.
_NEVER_SECONDS = 10 * 365 * 86400

_REASON = re.compile(r"^(?:fatal|error|ssh): ")
_LONGEST_REASON = 300


def commit_poller(config: Config, project: Project) -> Any:
    """The poller of a project's repository."""
    return CommitPoller(
        repourl=config.repository_url(project),
        name=f"commits-{project.name}",
        project=project.name,
        branches=list(project.branches),
        workdir=str(config.path(config.site.state) / "commits" / f"{project.name}.git"),
        pollInterval=project.poll or _NEVER_SECONDS,
        # Commits that came while the master was down are found now, not an interval later.
        pollAtLaunch=True,
    )


class CommitPoller(GitPoller):
    """GitPoller that remembers in the database which head of each branch it has handed over.

    A head is remembered once every scheduler has written down the changes up to it, so that a master that is killed
    in between hands them over again. The state is `{"repository": URL, "heads": {BRANCH: revision}}`; a branch that
    did not exist has an empty revision.
    """

    def __init__(self, repourl: str, **kwargs: Any) -> None:
        super().__init__(repourl, **kwargs)
        self._running: set[RunProcess] = set()
        self._told_missing: set[str] = set()
        self._unrelated: set[str] = set()

    # -- Buildbot's life cycle --------------------------------------------------------------------------------

    async def _stop_git(self) -> None:
        for process in list(self._running):
            process.kill("the master stops looking for commits")

    @as_deferred
    async def deactivate(self) -> None:
        stopped = super().deactivate()
        await self._stop_git()
        await stopped

    @as_deferred
    async def poll(self) -> None:
        """Looks for new commits once; what goes wrong outside is one line in the log, and the next look tries again."""
        try:
            await self._look()
        except (GitError, OSError) as error:
            if not self.poll_should_exit():
                log.msg(f"project {self.project}: no look at {self.repourl}: {error}; the next look tries again")

    # -- looking ----------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        listed = await self._listed_heads()
        state = await self.getState("state", None) or {}
        known: dict[str, str] = state["heads"] if state.get("repository") == self.repourl else {}
        heads = {branch: head for branch, head in known.items() if branch in self.branches}
        moved = []
        for branch in self.branches:
            new, old = listed.get(branch, ""), known.get(branch)
            self._tell_missing(branch, missing=not new)
            if old is None:
                # Configured just now: builds start with the next commit, not with the whole history.
                heads[branch] = new
            elif new and new != old:
                moved.append(branch)
        if heads.keys() != known.keys():
            await self._remember(heads)
        if first := sorted(set(heads) - set(known)):
            log.msg(f"project {self.project}: {self.repourl} is looked at for commits after now on {', '.join(first)}")
        if moved:
            await self._hand_over(moved, heads)

    async def _listed_heads(self) -> dict[str, str]:
        patterns = [f"refs/heads/{branch}" for branch in self.branches]
        rows = await self._dovccmd("ls-remote", ["--", self.repourl, *patterns])
        pairs = (row.split("\t", 1) for row in rows.splitlines() if "\t" in row)
        # A pattern of ls-remote also matches the end of longer names.
        return {ref.removeprefix("refs/heads/"): head for head, ref in pairs if ref in patterns}

    def _tell_missing(self, branch: str, missing: bool) -> None:
        if not missing:
            self._told_missing.discard(branch)
        elif branch not in self._told_missing:
            self._told_missing.add(branch)
            log.msg(f"project {self.project}: {self.repourl} has no branch `{branch}`")

    async def _remember(self, heads: dict[str, str]) -> None:
        await self.setState("state", {"repository": self.repourl, "heads": heads})

    # -- handing over -----------------------------------------------------------------------------------------

    async def _hand_over(self, moved: list[str], heads: dict[str, str]) -> None:
        await self._schedulers_ready()
        await self._fetch(moved, _DEPTHS[0])
        if any([await self._is_behind(branch, heads[branch]) for branch in moved]):
            await self._fetch(moved, _DEPTHS[1])
        for branch in moved:
            if self.poll_should_exit():
                return
            new = await self._dovccmd("rev-parse", [f"refs/heads/{branch}"], path=self.workdir)
            await self._process(branch, heads[branch], new)
            for scheduler in self._schedulers():
                await scheduler.taken()
            heads[branch] = new
            await self._remember(heads)

    async def _process(self, branch: str, old: str, new: str) -> None:
        """Adds a change for each commit, or one for the head where the old head is not on its line."""
        self.buildPushesWithNoCommits = True
        if old in await self._line(branch):
            self.lastRev = {branch: old}
        else:
            # The branch is new, was rewritten, or is too far ahead: its head stands for all, and what it changes is
            # unknown. GitPoller takes the second entry as seen already, and then adds the head alone.
            self._unrelated.add(new)
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

    async def _line(self, branch: str) -> list[str]:
        """The commits of a branch without those that merges brought, newest first, as far as they were fetched."""
        arguments = ["--first-parent", f"--max-count={_DEPTHS[-1]}", f"refs/heads/{branch}", "--"]
        revisions: str = await self._dovccmd("rev-list", arguments, path=self.workdir)
        return revisions.split()

    async def _is_behind(self, branch: str, old: str) -> bool:
        """Whether a longer history might hold the old head."""
        line = await self._line(branch)
        return bool(old) and old not in line and len(line) >= _DEPTHS[0]

    async def _fetch(self, branches: list[str], depth: int) -> None:
        directory = Path(str(self.workdir))
        try:
            await self._fetch_into(directory, branches, depth)
        except GitError:
            # The server just answered, so the copy may be at fault: a master killed in a fetch leaves locks behind.
            await deferToThread(_remove, directory)
            await self._fetch_into(directory, branches, depth)

    async def _fetch_into(self, directory: Path, branches: list[str], depth: int) -> None:
        if not (directory / "HEAD").exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            await self._dovccmd("init", ["--quiet", "--bare", str(directory)])
        for name, value in {
            "remote.origin.url": self.repourl,
            # Renames are found by file contents, which are not fetched; and names of files are wanted as they are.
            "diff.renames": "false",
            "core.quotePath": "false",
        }.items():
            await self._dovccmd("config", [name, value], path=str(directory))
        refspecs = [f"+refs/heads/{branch}:refs/heads/{branch}" for branch in branches]
        plain = ["--no-tags", "--progress", "origin", *refspecs]
        try:
            await self._dovccmd("fetch", [f"--depth={depth}", "--filter=blob:none", *plain], path=str(directory))
        except GitError as error:
            # What plain files on a web server answer.
            if "shallow" not in str(error):
                raise
            await self._dovccmd("fetch", plain, path=str(directory))

    # -- schedulers -------------------------------------------------------------------------------------------

    def _schedulers(self) -> Iterator[TakesChanges]:
        return (each for each in self.master.scheduler_manager if isinstance(each, TakesChanges))

    async def _schedulers_ready(self) -> None:
        """Waits until the schedulers listen: at a start of the master a look may be faster than they are."""
        end = self.master.reactor.seconds() + _SCHEDULER_SECONDS
        while not all(scheduler.ready for scheduler in self._schedulers()) and not self.poll_should_exit():
            if self.master.reactor.seconds() > end:
                names = ", ".join(scheduler.name for scheduler in self._schedulers() if not scheduler.ready)
                log.msg(f"project {self.project}: commits are handed over without waiting for {names}")
                return
            await deferLater(self.master.reactor, 0.1)

    # -- git --------------------------------------------------------------------------------------------------

    def _dovccmd(
        self,
        command: str,
        args: list[str],
        path: str | None = None,
        auth_files_path: str | None = None,
        initial_stdin: str | None = None,
    ) -> Deferred[str]:
        """GitPoller runs every git through this; here none can ask a person, and all can be stopped."""
        return Deferred.fromCoroutine(self._git([self.gitbin, command, *args], path))

    async def _git(self, argv: list[str], path: str | None) -> str:
        process = RunProcess(
            self.master.reactor,
            argv,
            path,
            env=git_environment(),
            io_timeout=_LIST_SECONDS if argv[1] == "ls-remote" else _SILENCE_SECONDS,
            runtime_timeout=_FETCH_SECONDS,
        )
        self._running.add(process)
        try:
            status, output, errors = await process.start()
        finally:
            self._running.discard(process)
        if status != 0:
            raise GitError(f"git {argv[1]}: {_reason(errors, status)}")
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


def _remove(directory: Path) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
