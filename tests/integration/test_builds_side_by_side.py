"""Several builds of one worker at once, and builds that a person stops: nobody's commands are mistaken for leftovers,
and nothing runs on."""

import json
import urllib.request

import pytest
from connecting import marked
from running import PROJECTS, Site
from waiting import limit, wait_for

pytestmark = pytest.mark.integration

SUCCESS, CANCELLED = 0, 6
VARIANTS = [f"sample-local-gcc-{linker}-ninja-full" for linker in ("bfd", "gold", "lld")]
STOPPED = VARIANTS[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    # Sources enough to be stopped among them.
    projects = PROJECTS.replace("linkers: [bfd]", "linkers: [bfd, gold, lld]").replace("SOURCES=1", "SOURCES=2")
    site = Site.make(
        tmp_path_factory.mktemp("site"), projects=projects, workers="local: {board: local, local: true, builds: 3}\n"
    )
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def test_builds_that_begin_at_the_same_time_do_not_end_each_other(site):
    done = site.arm_ci("force", *(word for variant in VARIANTS for word in ("--variant", variant)), "--wait")
    assert done.returncode == 0, done.stdout
    assert [site.last_build(variant)["results"] for variant in VARIANTS] == [SUCCESS] * 3


def test_a_build_that_a_person_stops_leaves_no_process_behind(site):
    assert site.arm_ci("force", "--variant", STOPPED).returncode == 0
    build = wait_for(lambda: compiles(site))
    order = {"jsonrpc": "2.0", "method": "stop", "id": 1, "params": {"reason": "changed my mind"}}
    request = urllib.request.Request(
        f"{site.url}api/v2/builds/{build['buildid']}",
        data=json.dumps(order).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=limit(30)).close()
    wait_for(lambda: site.last_build(STOPPED)["complete"])
    assert marked(site.state) == {}
    assert site.last_build(STOPPED)["results"] == CANCELLED
    assert site.last_build(STOPPED)["state_string"] == "cancelled (changed my mind) build: interrupted"


def compiles(site):
    """The newest build once its compilers run."""
    builds = site.get("builds?order=-buildid&limit=1")["builds"]
    running = builds and not builds[0]["complete"] and "build" in site.steps(builds[0])
    # ninja, and at least a compiler driver with its compiler.
    return builds[0] if running and len(marked(site.state)) >= 3 else None
