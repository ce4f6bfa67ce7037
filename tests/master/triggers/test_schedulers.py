"""When commits and nights start builds, with Buildbot's schedulers on a fake clock."""

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.util import scheduler as scheduler_case
from buildbot.util import epoch2datetime
from example import config
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from arm_ci.cli.repositories import update
from arm_ci.config.model import Variant
from arm_ci.master.triggers.schedulers import Important, head_of, is_watched, schedulers_of

# Of the library that makes the database's tables.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

COMMIT = Variant("demo", "pc", "gcc", "bfd", "ninja", "full", "commit")
NIGHTLY = Variant("demo", "pc", "gcc", "lld", "ninja", "full", "nightly")
FORCE = Variant("demo", "pc", "clang", "lld", "ninja", "full", "force")
HOUR = 3600


def changed(*files):
    return SimpleNamespace(files=list(files))


@pytest.mark.parametrize(
    ("files", "important"),
    [
        (["src/main.cpp"], True),
        (["docs/index.html", "docs/deep/page.md", "README.md"], False),
        (["docs/index.html", "src/main.cpp"], True),
        (["Docs/index.html"], True),
        ([], True),
    ],
)
def test_a_change_is_important_unless_every_file_is_unimportant(files, important):
    assert Important(("docs/*", "*.md"))(changed(*files)) is important


def test_without_patterns_every_change_is_important():
    assert Important(())(changed("README.md"))


def project(**settings):
    return config(**settings).projects["demo"]


def made(variants=(COMMIT, NIGHTLY, FORCE), watched=True, own="", **settings):
    return {each.name: each for each in schedulers_of(project(**settings), variants, watched, own)}


def test_a_project_has_one_scheduler_for_commits_and_one_a_branch_for_nights():
    found = made(branches=("main", "1.x"))
    assert list(found) == ["commit-demo", "nightly-demo:main", "nightly-demo:1.x"]
    assert found["commit-demo"].builderNames == [COMMIT.name]
    assert found["nightly-demo:1.x"].builderNames == [NIGHTLY.name]


def test_projects_and_branches_whose_names_could_be_taken_for_each_other_have_schedulers_of_their_own():
    one = schedulers_of(replace(project(branches=("b-c",)), name="a"), (COMMIT, NIGHTLY), watched=True)
    other = schedulers_of(replace(project(branches=("c",)), name="a-b"), (COMMIT, NIGHTLY), watched=True)
    names = [each.name for each in (*one, *other)]
    assert names == ["commit-a", "nightly-a:b-c", "commit-a-b", "nightly-a-b:c"]


def test_what_has_no_variants_has_no_scheduler():
    assert list(made(variants=(FORCE,))) == []
    assert list(made(variants=(COMMIT,))) == ["commit-demo"]


def test_of_a_project_that_nobody_watches_every_night_is_built():
    found = made(watched=False)
    assert list(found) == ["nightly-demo:main"]
    assert found["nightly-demo:main"]._config_kwargs["onlyIfChanged"] is False


def test_of_a_directory_a_night_looks_whether_it_changed():
    assert made(watched=False, own="/state/sources/demo.git")["nightly-demo:main"]._config_kwargs["compared"] == (
        "/state/sources/demo.git"
    )
    unchanged_too = made(watched=False, own="/state/sources/demo.git", nightly_unchanged=True)["nightly-demo:main"]
    assert unchanged_too._config_kwargs["compared"] == ""


def test_nights_without_commits_are_built_when_the_project_says_so():
    assert made()["nightly-demo:main"]._config_kwargs["onlyIfChanged"] is True
    assert made(nightly_unchanged=True)["nightly-demo:main"]._config_kwargs["onlyIfChanged"] is False


def test_a_project_is_watched_by_its_poller_or_by_the_webhook():
    assert is_watched(config(), project())
    assert not is_watched(config(), project(poll=0))
    assert not is_watched(config(), project(repository="", directory="../demo"))
    with_webhook = SimpleNamespace(site=SimpleNamespace(github_webhook=True))
    assert is_watched(with_webhook, project(poll=0))


