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
# Long enough that a build does not end before it is interrupted.
SLOW = PROJECTS.replace("-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB=100", "-DHUNGRY_SOURCES=3, -DHUNGRY_COMPILE_MB=300")


@pytest.fixture
def site(tmp_path):
    site = Site.make(tmp_path, projects=SLOW, workers="pc-1: {board: local}\n")
    with (site.config / "site.yaml").open("a") as file:
        file.write("worker_silence: 5s\n")
    assert site.arm_ci("start").returncode == 0
    yield site
    site.arm_ci("stop", "--state", str(site.state))


@pytest.fixture
def worker(site):
    worker = ConnectingWorker.make(site, "pc-1")
    worker.start()
    worker.wait_until_connected()
    yield worker
    worker.kill()
    for process in marked(site.directory):
        os.kill(process, signal.SIGKILL)


def force(site):
    assert site.arm_ci("force", "--variant", VARIANT).returncode == 0


def builds(site):
    return site.get("builds?order=buildid&property=*")["builds"]


def wait_until_it_compiles(site, number):
    """Until build `number` runs its build step; the processes of that build."""

    def compiles():
        steps = site.get(f"builds/{number}/steps")["steps"]
        (running,) = [step for step in steps if not step["complete"] and step["started_at"]] or [{"name": ""}]
        return running["name"] == "build" and marked(site.directory)

    return wait_for(compiles)


def wait_until_all_is_complete(site):
    return wait_for(lambda: [r for r in site.get("buildrequests")["buildrequests"] if r["complete"]])


def master_process(site):
    return int((site.state / "twistd.pid").read_text())


def test_a_build_whose_worker_is_killed_is_built_again_and_what_was_left_over_ended(site, worker):
    force(site)
    mark = next(iter(wait_until_it_compiles(site, 1).values()))
    # Stands for a compiler that takes long: of the real ones it is not known how soon they end.
    left = subprocess.Popen(["sleep", "600"], env={"ARM_CI_BUILD": mark})
    worker.kill()
    worker.start()
    wait_until_it_compiles(site, 2)
    assert left.wait(timeout=limit(60)) == -signal.SIGKILL
    (request,) = wait_until_all_is_complete(site)
    assert request["results"] == SUCCESS
    first, second = builds(site)
    assert [first["results"], second["results"]] == [RETRY, SUCCESS]
    assert re.fullmatch(
        r"worker lost: worker `pc-1` in build( \d+/\d+)?: connection closed after \d+ s; built again, 2 of 3",
        first["state_string"],
    )
    check = site.steps(second)["check-worker"]
    assert re.search(r"; ended \d+ process(es)? of an earlier build$", check["state_string"])
    assert re.search(r"^ended: \d+ sleep 600$", site.log(check, "leftovers"), re.M)


def test_the_third_loss_ends_the_request_with_what_is_known(site, worker):
    force(site)
    for number in (1, 2, 3):
        wait_until_it_compiles(site, number)
        worker.kill()
        wait_for(lambda number=number: builds(site)[number - 1]["complete"])
        worker.start()
    (request,) = wait_until_all_is_complete(site)
    assert request["results"] == FAILURE
    last = builds(site)[2]
    assert [build["results"] for build in builds(site)] == [RETRY, RETRY, FAILURE]
    one = r"worker `pc-1` in build( \d+/\d+)?: connection closed after \d+ s"
    assert re.fullmatch(rf"worker-lost: {one}; 2 builds were lost before, see tries", last["state_string"])
    step = site.steps(last)["worker-lost"]
    assert step["state_string"] == last["state_string"]
    # What the agent of a lost build had written down is read by the next build.
    ran = r"(no edge ran|\d edges? ran, the largest \S+(, which held .+)?)"
    after = rf"  afterwards on the worker: nothing says that memory ran out; {ran}"
    tries = rf"build 1: {one}\n{after}\nbuild 2: {one}\n{after}\nbuild 3: {one}\n"
    assert re.fullmatch(tries, site.log(step, "tries"))
    # It was one request that took the worker down, so the worker is not the one to blame.
    assert not worker.state()["paused"]


def test_a_worker_that_hangs_is_noticed_and_comes_back(site, worker):
    force(site)
    wait_until_it_compiles(site, 1)
    worker.send(signal.SIGSTOP)
    wait_for(lambda: not worker.state()["connected_to"])
    wait_for(lambda: builds(site)[0]["complete"])
    assert re.fullmatch(
        r"worker lost: worker `pc-1` in build( \d+/\d+)?: silent for 5 s after \d+ s; built again, 2 of 3",
        builds(site)[0]["state_string"],
    )
    worker.send(signal.SIGCONT)
    (request,) = wait_until_all_is_complete(site)
    assert request["results"] == SUCCESS


def test_a_worker_that_comes_and_goes_is_paused_with_a_reason_that_outlives_the_master(site, worker):
    for _ in range(5):
        worker.wait_until_connected()
        worker.kill()
        wait_for(lambda: not worker.state()["connected_to"])
        worker.start()
    wait_for(lambda: worker.state()["paused"])
    reason = "quarantined: it was disconnected 5 times in 10 minutes; look at the machine, then unpause it here"
    assert worker.state()["pause_reason"] == reason
    force(site)
    os.kill(master_process(site), signal.SIGKILL)
    wait_for(lambda: site.arm_ci("start").returncode == 0)
    worker.wait_until_connected()
    assert (worker.state()["paused"], worker.state()["pause_reason"]) == (True, reason)
    assert not builds(site)


def test_a_master_that_is_killed_takes_up_where_it_was(site, worker):
    force(site)
    left = wait_until_it_compiles(site, 1)
    os.kill(master_process(site), signal.SIGKILL)
    wait_for(lambda: not set(left) & set(marked(site.directory)))  # the worker ends them when its master is gone
    assert site.arm_ci("start").returncode == 0
    (request,) = wait_until_all_is_complete(site)
    assert request["results"] == SUCCESS
    first, second = builds(site)
    assert (first["results"], first["state_string"]) == (RETRY, "interrupted: the master died; built again")
    assert second["results"] == SUCCESS
    assert all(step["complete"] for build in (first, second) for step in site.steps(build).values())
