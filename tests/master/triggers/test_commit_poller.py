"""The poller against real repositories; only Buildbot's master is a stand-in that keeps changes and state."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from example import config
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python import log
from twisted.trial import unittest
from upstream import Upstream
from waiting import limit

from arm_ci.master.buildbot_fixes.taken_changes import TakesChanges
from arm_ci.master.triggers.commit_poller import CommitPoller, commit_poller

pytestmark = pytest.mark.real

SOURCE = {"demo.cpp": "int main() {}\n"}


class Poller(CommitPoller):
    """Without a service around it."""

    master = None

    def __init__(self, master, memory, **settings):
        super().__init__(**settings)
        self.master = master
        self.memory = memory

    def poll_should_exit(self):
        return False

    async def getState(self, name, default):
        return self.memory.get(name, default)

    async def setState(self, name, value):
        self.memory[name] = value


class Scheduler(TakesChanges):
    """What the poller sees of one."""

    name = "commit-demo"
    ready = True

    def __init__(self):
        self.asked = 0

    async def taken(self):
        self.asked += 1


class LateScheduler(Scheduler):
    """Does not listen yet, and tells when it was asked for the second time."""

    def __init__(self):
        super().__init__()
        self.listens = False
        self.questions = 0
        self.asked_twice = Deferred()

    @property
    def ready(self):
        self.questions += 1
        if self.questions == 2:
            self.asked_twice.callback(None)
        return self.listens


class Case(unittest.TestCase):
    # Every commit costs a few processes; a busy machine takes its time.
    timeout = limit(120)

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.upstream = Upstream.make(self.directory)
        self.memory, self.changes, self.lines = {}, [], []
        self.scheduler = Scheduler()

        async def add_change(**change):
            self.changes.append(change)

        self.master = SimpleNamespace(
            reactor=reactor,
            basedir=str(self.directory),
            scheduler_manager=[self.scheduler],
            data=SimpleNamespace(
                updates=SimpleNamespace(addChange=lambda **c: Deferred.fromCoroutine(add_change(**c)))
            ),
        )
        observer = lambda event: self.lines.extend(event["message"])  # noqa: E731
        log.addObserver(observer)
        self.addCleanup(log.removeObserver, observer)

    @property
    def copy(self):
        return self.directory / "copy.git"

    async def look(self, repository=None, branches=("main", "stable")):
        """One look of a poller that was just made, as after a start of the master."""
        poller = Poller(
            self.master,
            self.memory,
            repourl=str(repository or self.upstream.repository),
            name="commits-demo",
            project="demo",
            branches=list(branches),
            workdir=str(self.copy),
        )
        await poller.reconfigService(**poller._config_kwargs, repourl=poller._config_args[0])
        self.changes.clear()
        await poller.poll()
        return poller

    def said(self, text):
        return [line for line in self.lines if text in line]

    def revisions(self):
        return [change["revision"] for change in self.changes]


class Looking(Case):
    async def test_the_first_look_remembers_the_heads_and_fetches_nothing(self):
        await self.look()
        head = self.upstream.git("rev-parse", "main")
        assert self.memory["state"]["heads"] == {"main": head, "stable": head}
        assert self.changes == []
        assert not self.copy.exists()

    async def test_a_commit_becomes_a_change_that_says_who_what_and_where(self):
        await self.look()
        revision = self.upstream.commit({**SOURCE, "docs/ä b.md": "x"}, "Title\n\nMore.")
        self.upstream.push()
        await self.look()
        (change,) = self.changes
        assert change["revision"] == revision
        assert change["author"] == change["committer"] == "A Person <person@example.org>"
        assert change["comments"] == "Title\nMore."
        assert sorted(change["files"]) == ["demo.cpp", "docs/ä b.md"]
        assert (change["branch"], change["project"]) == ("main", "demo")
        assert change["repository"] == str(self.upstream.repository)
        assert change["when_timestamp"] == int(self.upstream.git("log", "-1", "--format=%ct"))
        await self.look()
        assert self.changes == []

    async def test_commits_are_handed_over_oldest_first(self):
        await self.look()
        revisions = [self.upstream.commit({"demo.cpp": str(number)}) for number in range(3)]
        self.upstream.push()
        await self.look()
        assert self.revisions() == revisions

    async def test_more_commits_than_the_first_fetch_brings_are_all_found(self):
        await self.look()
        revisions = self.upstream.empty_commits(55)
        self.upstream.push()
        await self.look()
        assert self.revisions() == revisions

    async def test_a_merge_is_one_change_with_all_that_it_brings(self):
        await self.look()
        self.upstream.git("checkout", "-q", "-b", "side")
        self.upstream.commit({"a.cpp": "a"})
        self.upstream.commit({"b.cpp": "b"})
        self.upstream.git("checkout", "-q", "main")
        self.upstream.git("merge", "-q", "--no-ff", "side")
        self.upstream.push()
        await self.look()
        (change,) = self.changes
        assert sorted(change["files"]) == ["a.cpp", "b.cpp"]

    async def test_a_branch_that_is_moved_forward_to_commits_of_another_changes_too(self):
        await self.look()
        revision = self.upstream.commit(SOURCE)
        self.upstream.push()
        await self.look()
        self.upstream.push("main:stable")
        await self.look()
        assert [(change["revision"], change["branch"]) for change in self.changes] == [(revision, "stable")]

    async def test_file_contents_are_not_fetched_from_a_server_that_can_leave_them_out(self):
        subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=self.upstream.repository, check=True)
        await self.look()
        self.upstream.git("mv", "demo.cpp", "renamed.cpp")
        self.upstream.commit({"renamed.cpp": "int main() { return 1; }\n"})
        self.upstream.push()
        await self.look()
        assert sorted(self.changes[0]["files"]) == ["demo.cpp", "renamed.cpp"]
        arguments = ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]
        kinds = subprocess.run(arguments, cwd=self.copy, check=True, capture_output=True, text=True).stdout.split()
        assert "blob" not in kinds and "commit" in kinds

    async def test_letters_of_an_unknown_character_set_do_not_stop_it(self):
        await self.look()
        message = self.directory / "message"
        message.write_bytes("Größe".encode("latin-1"))
        self.upstream.git("commit", "-q", "--allow-empty", "-F", str(message))
        self.upstream.push()
        await self.look()
        assert self.changes[0]["comments"].startswith("Gr")


class OtherMoves(Case):
    async def test_a_rewritten_branch_is_one_change_of_unknown_files(self):
        await self.look()
        self.upstream.commit(SOURCE)
        self.upstream.push()
        await self.look()
        self.upstream.git("commit", "-q", "--amend", "-m", "another")
        self.upstream.push()
        await self.look()
        (change,) = self.changes
        assert change["revision"] == self.upstream.git("rev-parse", "main")
        assert change["files"] == []

    async def test_a_branch_that_appears_is_one_change_and_its_absence_is_said_once(self):
        poller = await self.look(branches=("main", "next"))
        await poller.poll()
        assert self.said("no branch") == [f"project demo: {self.upstream.repository} has no branch `next`"]
        self.upstream.push("main:next")
        await self.look(branches=("main", "next"))
        assert [(change["branch"], change["files"]) for change in self.changes] == [("next", [])]

    async def test_a_branch_added_to_the_configuration_starts_with_its_next_commit(self):
        await self.look(branches=("main",))
        await self.look()
        assert self.changes == []
        self.upstream.commit(SOURCE)
        self.upstream.push("main:stable")
        await self.look()
        assert [change["branch"] for change in self.changes] == ["stable"]

    async def test_a_branch_that_was_taken_out_of_the_configuration_starts_anew_when_it_is_put_back(self):
        await self.look()
        await self.look(branches=("main",))
        assert list(self.memory["state"]["heads"]) == ["main"]
        revision = self.upstream.commit(SOURCE)
        self.upstream.push("main:stable")
        await self.look()
        assert self.changes == []
        assert self.memory["state"]["heads"]["stable"] == revision

    async def test_a_branch_that_is_deleted_and_put_back_is_no_change(self):
        await self.look()
        self.upstream.push(":stable")
        await self.look()
        assert len(self.said("no branch `stable`")) == 1
        self.upstream.push("main:stable")
        await self.look()
        assert self.changes == []

    async def test_another_repository_is_looked_at_from_its_heads_on(self):
        await self.look()
        (self.directory / "other").mkdir()
        other = Upstream.make(self.directory / "other")
        other.commit(SOURCE)
        other.push()
        await self.look(other.repository)
        assert self.changes == []


class Accidents(Case):
    async def test_what_cannot_be_reached_is_one_line_and_found_by_the_next_look(self):
        await self.look()
        revision = self.upstream.commit(SOURCE)
        self.upstream.push()
        away = self.directory / "away"
        self.upstream.repository.rename(away)
        await self.look()
        (line,) = self.said("no look")
        assert line.startswith(f"project demo: no look at {self.upstream.repository}: git ls-remote: fatal: ")
        assert line.endswith("; the next look tries again")
        away.rename(self.upstream.repository)
        await self.look()
        assert self.revisions() == [revision]

    async def test_a_copy_that_a_killed_master_left_locked_is_made_anew(self):
        await self.look()
        self.upstream.commit(SOURCE)
        self.upstream.push()
        await self.look()
        (self.copy / "shallow.lock").touch()
        revision = self.upstream.commit(SOURCE | {"b.cpp": ""})
        self.upstream.push()
        await self.look()
        assert self.revisions() == [revision]
        assert self.changes[0]["files"] == ["b.cpp"]

    async def test_a_commit_whose_head_was_not_remembered_is_handed_over_again(self):
        await self.look()
        before = dict(self.memory)
        revision = self.upstream.commit(SOURCE)
        self.upstream.push()
        await self.look()
        self.memory.update(before)
        await self.look()
        assert self.revisions() == [revision]

    async def test_a_head_is_remembered_after_the_schedulers_took_its_changes(self):
        await self.look()
        old = self.memory["state"]
        self.upstream.commit(SOURCE)
        self.upstream.push()
        seen = []

        async def taken():
            seen.append((len(self.changes), self.memory["state"] == old))

        self.scheduler.taken = taken
        await self.look()
        assert seen == [(1, True)]

    async def test_changes_wait_for_schedulers_that_do_not_listen_yet(self):
        await self.look()
        self.upstream.commit(SOURCE)
        self.upstream.push()
        scheduler = self.master.scheduler_manager[0] = LateScheduler()
        looking = Deferred.fromCoroutine(self.look())
        await scheduler.asked_twice
        assert self.changes == []
        scheduler.listens = True
        await looking
        assert len(self.changes) == 1


class Settings(unittest.TestCase):
    def test_a_poller_without_an_interval_looks_at_the_start_and_when_the_webhook_says_so(self):
        settings = config(poll=0)
        poller = commit_poller(settings, settings.projects["demo"])
        assert poller._config_kwargs["pollAtLaunch"] is True
        assert poller._config_kwargs["pollInterval"] == 10 * 365 * 86400

    def test_the_copy_is_in_the_state_directory(self):
        settings = config()
        poller = commit_poller(settings, settings.projects["demo"])
        assert poller._config_kwargs["workdir"] == "/c/state/commits/demo.git"
        assert poller._config_kwargs["pollInterval"] == 300