def test_the_same_configuration_makes_equal_schedulers_so_that_a_reconfig_leaves_them_alone():
    before, after = made(unimportant=("docs/*",)), made(unimportant=("docs/*",))
    for name, scheduler in before.items():
        assert scheduler.isEquivalent(scheduler, after[name]), name


def test_the_head_of_a_branch_is_found_where_git_keeps_it(tmp_path):
    repository, source = tmp_path / "demo.git", tmp_path / "demo"
    source.mkdir()
    (source / "a").write_text("1")
    update(repository, source, "main", "as it stands")
    head = head_of(repository, "main")
    assert len(head) == 40
    subprocess.run(["git", f"--git-dir={repository}", "pack-refs", "--all"], check=True)
    assert not (repository / "refs" / "heads" / "main").exists()
    assert head_of(repository, "main") == head
    assert head_of(repository, "ain") == head_of(repository, "other") == head_of(tmp_path, "main") == ""


class Case(scheduler_case.SchedulerMixin, TestReactorMixin, unittest.TestCase):
    async def setUp(self):
        self.setup_test_reactor()
        await self.setUpScheduler()
        self.number = 0
        self.build_sets = []

        async def add_build_set(waited_for, **described):
            self.build_sets.append(described)
            return len(self.build_sets), {}

        self.master.data.updates.addBuildset = lambda *a, **b: Deferred.fromCoroutine(add_build_set(*a, **b))

    async def attach(self, name, number=1, **settings):
        found = made(branches=("main", "stable"), unimportant=("docs/*",), **settings)[name]
        await self.attachScheduler(found, number, number)
        await found.configureService()
        return found

    async def change(self, branch="main", files=("a.cpp",)):
        """A change as it comes from the poller; the number of the change."""
        self.number += 1
        number = self.number
        rows = [
            fakedb.SourceStamp(id=number, branch=branch, project="demo", revision=str(number)),
            fakedb.Change(
                changeid=number, sourcestampid=number, branch=branch, project="demo", revision=str(number),
                when_timestamp=1,
            ),
            *(fakedb.ChangeFile(changeid=number, filename=file) for file in files),
        ]  # fmt: skip
        await self.master.db.insert_test_data(rows)
        message = await self.master.data.get(("changes", str(number)))
        self.master.mq.callConsumer(("changes", str(number), "new"), message)
        await self.sched.taken()
        return number

    def built(self):
        """The sources of the build sets: the number of a change, or `branch revision`."""
        sources = [described["sourcestamps"][0] for described in self.build_sets]
        return [each if isinstance(each, int) else f"{each['branch']} {each['revision']}" for each in sources]


