"""What is old goes, once a day."""

import os
import time

from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.config.model import Site
from arm_ci.master import housekeeping
from arm_ci.master.housekeeping import Housekeeping, remove_old_artefacts

DAY = 24 * 3600


class HousekeepingTest(TestReactorMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self):
        self.setup_test_reactor()
        self.master = yield fakemaster.make_master(self, wantDb=True)
        self.asked = []
        self.patch(self.master.db.logs, "deleteOldLogChunks", lambda before: defer.succeed(self.asked.append(before)))
        self.patch(self.master.db.build_data, "deleteOldBuildData", lambda before: defer.succeed(0))
        self.patch(housekeeping, "deferToThread", defer.maybeDeferred)
        yield Housekeeping(Site(keep_logs=7 * DAY), "/no/such/directory").setServiceParent(self.master)
        yield self.master.startService()
        self.addCleanup(self.master.stopService)

    def test_nothing_is_removed_when_the_master_starts(self):
        self.assertEqual(self.asked, [])

    def test_logs_older_than_a_week_go_every_day(self):
        self.reactor.advance(DAY)
        self.reactor.advance(DAY)
        self.assertEqual(len(self.asked), 2)
        self.assertLess(abs(self.asked[0] - (time.time() - 7 * DAY)), 60)

    def test_a_failing_database_does_not_end_it(self):
        self.patch(self.master.db.logs, "deleteOldLogChunks", lambda before: defer.fail(OSError("locked")))
        self.reactor.advance(DAY)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.patch(self.master.db.logs, "deleteOldLogChunks", lambda before: defer.succeed(self.asked.append(before)))
        self.reactor.advance(DAY)
        self.assertEqual(len(self.asked), 1)


def artefact(directory, build, age_seconds):
    path = directory / build / "src" / "app"
    path.parent.mkdir(parents=True)
    path.write_text("x")
    for each in (path, path.parent, path.parent.parent):
        os.utime(each, (time.time() - age_seconds,) * 2)


def test_artefacts_of_old_builds_are_removed_and_those_of_new_ones_stay(tmp_path):
    artefact(tmp_path, "mesos-pi/1", 40 * DAY)
    artefact(tmp_path, "mesos-pi/2", 3 * DAY)
    assert remove_old_artefacts(tmp_path, time.time() - 30 * DAY) == 1
    assert [path.name for path in (tmp_path / "mesos-pi").iterdir()] == ["2"]
