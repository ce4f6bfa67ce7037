"""What a killed master left is brought into order before anything is built."""

import json
from types import SimpleNamespace

from buildbot.process.results import FAILURE, RETRY, SUCCESS
from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.master.builds.recovery import Recovery

MASTER = fakedb.FakeDBConnector.MASTER_ID
LOST = "worker lost: it went; built again, 2 of 3"


def build(number, results, state="building", request=41):
    ended = {} if results is None else {"complete_at": 20, "results": results}
    return fakedb.Build(
        id=number, number=number, builderid=80, buildrequestid=request, workerid=9, masterid=MASTER, state_string=state,
        **ended,
    )  # fmt: skip


def lost(number):
    return fakedb.BuildProperty(buildid=number, name="worker_lost", value="it went", source="Build")


class RecoveryTest(TestReactorMixin, unittest.TestCase):
    @defer.inlineCallbacks
    def setUp(self):
        self.setup_test_reactor()
        self.master = yield fakemaster.make_master(self, wantData=True)
        yield self.master.db.insert_test_data(
            [
                fakedb.Master(id=MASTER),
                fakedb.Worker(id=9, name="pi-1"),
                fakedb.Builder(id=80, name="variant"),
                fakedb.SourceStamp(id=3),
                fakedb.Buildset(id=1),
                fakedb.BuildsetSourceStamp(buildsetid=1, sourcestampid=3),
                fakedb.BuildRequest(id=41, buildsetid=1, builderid=80),
            ]
        )

    @defer.inlineCallbacks
    def take_up(self, *rows):
        """The request and its last build after a start with these rows in the database."""
        yield self.master.db.insert_test_data(list(rows))
        yield Recovery().setServiceParent(self.master)
        yield self.master.startService()
        self.addCleanup(self.master.stopService)
        request = yield self.master.data.get(("buildrequests", 41))
        builds = yield self.master.data.get(("buildrequests", 41, "builds"))
        return request, builds[-1] if builds else None

    def claimed(self):
        return fakedb.BuildRequestClaim(brid=41, masterid=MASTER, claimed_at=10)

    @defer.inlineCallbacks
    def test_a_build_that_ran_is_over_and_its_request_free(self):
        step = fakedb.Step(id=5, number=1, name="build", buildid=7, started_at=10)
        log = fakedb.Log(id=6, name="stdio", slug="stdio", stepid=5, complete=0, type="s")
        request, last = yield self.take_up(self.claimed(), build(7, None), step, log)
        self.assertEqual((request["complete"], request["claimed"]), (False, False))
        self.assertEqual((last["complete"], last["results"]), (True, RETRY))
        self.assertEqual(last["state_string"], "interrupted: the master died; built again")
        step = yield self.master.data.get(("steps", 5))
        self.assertEqual((step["complete"], step["results"]), (True, RETRY))
        log = yield self.master.data.get(("logs", 6))
        self.assertTrue(log["complete"])

    @defer.inlineCallbacks
    def test_a_claim_without_a_build_is_given_back(self):
        request, last = yield self.take_up(self.claimed())
        self.assertEqual((request["claimed"], last), (False, None))

    def test_a_success_is_not_built_again(self):
        return self.check_ended(SUCCESS)

    def test_nor_is_a_failure(self):
        return self.check_ended(FAILURE)

    @defer.inlineCallbacks
    def check_ended(self, results):
        request, _ = yield self.take_up(self.claimed(), build(7, RETRY), build(8, results, "said"))
        self.assertEqual((request["complete"], request["results"]), (True, results))
        buildset = yield self.master.data.get(("buildsets", 1))
        self.assertEqual((buildset["complete"], buildset["results"]), (True, results))

    @defer.inlineCallbacks
    def test_a_buildset_whose_requests_are_complete_is_complete(self):
        done = fakedb.BuildRequest(id=42, buildsetid=2, builderid=80, complete=1, results=SUCCESS, complete_at=20)
        yield self.take_up(fakedb.Buildset(id=2), done)
        buildset = yield self.master.data.get(("buildsets", 2))
        self.assertEqual((buildset["complete"], buildset["results"]), (True, SUCCESS))

    @defer.inlineCallbacks
    def test_a_lost_build_keeps_its_sentence(self):
        request, last = yield self.take_up(build(7, RETRY, LOST), lost(7))
        self.assertEqual((request["complete"], last["state_string"]), (False, LOST))

    @defer.inlineCallbacks
    def test_a_loss_that_the_master_outlived_by_a_moment_only_is_told_as_one(self):
        request, last = yield self.take_up(self.claimed(), build(7, None), lost(7))
        self.assertEqual((request["complete"], request["claimed"]), (False, False))
        self.assertEqual((last["results"], last["state_string"]), (RETRY, LOST))
        verdict = yield self.verdict_of(7)
        self.assertEqual((verdict["sentence"], verdict["confidence"]), ("worker-lost: it went", "certain"))

    @defer.inlineCallbacks
    def verdict_of(self, number):
        """The machine form of a build's verdict, of which the kind must be a property as well."""
        properties = yield self.master.data.get(("builds", number, "properties"))
        self.assertEqual(properties["verdict"], ("worker-lost", "worker-lost"))
        data = yield self.master.data.get(("builds", number, "data", "verdict", "value"))
        verdict = json.loads(data["raw"])
        self.assertEqual(verdict["kind"], "worker-lost")
        return verdict

    @defer.inlineCallbacks
    def test_the_third_of_them_ends_the_request(self):
        earlier = [build(5, RETRY, LOST), lost(5), build(6, RETRY, LOST), lost(6)]
        request, last = yield self.take_up(self.claimed(), *earlier, build(7, None), lost(7))
        sentence = "worker-lost: it went; 2 builds were lost before, see tries"
        self.assertEqual((last["results"], last["state_string"]), (FAILURE, sentence))
        self.assertEqual((request["complete"], request["results"]), (True, FAILURE))
        (step,) = yield self.master.data.get(("builds", 7, "steps"))
        self.assertEqual((step["name"], step["state_string"], step["results"]), ("worker-lost", sentence, FAILURE))
        content = yield self.master.data.get(("steps", step["stepid"], "logs", "tries", "contents"))
        self.assertEqual(content["content"], "build 5: it went\nbuild 6: it went\nbuild 7: it went\n")
        verdict = yield self.verdict_of(7)
        self.assertEqual(verdict["sentence"], sentence)
        self.assertEqual(
            [each["text"] for each in verdict["evidence"]],
            ["build 5: it went", "build 6: it went", "build 7: it went"],
        )
        html = yield self.master.data.get(("steps", step["stepid"], "logs", "verdict", "contents"))
        self.assertIn("2 builds were lost before", html["content"])

    @defer.inlineCallbacks
    def test_what_the_next_build_found_is_evidence_and_its_advice_the_verdicts(self):
        earlier = [build(5, RETRY, LOST), lost(5), build(6, RETRY, LOST), lost(6)]
        found = fakedb.BuildProperty(buildid=6, name="lost_build", value="oom-kill: ld was killed", source="check")
        advice = [{"text": "Link with lld.", "because": "It takes less."}]
        data = fakedb.BuildData(
            id=1, buildid=6, name="lost-build", value=json.dumps({"advice": advice}).encode(), source="arm_ci"
        )
        yield self.take_up(self.claimed(), *earlier, found, data, build(7, None), lost(7))
        verdict = yield self.verdict_of(7)
        self.assertEqual(verdict["advice"], advice)
        self.assertEqual(verdict["evidence"][1]["text"], "oom-kill: ld was killed")
        self.assertEqual(verdict["evidence"][1]["why"], "what the agent of build 5 had written down")

    @defer.inlineCallbacks
    def test_its_step_is_not_added_twice(self):
        earlier = [build(5, RETRY, LOST), lost(5), build(6, RETRY, LOST), lost(6)]
        step = fakedb.Step(id=5, number=1, name="worker-lost", buildid=7, started_at=10)
        request, _ = yield self.take_up(self.claimed(), *earlier, build(7, None), lost(7), step)
        self.assertEqual((request["complete"], request["results"]), (True, FAILURE))
        steps = yield self.master.data.get(("builds", 7, "steps"))
        self.assertEqual([step["name"] for step in steps], ["worker-lost"])

    @defer.inlineCallbacks
    def test_a_reconfigured_master_that_builds_is_left_alone(self):
        self.master.botmaster.builders["variant"] = SimpleNamespace(building=[object()])
        request, last = yield self.take_up(self.claimed(), build(7, None))
        self.assertEqual((request["claimed"], last["complete"]), (True, False))
