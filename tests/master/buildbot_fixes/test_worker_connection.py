"""The end of a worker's connection is noticed, comes at once, and is told exactly once."""

from types import SimpleNamespace

import pytest
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.master.buildbot_fixes.in_force import BuildbotFixes
from arm_ci.master.buildbot_fixes.worker_connection import Connection

SILENCE = 300


class Broker:
    """Twisted's end of a connection: tells its end, and hands out what was called."""

    def __init__(self):
        self.disconnected = 0
        self.disconnects = []
        self.aborted = 0
        self.transport = SimpleNamespace(abortConnection=self.abort)

    def notifyOnDisconnect(self, notifier):
        self.disconnects.append(notifier)

    def abort(self):
        self.aborted += 1
        self.lose()

    def lose(self):
        self.disconnected = 1
        for notifier in self.disconnects[:]:
            notifier()


class ConnectionTest(TestReactorMixin, unittest.TestCase):
    def setUp(self):
        self.setup_test_reactor()
        self.broker = Broker()
        self.answers = []
        mind = SimpleNamespace(broker=self.broker, callRemote=self.call)
        self.worker = SimpleNamespace(workername="pi-1", lastMessageReceived=0)
        self.told = []
        self.conn = Connection(SILENCE, SimpleNamespace(reactor=self.reactor), self.worker, mind)
        self.conn.notifyOnDisconnect(lambda: self.told.append(self.reactor.seconds()))

    def call(self, method, **kwargs):
        self.assertEqual((method, kwargs), ("print", {"message": "keepalive"}))
        self.answers.append(defer.Deferred())
        return self.answers[-1]

    def pass_time(self, seconds):
        for _ in range(seconds):
            self.reactor.advance(1)

    def test_a_worker_that_never_answers_is_cut_off_after_its_time(self):
        self.pass_time(SILENCE)
        self.assertEqual(self.told, [])
        self.pass_time(SILENCE // 5)
        self.assertEqual((len(self.told), self.broker.aborted), (1, 1))
        self.assertEqual(self.conn.how_lost, "silent for 300 s")

    def test_a_worker_that_answers_slowly_is_kept(self):
        for _ in range(10):
            self.pass_time(SILENCE * 4 // 5)
            self.answers.pop().callback(None)
        self.assertEqual(self.told, [])

    def test_output_of_a_build_is_a_sign_of_life_too(self):
        for second in range(5):
            self.pass_time(SILENCE)
            self.worker.lastMessageReceived = second + 1
        self.assertEqual(self.told, [])

    def test_only_one_question_waits_for_an_answer(self):
        self.pass_time(SILENCE)
        self.assertEqual(len(self.answers), 1)

    def test_a_clock_that_jumps_loses_nobody(self):
        self.reactor.advance(10 * SILENCE)
        self.assertEqual(self.told, [])
        self.answers.pop().callback(None)
        self.pass_time(SILENCE)
        self.assertEqual(self.told, [])

    def test_an_end_during_the_log_in_is_told(self):
        # Nobody has logged in: Twisted knows of no log-out.
        self.broker.lose()
        self.assertEqual(len(self.told), 1)
        self.assertTrue(self.conn.gone)
        self.assertEqual(self.conn.how_lost, "connection closed")

    def test_the_end_is_told_once(self):
        self.broker.lose()
        self.conn.detached(None)
        self.conn.loseConnection()
        self.assertEqual((len(self.told), self.broker.aborted), (1, 0))

    def test_it_is_not_watched_any_more_when_it_has_ended(self):
        self.broker.lose()
        self.pass_time(2 * SILENCE)
        self.assertEqual(self.answers, [])

    def test_a_peer_that_is_gone_already_is_not_logged_in(self):
        broker = Broker()
        broker.disconnected = 1
        with pytest.raises(ConnectionError, match="worker pi-1 hung up before it was logged in"):
            Connection(SILENCE, SimpleNamespace(reactor=self.reactor), self.worker, SimpleNamespace(broker=broker))


def test_the_configuration_says_how_long_a_worker_may_be_silent():
    service = BuildbotFixes(7)
    master = SimpleNamespace(workers=SimpleNamespace(pb=SimpleNamespace(ConnectionClass=None)))
    service.parent = SimpleNamespace(master=master)
    defer.ensureDeferred(service.reconfigService(7))
    assert master.workers.pb.ConnectionClass.args == (7,)