class Commits(Case):
    async def test_ten_commits_are_one_build_set_of_the_newest(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        for _ in range(10):
            await self.change()
            self.reactor.advance(0.1)
        assert self.built() == []
        self.reactor.advance(2)
        assert self.built() == [10]
        (build_set,) = self.build_sets
        assert build_set["properties"]["trigger"] == ("commit", "Scheduler")

    async def test_docs_start_nothing_and_delay_nothing(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        await self.change(files=["docs/a.html"])
        self.reactor.advance(3)
        assert self.built() == []
        await self.change()
        self.reactor.advance(1.5)
        await self.change(files=["docs/b.html"])
        self.reactor.advance(0.6)
        assert self.built() == [2]

    async def test_each_branch_has_its_own_time_and_forgets_its_own_changes(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        await self.change("stable")
        self.reactor.advance(1)
        await self.change("main")
        self.reactor.advance(0.5)
        # Once more on `stable`: its time is over last, though it began with the oldest change.
        await self.change("stable")
        self.reactor.advance(1.5)
        assert self.built() == [2]
        self.reactor.advance(0.5)
        assert self.built()[1:] == [3]
        assert await self.master.db.schedulers.getChangeClassifications(1) == {}

    async def test_a_commit_of_another_project_or_branch_starts_nothing(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        await self.change("feature")
        self.reactor.advance(3)
        assert self.built() == []

    async def test_a_commit_that_waits_when_the_master_dies_is_built_after_the_start(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        await self.change()
        await self.sched.deactivate()
        self.reactor.advance(3)
        assert self.built() == []
        await self.sched.activate()
        self.reactor.advance(2)
        assert self.built() == [1]

    async def test_a_scheduler_says_whether_it_listens(self):
        await self.attach("commit-demo")
        assert not self.sched.ready
        await self.sched.activate()
        assert self.sched.ready
        await self.sched.deactivate()
        assert not self.sched.ready

    async def test_nobody_waits_for_a_scheduler_that_a_person_switched_off(self):
        await self.attach("commit-demo")
        await self.sched.activate()
        await self.sched._enabledCallback(None, {"enabled": False})
        assert self.sched.ready


class Nights(Case):
    """The fake clock starts at midnight of the day on which computers count from."""

    async def at(self, hour):
        self.reactor.advance(hour * HOUR - self.reactor.seconds())

    def temporary_directory(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return Path(directory.name)

    async def start(self, **settings):
        await self.attach("nightly-demo:main", **settings)
        # Time zones differ, the fake clock's is Greenwich's.
        self.sched.current_utc_offset = lambda _: 0
        self.sched.active = True
        await self.sched.activate()

    async def test_the_first_night_builds_and_later_ones_when_a_commit_came(self):
        await self.start(nightly="02:00")
        await self.at(2)
        assert self.built() == ["main None"]
        assert self.build_sets[0]["properties"]["trigger"] == ("nightly", "Scheduler")
        await self.at(26)
        assert len(self.built()) == 1
        await self.change()
        await self.change(files=["docs/a.html"])
        await self.at(50)
        assert self.built()[1:] == [1]
        await self.change(files=["docs/b.html"])
        await self.at(74)
        assert len(self.built()) == 2

    async def test_of_a_directory_a_night_is_built_when_something_changed_since_the_last_one(self):
        directory = self.temporary_directory()
        repository, source = directory / "demo.git", directory / "demo"
        source.mkdir()

        def start_of_the_master(text):
            (source / "demo.cpp").write_text(text)
            update(repository.absolute(), source.absolute(), "main", "as it stands")

        start_of_the_master("1")
        await self.start(watched=False, own=str(repository))
        await self.at(2)
        assert self.built() == ["main None"]
        start_of_the_master("1")
        await self.at(26)
        assert len(self.built()) == 1
        start_of_the_master("2")
        await self.at(50)
        assert len(self.built()) == 2
        await self.at(74)
        assert len(self.built()) == 2

    async def test_of_a_repository_that_is_not_there_every_night_is_built(self):
        await self.start(watched=False, own="/nowhere")
        await self.at(2)
        await self.at(26)
        assert len(self.built()) == 2

    async def test_a_night_that_a_person_switched_off_is_not_taken_for_a_built_one(self):
        repository = self.temporary_directory()
        (repository / "refs" / "heads").mkdir(parents=True)
        (repository / "refs" / "heads" / "main").write_text("c1b42f79\n")
        await self.start(watched=False, own=str(repository))
        self.sched.enabled = False
        await self.at(2)
        self.sched.enabled = True
        await self.at(26)
        assert len(self.built()) == 1

    async def test_a_night_that_the_master_slept_through_is_made_up_for(self):
        await self.start(nightly="02:00")
        await self.at(2)
        await self.change()
        await self.sched.deactivate()
        await self.at(30)
        assert len(self.built()) == 1
        await self.sched.activate()
        self.reactor.advance(1)
        assert self.built()[1:] == [1]

    async def test_a_new_time_holds_from_the_next_time_on(self):
        await self.start(nightly="02:00", nightly_unchanged=True)
        await self.at(2)
        await self.at(12)
        other = made(branches=("main", "stable"), nightly="05:30", nightly_unchanged=True)["nightly-demo:main"]
        await self.sched.reconfigServiceWithSibling(other)
        self.reactor.advance(1)
        assert len(self.built()) == 1
        await self.at(29.5)
        assert len(self.built()) == 2
        assert epoch2datetime(self.sched.lastActuated).strftime("%H:%M") == "05:30"
