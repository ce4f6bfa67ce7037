"""What becomes of a build whose worker or master dies, hangs, or comes and goes."""

import os
import re
import signal
import subprocess

import pytest
from connecting import ConnectingWorker, marked
from running import PROJECTS, Site
from waiting import limit, wait_for

pytestmark = pytest.mark.integration

SUCCESS, FAILURE, RETRY = 0, 2, 5
VARIANT = "sample-local-gcc-bfd-ninja-full"
# One compile long enough that a build does not end before it is interrupted.
SLOW = PROJECTS.replace("-DHUNGRY_COMPILE_MB=100", "-DHUNGRY_COMPILE_MB=300")
NAMES = ("killed", "lost-thrice", "hangs", "comes-and-goes", "stays")
"""A worker for each test: one that came and went too often is quarantined."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    workers = "".join(f"{name}: {{board: local}}\n" for name in NAMES)
    site = Site.make(tmp_path_factory.mktemp("site"), projects=SLOW, workers=workers)
    with (site.config / "site.yaml").open("a") as file:
        file.write("worker_silence: 5s\n")
    assert site.arm_ci("start").returncode == 0
    yield site
    site.arm_ci("stop", "--state", str(site.state))


@pytest.fixture
def connect(site):
    """Starts a worker by its name; ends it and what it left."""
    started = []

    def start(name):
        worker = ConnectingWorker.make(site, name)
        started.append(worker)
        worker.start()
        worker.wait_until_connected()
        return worker

    yield start
    for worker in started:
        worker.kill()
        wait_for(lambda worker=worker: not worker.state()["connected_to"])
    for process in marked(site.directory):
        os.kill(process, signal.SIGKILL)


class Asked:
    """A build that was asked for, and what became of it."""

    def __init__(self, site):
        assert site.arm_ci("force", "--variant", VARIANT).returncode == 0
        self.site = site
        (request,) = site.get("buildrequests?order=-buildrequestid&limit=1")["buildrequests"]
        self.address = f"buildrequests/{request['buildrequestid']}"

    def builds(self):
        return self.site.get(f"{self.address}/builds?order=buildid&property=*")["builds"]

    def wait_until_it_compiles(self, number):
        """Until its build `number` runs its build step; the processes of that build."""

        def compiles():
            steps = self.site.steps(self.builds()[number - 1]) if len(self.builds()) >= number else {}
            running = [name for name, step in steps.items() if step["started_at"] and not step["complete"]]
            return running == ["build"] and marked(self.site.directory)

        return wait_for(compiles, f"build {number} compiles")

    def wait_until_complete(self):
        """How it ended."""
        (request,) = wait_for(
            lambda: [each for each in self.site.get(self.address)["buildrequests"] if each["complete"]]
        )
        return request["results"]


def master_process(site):
    return int((site.state / "twistd.pid").read_text())


def test_a_build_whose_worker_is_killed_is_built_again_and_what_was_left_over_ended(site, connect):
    worker = connect("killed")
    asked = Asked(site)
    mark = next(iter(asked.wait_until_it_compiles(1).values()))
    # Stands for a compiler that takes long: of the real ones it is not known how soon they end.
    left = subprocess.Popen(["sleep", "600"], env={"ARM_CI_BUILD": mark})
    worker.kill()
    worker.start()
    asked.wait_until_it_compiles(2)
    assert left.wait(timeout=limit(60)) == -signal.SIGKILL
    assert asked.wait_until_complete() == SUCCESS
    first, second = asked.builds()
    assert [first["results"], second["results"]] == [RETRY, SUCCESS]
    assert re.fullmatch(
        r"worker lost: worker `killed` in build( \d+/\d+)?: connection closed after \d+ s; built again, 2 of 3",
        first["state_string"],
    )
    check = site.steps(second)["check-worker"]
    assert re.search(r"; ended \d+ process(es)? of an earlier build$", check["state_string"])
    assert re.search(r"^ended: \d+ sleep 600$", site.log(check, "leftovers"), re.M)


def test_the_third_loss_ends_the_request_with_what_is_known(site, connect):
    worker = connect("lost-thrice")
    asked = Asked(site)
    for number in (1, 2, 3):
        asked.wait_until_it_compiles(number)
        worker.kill()
        wait_for(lambda number=number: asked.builds()[number - 1]["complete"])
        worker.start()
    assert asked.wait_until_complete() == FAILURE
    builds = asked.builds()
    last = builds[2]
    assert [build["results"] for build in builds] == [RETRY, RETRY, FAILURE]
    one = r"worker `lost-thrice` in build( \d+/\d+)?: connection closed after \d+ s"
    assert re.fullmatch(rf"worker-lost: {one}; 2 builds were lost before, see tries", last["state_string"])
    step = site.steps(last)["worker-lost"]
    assert step["state_string"] == last["state_string"]
    # What the agent of a lost build had written down is read by the next build.
    ran = r"(no edge ran|\d edges? ran, the largest \S+(, which held .+)?)"
    after = rf"  afterwards on the worker: nothing says that memory ran out; {ran}"
    tries = "".join(rf"build {build['number']}: {one}\n{after}\n" for build in builds[:2])
    assert re.fullmatch(rf"{tries}build {last['number']}: {one}\n", site.log(step, "tries"))
    assert [build["properties"]["verdict"][0] for build in builds] == ["worker-lost"] * 3
    assert "worker-lost" in site.log(step, "verdict")
    # It was one request that took the worker down, so the worker is not the one to blame.
    assert not worker.state()["paused"]


def test_a_worker_that_hangs_is_noticed_and_comes_back(site, connect):
    worker = connect("hangs")
    asked = Asked(site)
    asked.wait_until_it_compiles(1)
    worker.send(signal.SIGSTOP)
    wait_for(lambda: not worker.state()["connected_to"])
    wait_for(lambda: asked.builds()[0]["complete"])
    assert re.fullmatch(
        r"worker lost: worker `hangs` in build( \d+/\d+)?: silent for 5 s after \d+ s; built again, 2 of 3",
        asked.builds()[0]["state_string"],
    )
    worker.send(signal.SIGCONT)
    assert asked.wait_until_complete() == SUCCESS


def test_a_master_that_is_killed_takes_up_where_it_was(site, connect):
    connect("stays")
    asked = Asked(site)
    left = asked.wait_until_it_compiles(1)
    os.kill(master_process(site), signal.SIGKILL)
    wait_for(lambda: not set(left) & set(marked(site.directory)))  # the worker ends them when its master is gone
    assert site.arm_ci("start").returncode == 0
    assert asked.wait_until_complete() == SUCCESS
    first, second = asked.builds()
    assert (first["results"], first["state_string"]) == (RETRY, "interrupted: the master died; built again")
    assert second["results"] == SUCCESS
    assert all(step["complete"] for build in (first, second) for step in site.steps(build).values())


# The last one: its request stays behind.
def test_a_worker_that_comes_and_goes_is_paused_with_a_reason_that_outlives_the_master(site, connect):
    worker = connect("comes-and-goes")
    for _ in range(5):
        worker.wait_until_connected()
        worker.kill()
        wait_for(lambda: not worker.state()["connected_to"])
        worker.start()
    wait_for(lambda: worker.state()["paused"])
    reason = "quarantined: it was disconnected 5 times in 10 minutes; look at the machine, then unpause it here"
    assert worker.state()["pause_reason"] == reason
    asked = Asked(site)
    os.kill(master_process(site), signal.SIGKILL)
    wait_for(lambda: site.arm_ci("start").returncode == 0)
    worker.wait_until_connected()
    assert (worker.state()["paused"], worker.state()["pause_reason"]) == (True, reason)
    assert not asked.builds()
