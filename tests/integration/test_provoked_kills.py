"""Something is killed beside memory, or with it: a compiler, the agent, the worker. What the build says then."""

import os
import re
import signal

import pytest
import scarcity
from connecting import marked
from provoking import MIB, SOURCE, compiling, once, provoke, words_of, worker
from waiting import limit, wait_for

pytestmark = pytest.mark.integration

# Another than those of the other files: what was learned of a variant is used by its next build.
VARIANT = "compile-local-gcc-lld-ninja-full"
SUCCESS, RETRY = 0, 5


@pytest.fixture(scope="module")
def site(site_for_provocations):
    return site_for_provocations


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_a_kill_from_outside_with_memory_to_spare_is_not_memory(site):
    with worker(site, 8) as made, once(lambda: compiling(made), kill):
        found = provoke(site, VARIANT)
    assert found.sentence == (
        f"failed build: killed-other: cc1plus was killed from outside while compiling {SOURCE}: "
        "the kernel counted no OOM kill"
    )
    assert found.said() == ("killed-other", None, "certain", "cc1plus", SOURCE)
    assert found.evidence()["log"] == "g++: fatal error: Killed signal terminated program cc1plus"
    assert found.verdict["evidence"][-1]["text"] == "the kernel's counter of OOM kills did not move"
    assert found.verdict["advice"] == []


def agent_of(made):
    """The agent of the build, when that compiles."""
    if compiling(made) is None:
        return None
    return next((pid for pid in marked(made.directory) if is_agent(words_of(pid))), None)


def is_agent(words):
    return len(words) > 3 and words[2].endswith("start.py") and words[3] == "run"


def test_the_agents_own_death_is_told_as_such_and_leaves_nothing_behind(site):
    with worker(site, 9) as made, once(lambda: agent_of(made), kill):
        found = provoke(site, VARIANT)
        wait_for(lambda: not marked(made.directory))
    assert found.sentence == "failed build: killed-other: the agent was killed from outside, and the build with it"
    assert found.said() == ("killed-other", None, "likely", None, None)
    assert [each["text"] for each in found.verdict["evidence"]] == [
        "the report has no end",
        f"1 edge ran: {SOURCE}",
        "the kernel's counter of OOM kills did not move",
    ]
    assert found.verdict["advice"] == []
    report = found.report
    assert not report.outcome.complete
    assert [edge.output for edge in report.edges if edge.exit_status is None] == [SOURCE]


def test_a_worker_that_its_cgroups_limit_killed_is_told_by_the_next_build(site):
    with scarcity.memory_cgroup(300 * MIB) as cgroup, worker(site, 10, cgroup.command()) as made:

        def lose(_pid):
            """Has the kernel take the worker first, and starts another where memory is not scarce."""
            for pid in marked(made.directory):
                scarcity.set_oom_score(pid, 0)
            scarcity.set_oom_score(made.process.pid, 1000)
            assert made.process.wait(timeout=limit(60)) == -signal.SIGKILL
            cgroup.lift()
            made.start()

        with once(lambda: compiling(made), lose):
            found = provoke(site, VARIANT)
    builds = f"builders/{found.build['builderid']}/builds"
    second, first = site.get(f"{builds}?order=-number&limit=2&property=*")["builds"]
    assert (first["results"], second["results"]) == (RETRY, SUCCESS)
    assert re.fullmatch(
        r"worker lost: worker `pc-10` in build( \d+/\d+)?: connection closed after \d+ s; built again, 2 of 3",
        first["state_string"],
    )
    after = second["properties"]["lost_build"][0]
    assert re.fullmatch(
        r"oom-kill: python\S* was killed: it held \d+ MB, the cgroup's limit was 300 MB; 1 edge ran, the largest "
        # Unless it was killed before anybody looked at it.
        rf"{SOURCE}(, which held \d+ MB)?",
        after,
    ), after
