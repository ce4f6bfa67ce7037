"""Old logs go, once a day."""

import time

from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.master.log_keeper import LogKeeper

DAY = 24 * 3600


class LogKeeperTest(TestReactorMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self):
        self.setup_test_reactor()
        self.master = yield fakemaster.make_master(self, wantDb=True)
        self.asked = []
        self.patch(self.master.db.logs, "deleteOldLogChunks", lambda before: defer.succeed(self.asked.append(before)))
        self.patch(self.master.db.build_data, "deleteOldBuildData", lambda before: defer.succeed(0))
        self.keeper = LogKeeper(7 * DAY)
        yield self.keeper.setServiceParent(self.master)
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
