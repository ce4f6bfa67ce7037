"""Which waiting requests a newer commit supersedes."""

from dataclasses import replace

import pytest
from buildbot.process.results import SKIPPED
from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.trial import unittest

from arm_ci.master.deferred import as_deferred
from arm_ci.master.triggers.superseding import Asked, Superseding, supersedes

# Of the library that makes the database's tables.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OLD = Asked(automatic=True, branch="main", revision="a", change=1)
NEW = replace(OLD, revision="b", change=2)
TIP = replace(OLD, revision=None, change=0)


def test_a_newer_commit_supersedes_an_older_one():
    assert supersedes(NEW, OLD)


def test_an_older_commit_never_replaces_a_newer_one():
    assert not supersedes(OLD, NEW)


def test_the_same_commit_asked_for_again_is_built_once():
    assert supersedes(NEW, NEW)


def test_another_branch_is_left_alone():
    assert not supersedes(NEW, replace(OLD, branch="stable"))


def test_a_persons_request_neither_supersedes_nor_is_superseded():
    assert not supersedes(replace(NEW, automatic=False), OLD)
    assert not supersedes(NEW, replace(OLD, automatic=False))


def test_a_night_without_commits_builds_the_newest_and_is_superseded_by_the_next_commit():
    assert supersedes(TIP, OLD)
    assert supersedes(NEW, TIP)


def test_a_revision_without_a_known_age_supersedes_only_itself():
    unknown = replace(NEW, change=0)
    assert not supersedes(unknown, OLD)
    assert supersedes(unknown, unknown)


class Base:
    """As much of Buildbot's schedulers as matters here."""

    @as_deferred
    async def activate(self):
        self.active = True

    @as_deferred
    async def deactivate(self):
        self.active = False


class Scheduler(Superseding, Base):
    def __init__(self, master):
        super().__init__()
        self.master = master
        self.builderNames = ("variant-77",)


class FromTheDatabase(TestReactorMixin, unittest.TestCase):
    """Build sets as schedulers, the force form, `buildbot try` and the Rebuild button leave them."""

    async def setUp(self):
        self.setup_test_reactor()
        self.master = await fakemaster.make_master(self, wantData=True, wantDb=True)
        await self.master.db.insert_test_data(
            [
                fakedb.Patch(id=7, patch_base64=b"eA==", patch_author="alice", patch_comment="", subdir=""),
                *(self.source(ssid, f"{ssid}") for ssid in (1, 2)),
                fakedb.SourceStamp(id=3, branch="main", revision="2", project="demo", patchid=7),
                *(fakedb.Change(changeid=ssid, sourcestampid=ssid, branch="main") for ssid in (1, 2)),
            ]
        )
        for builder in (77, 78):
            await self.master.db.insert_test_data([fakedb.Builder(id=builder, name=f"variant-{builder}")])

    def source(self, ssid, revision):
        return fakedb.SourceStamp(id=ssid, branch="main", revision=revision, project="demo")

    async def ask(self, number, source, trigger, builder=77, **more):
        """A build set, and its request of the same number for one variant."""
        rows = [
            fakedb.Buildset(id=number, **more),
            fakedb.BuildsetSourceStamp(buildsetid=number, sourcestampid=source),
            fakedb.BuildRequest(id=number, buildsetid=number, builderid=builder),
        ]
        if trigger:
            value = f'["{trigger}", "Scheduler"]'
            rows.append(fakedb.BuildsetProperty(buildsetid=number, property_name="trigger", property_value=value))
        await self.master.db.insert_test_data(rows)

    async def superseded(self):
        """What a scheduler of the first variant ends; each is `skipped`."""
        ended = await Scheduler(self.master).supersede([77])
        for each in ended:
            request = await self.master.db.buildrequests.getBuildRequest(each)
            assert (request.complete, request.results) == (True, SKIPPED)
        return ended

    async def test_commits_are_compared_by_their_changes(self):
        await self.ask(1, 1, "commit")
        await self.ask(2, 1, "nightly")
        await self.ask(3, 2, "commit")
        assert await self.superseded() == [1, 2]

    async def test_an_older_change_asked_for_later_replaces_nothing(self):
        await self.ask(1, 2, "commit")
        await self.ask(2, 1, "commit")
        assert await self.superseded() == []

    async def test_what_people_ask_for_stays(self):
        for number, trigger in enumerate(("force", "try", ""), start=1):
            await self.ask(number, 1, trigger)
        await self.ask(9, 2, "commit")
        assert await self.superseded() == []

    async def test_a_patch_stays_whatever_asked_for_it(self):
        await self.ask(1, 3, "commit")
        await self.ask(2, 2, "commit")
        assert await self.superseded() == []

    async def test_a_build_that_somebody_had_built_again_stays(self):
        await self.ask(1, 1, "commit", rebuilt_buildid=5)
        await self.ask(2, 2, "commit")
        assert await self.superseded() == []

    async def test_another_variants_requests_stay(self):
        await self.ask(1, 1, "commit", builder=78)
        await self.ask(2, 2, "commit")
        assert await self.superseded() == []

    async def test_of_requests_for_the_same_commit_the_last_stays(self):
        await self.ask(1, 2, "commit")
        await self.ask(2, 2, "commit")
        assert await self.superseded() == [1]

    async def test_a_lost_build_that_waits_again_is_superseded_by_what_came_meanwhile(self):
        await self.ask(1, 1, "commit")
        await self.master.db.buildrequests.claimBuildRequests([1])
        await self.ask(2, 2, "commit")
        scheduler = Scheduler(self.master)
        await scheduler.activate()
        assert await self.waiting() == [2]
        # Buildbot's own list of what such a message holds is an old one.
        self.master.mq.verifyMessages = False
        await self.master.data.updates.unclaimBuildRequests([1])
        self.master.mq.callConsumer(("buildrequests", "1", "unclaimed"), await self.request(1))
        assert await self.waiting() == [2]
        await scheduler.deactivate()

    async def test_what_waits_again_after_the_master_died_is_looked_at_when_it_starts(self):
        await self.ask(1, 1, "commit")
        await self.ask(2, 2, "commit")
        await Scheduler(self.master).activate()
        assert await self.waiting() == [2]

    async def request(self, number):
        return await self.master.data.get(("buildrequests", number))

    async def waiting(self):
        return [each.buildrequestid for each in await self.master.db.buildrequests.getBuildRequests(claimed=False)]

    async def test_what_is_being_built_goes_on(self):
        await self.ask(1, 1, "commit")
        await self.ask(2, 2, "commit")
        await self.master.db.buildrequests.claimBuildRequests([1])
        assert await self.superseded() == []

    async def test_one_that_a_worker_takes_at_this_moment_is_built_and_the_others_end(self):
        for number in (1, 2):
            await self.ask(number, 1, "commit")
        await self.ask(3, 2, "commit")
        claim = self.master.db.buildrequests.claimBuildRequests

        @as_deferred
        async def taken_meanwhile(requests, claimed_at=None):
            self.master.db.buildrequests.claimBuildRequests = claim
            await claim([1])
            return await claim(requests, claimed_at)

        self.master.db.buildrequests.claimBuildRequests = taken_meanwhile
        assert await self.superseded() == [2]
