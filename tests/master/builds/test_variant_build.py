"""How a build ends when its worker goes, a person stops it, or the master stops; with Buildbot's own database."""

import json
import posixpath
from types import SimpleNamespace

from buildbot.config import BuilderConfig
from buildbot.process.buildstep import BuildStep
from buildbot.process.factory import BuildFactory
from buildbot.process.properties import Properties
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY, SUCCESS
from buildbot.process.workerforbuilder import WorkerForBuilder
from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.fake.worker import FakeWorker
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.spread import pb
from twisted.trial import unittest

from arm_ci.agent.machine.leftovers import MARK
from arm_ci.master.builds.variant_build import VariantBuild

FIRST = "worker `pc-1` in build 3/9: connection closed after 5 s"


class Waiting(BuildStep):
    """A step that ends when the test says so."""

    name = "build"
    position = "3/9"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.env = {"LC_ALL": "C"}
        self.go_on = defer.Deferred()
        self.deaf = False

    async def run(self):
        return await self.go_on

    def interrupt(self, reason):
        done = super().interrupt(reason)
        if not self.go_on.called:
            if not isinstance(reason, str):
                self.go_on.errback(reason)
            elif not self.deaf:
                self.go_on.callback(CANCELLED)
        return done


class Worker(FakeWorker):
    """A worker that takes note of how builds end."""

    workername = "pc-1"
    path_module = posixpath
    path_cls = None
    worker_basedir = "/w"

    def __init__(self, master):
        super().__init__(master)
        self.ended = []
        self.connections = []

    def build_ended(self, request_id, lost, connection):
        self.ended.append((request_id, lost))
        self.connections.append(connection)


