"""Which waiting requests a newer commit supersedes."""

from dataclasses import replace

import pytest
from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.trial import unittest

from arm_ci.master.superseding import Asked, Superseding, supersedes

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
        self.superseding = Superseding()

    def source(self, ssid, revision):
        return fakedb.SourceStamp(id=ssid, branch="main", revision=revision, project="demo")

    async def asked(self, number, source, trigger, **more):
        rows = [
            fakedb.Buildset(id=number, **more),
            fakedb.BuildsetSourceStamp(buildsetid=number, sourcestampid=source),
        ]
        if trigger:
            rows.append(
                fakedb.BuildsetProperty(
                    buildsetid=number, property_name="trigger", property_value=f'["{trigger}", "Scheduler"]'
                )
            )
        await self.master.db.insert_test_data(rows)
        return {"buildrequestid": number * 10, "buildsetid": number}

    async def judge(self, new, waiting):
        return await self.superseding(self.master, None, new, waiting)

    async def test_commits_are_compared_by_their_changes(self):
        old, new = await self.asked(1, 1, "commit"), await self.asked(2, 2, "commit")
        assert await self.judge(new, old) is True
        night = await self.asked(3, 2, "nightly")
        assert await self.judge(night, old) is True

    async def test_an_older_change_asked_for_later_replaces_nothing(self):
        new, old = await self.asked(1, 2, "commit"), await self.asked(2, 1, "commit")
        assert await self.judge(old, new) is False

    async def test_what_people_ask_for_stays(self):
        new = await self.asked(9, 2, "commit")
        for number, trigger in enumerate(("force", "try", ""), start=1):
            theirs = await self.asked(number, 1, trigger)
            assert await self.judge(new, theirs) is False
            assert await self.judge({**theirs, "buildrequestid": 1000}, new) is False

    async def test_a_patch_stays_whatever_asked_for_it(self):
        patched, new = await self.asked(1, 3, "commit"), await self.asked(2, 2, "commit")
        assert await self.judge(new, patched) is False

    async def test_a_build_that_somebody_had_built_again_stays(self):
        again = await self.asked(1, 1, "commit", rebuilt_buildid=5)
        new = await self.asked(2, 2, "commit")
        assert await self.judge(new, again) is False
        assert await self.judge({**again, "buildrequestid": 1000}, new) is False

    async def test_the_request_that_was_made_first_never_supersedes_the_other(self):
        one, two = await self.asked(1, 2, "commit"), await self.asked(2, 2, "commit")
        assert await self.judge(one, two) is False
