"""A worker that connects, with Buildbot's own worker and database beneath it."""

from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.fake.fakeprotocol import FakeConnection
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.master.workers.connecting_worker import ConnectingWorker
from arm_ci.master.workers.quarantine import DISCONNECTS

GONE = "quarantined: it was disconnected 5 times in 10 minutes; look at the machine, then unpause it here"
LOST = "quarantined: 3 builds in a row were lost with this worker; look at the machine, then unpause it here"


class ConnectingWorkerTest(TestReactorMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self):
        self.setup_test_reactor()
        self.master = yield fakemaster.make_master(self, wantData=True)
        self.master.botmaster.shuttingDown = False
        yield self.master.db.insert_test_data([fakedb.Worker(id=9, name="pi-1")])
        self.worker = ConnectingWorker("pi-1", "secret")
        yield self.worker.setServiceParent(self.master.workers)
        yield self.master.startService()
        self.addCleanup(self.master.stopService)
        self.lost = []
        self.patch(self.master.botmaster, "workerLost", self.lost.append)

    def connection(self):
        conn = FakeConnection(self.worker)
        conn.gone = False
        conn.cut = False

        def cut():
            conn.cut = conn.gone = True
            conn.notifyDisconnected()

        conn.loseConnection = cut
        return conn

    @defer.inlineCallbacks
    def stored(self):
        worker = yield self.master.data.get(("workers", 9))
        return worker["paused"], worker["pause_reason"]

    @defer.inlineCallbacks
    def come_and_go(self, times):
        for _ in range(times):
            conn = self.connection()
            yield self.worker.attached(conn)
            conn.loseConnection()
            yield self.worker.waitForCompleteShutdown()

    @defer.inlineCallbacks
    def test_a_connection_that_is_gone_is_not_attached(self):
        conn = self.connection()
        conn.gone = True
        yield self.worker.attached(conn)
        self.assertIsNone(self.worker.conn)

    @defer.inlineCallbacks
    def test_the_next_connection_waits_until_the_last_is_taken_leave_of(self):
        first, second = self.connection(), self.connection()
        yield self.worker.attached(first)
        told = defer.Deferred()
        self.patch(self.master.data.updates, "workerDisconnected", lambda **kwargs: told)
        first.loseConnection()
        attached = self.worker.attached(second)
        self.assertNoResult(attached)
        self.assertIsNone(self.worker.conn)
        told.callback(None)
        yield attached
        self.assertIs(self.worker.conn, second)
        self.assertEqual(len(self.lost), 1)
        second.loseConnection()
        yield self.worker.waitForCompleteShutdown()

    @defer.inlineCallbacks
    def test_half_attached_it_is_cut_off_so_that_it_tries_again(self):
        conn = self.connection()
        conn.remoteSetBuilderList = lambda builders: defer.fail(OSError("what?"))
        self.worker._old_builder_list = None
        self.patch(self.master.botmaster, "getBuildersForWorker", lambda name: [])
        yield self.worker.attached(conn)
        self.assertTrue(conn.cut)
        yield self.worker.waitForCompleteShutdown()
        self.assertIsNone(self.worker.conn)

    @defer.inlineCallbacks
    def test_one_that_comes_and_goes_is_paused_with_the_reason(self):
        yield self.come_and_go(DISCONNECTS - 1)
        self.assertFalse(self.worker.isPaused())
        yield self.come_and_go(1)
        yield self.worker._deferwaiter.wait()
        stored = yield self.stored()
        self.assertEqual(stored, (True, GONE))
        self.worker.unpause()
        yield self.worker._deferwaiter.wait()
        stored = yield self.stored()
        self.assertEqual(stored, (False, None))

    @defer.inlineCallbacks
    def test_the_end_of_the_master_counts_for_nothing(self):
        self.master.botmaster.shuttingDown = True
        yield self.come_and_go(DISCONNECTS)
        self.assertFalse(self.worker.isPaused())

    @defer.inlineCallbacks
    def test_one_that_loses_builds_is_paused_with_the_reason(self):
        for number, request in enumerate((1, 1, 2)):
            self.worker.build_ended(request, lost=True, connection=f"{number}")
        yield self.worker._deferwaiter.wait()
        stored = yield self.stored()
        self.assertEqual(stored, (True, LOST))

    def test_a_build_that_ended_otherwise_clears_it(self):
        for request, lost in ((1, True), (2, True), (3, False), (4, True)):
            self.worker.build_ended(request, lost, connection=f"{request}")
        self.assertFalse(self.worker.isPaused())

    @defer.inlineCallbacks
    def test_a_persons_pause_keeps_its_own_reason(self):
        self.worker.pause("new memory card")
        for number, request in enumerate((1, 2, 3)):
            self.worker.build_ended(request, lost=True, connection=f"{number}")
        yield self.worker._deferwaiter.wait()
        stored = yield self.stored()
        self.assertEqual(stored, (True, "new memory card"))

    @defer.inlineCallbacks
    def test_the_reason_outlives_the_master(self):
        yield self.master.db.workers.set_worker_paused(9, True, GONE)
        yield self.worker._getWorkerInfo()
        conn = self.connection()
        yield self.worker.attached(conn)
        yield self.worker._deferwaiter.wait()
        stored = yield self.stored()
        self.assertEqual(stored, (True, GONE))
        conn.loseConnection()
        yield self.worker.waitForCompleteShutdown()