class BuildingTest(TestReactorMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self):
        self.setup_test_reactor()
        self.master = yield fakemaster.make_master(self, wantData=True)
        yield self.master.db.insert_test_data(
            [
                fakedb.Master(id=fakedb.FakeDBConnector.MASTER_ID),
                fakedb.Worker(id=383, name="pc-1"),
                fakedb.Builder(id=80, name="variant"),
                fakedb.Buildset(id=1),
                fakedb.BuildRequest(id=41, buildsetid=1, builderid=80),
            ]
        )
        self.worker = Worker(self.master)
        self.conn = self.worker.conn
        self.conn.remoteStartBuild = lambda name: defer.succeed(None)
        self.finished = []
        self.builder = SimpleNamespace(
            name="variant",
            master=self.master,
            botmaster=self.master.botmaster,
            config=BuilderConfig(
                name="variant", workernames=["pc-1"], workerbuilddir="variant", factory=BuildFactory()
            ),
            config_version=0,
            getBuilderId=lambda: defer.succeed(80),
            buildFinished=lambda build, wfb: self.finished.append(build),
        )

    def make(self):
        request = SimpleNamespace(
            id=41,
            properties=Properties(),
            mergeSourceStampsWith=lambda others: [],
            mergeReasons=lambda others: "",
        )
        build = VariantBuild([request], self.builder)
        build.properties.build = build
        build.setStepFactories([Waiting()])
        return build

    @defer.inlineCallbacks
    def start(self):
        build = self.make()
        wfb = WorkerForBuilder(self.builder)
        wfb.worker = self.worker
        yield build.startBuild(wfb)
        self.steps = build.executedSteps
        return build

    def lose(self):
        self.reactor.advance(5)
        self.conn.notifyDisconnected()

    @defer.inlineCallbacks
    def ended(self, build):
        """Result and sentence of an ended build, from the database."""
        for _ in range(200):
            if self.finished:
                break
            self.reactor.advance(0.1)
            yield defer.succeed(None)
        self.assertEqual(self.finished, [build])
        stored = yield self.master.data.get(("builds", build.buildid))
        return stored["results"], stored["state_string"]

    @defer.inlineCallbacks
    def earlier_losses(self, count):
        for number in range(count):
            yield self.master.db.insert_test_data(
                [
                    fakedb.Build(
                        id=1000 + number, number=100 + number, builderid=80, buildrequestid=41, workerid=383,
                        masterid=fakedb.FakeDBConnector.MASTER_ID, results=RETRY,
                    ),
                    fakedb.BuildProperty(buildid=1000 + number, name="worker_lost", value=FIRST, source="Build"),
                ]
            )  # fmt: skip

    @defer.inlineCallbacks
    def test_a_build_that_goes_well_ends_as_buildbots_does(self):
        build = yield self.start()
        self.steps[0].go_on.callback(SUCCESS)
        result = yield self.ended(build)
        self.assertEqual(result, (SUCCESS, "build successful"))
        self.assertEqual(self.worker.ended, [(41, False)])

    @defer.inlineCallbacks
    def test_every_command_carries_the_mark_of_this_build_alone(self):
        build = yield self.start()
        builder, connection, word = build.mark.rsplit(":", 2)
        self.assertEqual(builder, "/w/variant")
        self.assertEqual(connection, self.conn.word)
        self.assertEqual(len(word), 16)
        self.assertEqual(build.env, {MARK: build.mark})
        self.assertEqual(self.steps[0].env, {"LC_ALL": "C", MARK: build.mark})
        self.steps[0].go_on.callback(SUCCESS)
        yield self.ended(build)

    @defer.inlineCallbacks
    def test_the_first_loss_is_told_and_built_again(self):
        build = yield self.start()
        self.lose()
        result = yield self.ended(build)
        self.assertEqual(result, (RETRY, f"worker lost: {FIRST}; built again, 2 of 3"))
        self.assertEqual(self.worker.ended, [(41, True)])
        self.assertEqual(self.worker.connections, [self.conn.word])
        properties = yield self.master.data.get(("builds", build.buildid, "properties"))
        self.assertEqual(properties["worker_lost"], (FIRST, "Build"))
        self.assertEqual(properties["verdict"][0], "worker-lost")
        data = yield self.master.data.get(("builds", build.buildid, "data", "verdict", "value"))
        self.assertEqual(json.loads(data["raw"])["sentence"], f"worker-lost: {FIRST}")

    @defer.inlineCallbacks
    def test_a_verdict_of_an_earlier_step_is_not_that_of_a_lost_build(self):
        build = yield self.start()
        build.setProperty("verdict", "ok", "configure")
        self.lose()
        yield self.ended(build)
        properties = yield self.master.data.get(("builds", build.buildid, "properties"))
        self.assertEqual(properties["verdict"][0], "worker-lost")

    @defer.inlineCallbacks
    def test_the_third_loss_of_a_request_ends_it(self):
        yield self.earlier_losses(2)
        self.conn.how_lost = "silent for 300 s"
        build = yield self.start()
        self.lose()
        result = yield self.ended(build)
        last = FIRST.replace("connection closed", "silent for 300 s")
        sentence = f"worker-lost: {last}; 2 builds were lost before, see tries"
        self.assertEqual(result, (FAILURE, sentence))
        steps = yield self.master.data.get(("builds", build.buildid, "steps"))
        self.assertEqual([step["name"] for step in steps][-1], "worker-lost")
        self.assertEqual(steps[-1]["state_string"], sentence)
        self.assertTrue(all(step["complete"] for step in steps))

    @defer.inlineCallbacks
    def test_what_a_person_stopped_is_not_built_again_when_its_worker_goes_as_well(self):
        build = yield self.start()
        self.steps[0].deaf = True  # as that of a worker that hangs
        build.stopBuild("enough")
        self.lose()
        result = yield self.ended(build)
        self.assertEqual(result, (CANCELLED, "cancelled (enough)"))

    @defer.inlineCallbacks
    def test_what_the_masters_stop_interrupts_is_built_again(self):
        build = yield self.start()
        build.stopBuild("Master Shutdown", RETRY)
        result = yield self.ended(build)
        self.assertEqual(result, (RETRY, "interrupted: the master stopped; built again when it runs"))

    @defer.inlineCallbacks
    def test_a_worker_that_goes_while_it_is_pinged_is_a_loss(self):
        self.conn.remotePrint = lambda message: defer.fail(pb.PBConnectionLost("gone"))
        build = yield self.start()
        result = yield self.ended(build)
        sentence = "worker `pc-1` before the first step: connection closed after 0 s"
        self.assertEqual(result, (RETRY, f"worker lost: {sentence}; built again, 2 of 3"))
        self.flushLoggedErrors(pb.PBConnectionLost)

    @defer.inlineCallbacks
    def test_a_worker_that_goes_between_ping_and_first_step_does_not_keep_the_request(self):
        # Buildbot stumbles over the connection that is not there and would leave the build for ever.
        worker = self.worker

        def gone(message):
            worker.conn = None
            return defer.succeed(None)

        self.conn.remotePrint = gone
        build = yield self.start()
        result = yield self.ended(build)
        sentence = "worker `pc-1` before the first step: connection closed after 0 s"
        self.assertEqual(result, (RETRY, f"worker lost: {sentence}; built again, 2 of 3"))
        steps = yield self.master.data.get(("builds", build.buildid, "steps"))
        self.assertTrue(all(step["complete"] for step in steps))

    @defer.inlineCallbacks
    def test_a_request_that_is_cancelled_while_its_build_begins_frees_the_worker(self):
        self.master.botmaster.add_in_progress_buildrequest(41)
        self.master.botmaster.maybe_cancel_in_progress_buildrequest(41, "a newer commit")
        build = yield self.start()
        result = yield self.ended(build)
        self.assertEqual(result, (CANCELLED, "cancelled (a newer commit)"))
        self.assertEqual(build.workerforbuilder.state.name, "AVAILABLE")

    @defer.inlineCallbacks
    def test_an_error_that_comes_of_a_loss_is_told_as_the_loss(self):
        build = yield self.start()
        self.steps[0].deaf = True
        self.patch(self.steps[0], "interrupt", lambda reason: None)
        self.lose()
        # What Buildbot makes of an exception between two steps; for EXCEPTION it would look for the worker.
        yield build.buildFinished(["build", "exception"], EXCEPTION)
        result = yield self.ended(build)
        self.assertEqual(result, (RETRY, f"worker lost: {FIRST}; built again, 2 of 3"))

    @defer.inlineCallbacks
    def test_an_error_in_a_step_is_not_taken_for_a_loss(self):
        build = yield self.start()
        self.steps[0].go_on.errback(ValueError("a mistake of ours"))
        result = yield self.ended(build)
        self.assertEqual(result[0], EXCEPTION)
        self.flushLoggedErrors(ValueError)
