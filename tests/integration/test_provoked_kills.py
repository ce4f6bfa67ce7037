"""Something is killed that memory did not kill: a compiler, the agent. (Workers and masters: test_lost_workers.py.)"""

import os
import signal
import threading
from contextlib import contextmanager

import pytest
import scarcity
from connecting import marked
from provoking import SOURCE, make_site, provoke, worker
from running import wait_for

pytestmark = pytest.mark.integration

VARIANT = "compile-local-gcc-bfd-ninja-full"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = make_site(tmp_path_factory.mktemp("site"))
    yield site
    site.arm_ci("stop")


@contextmanager
def kill_when_there(find):
    """Sends SIGKILL to the process that `find` gives, once it gives one."""
    thread = threading.Thread(target=lambda: os.kill(find(), signal.SIGKILL))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_kill_from_outside_with_memory_to_spare_is_not_memory(site):
    with (
        worker(site, 0) as made,
        kill_when_there(lambda: wait_for(lambda: compiling(made))),
    ):
        found = provoke(site, VARIANT)
    assert found.said() == ("killed-other", None, "certain", "cc1plus", SOURCE)
    assert found.sentence == (
        f"failed build: killed-other: cc1plus was killed from outside while compiling {SOURCE}: "
        "the kernel counted no OOM kill"
    )
    assert found.verdict["advice"] == []


def words_of(pid):
    """The command line of a process; empty when it has gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def compiling(made):
    """The cc1plus of the hungry source, when it runs."""
    found = scarcity.processes("cc1plus", made.process.pid)
    return next((pid for pid in found if any(b"feed_0" in word for word in words_of(pid))), None)


def agent_of(made):
    """The agent of the build, when that compiles."""
    if compiling(made) is None:
        return None
    return next((pid for pid in marked(made.directory) if is_agent(words_of(pid))), None)


def is_agent(words):
    return len(words) > 3 and words[2].endswith(b"start.py") and words[3] == b"run"


def test_the_agents_own_death_is_told_as_such_and_leaves_nothing_behind(site):
    with worker(site, 1) as made, kill_when_there(lambda: wait_for(lambda: agent_of(made))):
        found = provoke(site, VARIANT)
        wait_for(lambda: not marked(made.directory))
    assert found.sentence == "failed build: killed-other: the agent was killed from outside, and the build with it"
    assert found.said() == ("killed-other", None, "likely", None, None)
    assert found.verdict["evidence"][1]["text"] == f"1 edge ran: {SOURCE}"
    report = found.report
    assert not report.outcome.complete
    assert [edge.output for edge in report.edges if edge.exit_status is None] == [SOURCE]
