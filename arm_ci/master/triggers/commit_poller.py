"""Finds new commits on the branches of a project's repository, and stays light while nothing happens.

Buildbot's GitPoller fetches whole histories at its first look. This one asks the server for the heads, remembers them,
and fetches a short history without file contents once a head has moved. What a change says is GitPoller's own work.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from buildbot.changes.gitpoller import GitError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python import log

from arm_ci.config.model import Config
from arm_ci.config.project import Project
from arm_ci.master.buildbot_fixes.git_poller import StoppableGitPoller
from arm_ci.master.buildbot_fixes.master_parts import schedulers
from arm_ci.master.buildbot_fixes.taken_changes import TakesChanges
from arm_ci.master.deferred import as_deferred

# Commits of one push, then of a master that was down for a week. Who is further behind needs no list of them.
_DEPTHS = (50, 1000)
_SCHEDULER_SECONDS = 60.0
# Buildbot's timer knows no `never`; a poller without an interval is started by the webhook.
_NEVER_SECONDS = 10 * 365 * 86400


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


class CommitPoller(StoppableGitPoller):
    """A poller that remembers in the database which head of each branch it has handed over.

    A head is remembered once every scheduler has written down the changes up to it, so that a master that is killed
    in between hands them over again. The state is `{"repository": URL, "heads": {BRANCH: revision}}`; a branch that
    did not exist has an empty revision.
    """

    def __init__(self, repourl: str, **kwargs: Any) -> None:
        super().__init__(repourl, **kwargs)
        self._told_missing: set[str] = set()

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
        rows = await self.git("ls-remote", ["--", self.repourl, *patterns])
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
            new = await self.git("rev-parse", [f"refs/heads/{branch}"], path=self.workdir)
            # Where the old head is not on its line the branch is new, was rewritten, or is too far ahead.
            await self.add_changes(branch, heads[branch], new, heads[branch] in await self._line(branch))
            for scheduler in self._schedulers():
                await scheduler.taken()
            heads[branch] = new
            await self._remember(heads)

    async def _line(self, branch: str) -> list[str]:
        """The commits of a branch without those that merges brought, newest first, as far as they were fetched."""
        arguments = ["--first-parent", f"--max-count={_DEPTHS[-1]}", f"refs/heads/{branch}", "--"]
        revisions: str = await self.git("rev-list", arguments, path=self.workdir)
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
            await self.git("init", ["--quiet", "--bare", str(directory)])
        for name, value in {
            "remote.origin.url": self.repourl,
            # Renames are found by file contents, which are not fetched; and names of files are wanted as they are.
            "diff.renames": "false",
            "core.quotePath": "false",
        }.items():
            await self.git("config", [name, value], path=str(directory))
        refspecs = [f"+refs/heads/{branch}:refs/heads/{branch}" for branch in branches]
        plain = ["--no-tags", "--progress", "origin", *refspecs]
        try:
            await self.git("fetch", [f"--depth={depth}", "--filter=blob:none", *plain], path=str(directory))
        except GitError as error:
            # What plain files on a web server answer.
            if "shallow" not in str(error):
                raise
            await self.git("fetch", plain, path=str(directory))

    # -- schedulers -------------------------------------------------------------------------------------------

    def _schedulers(self) -> Iterator[TakesChanges]:
        return schedulers(self.master, TakesChanges)  # type: ignore[type-abstract,unused-ignore]

    async def _schedulers_ready(self) -> None:
        """Waits until the schedulers listen: at a start of the master a look may be faster than they are."""
        end = self.master.reactor.seconds() + _SCHEDULER_SECONDS
        while not all(scheduler.ready for scheduler in self._schedulers()) and not self.poll_should_exit():
            if self.master.reactor.seconds() > end:
                names = ", ".join(scheduler.name for scheduler in self._schedulers() if not scheduler.ready)
                log.msg(f"project {self.project}: commits are handed over without waiting for {names}")
                return
            await deferLater(self.master.reactor, 0.1)


def _remove(directory: Path) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
