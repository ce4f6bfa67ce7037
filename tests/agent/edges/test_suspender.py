"""An edge is stopped and goes on with all its processes, also when the agent is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from waiting import wait_for

from arm_ci.agent.edges.suspender import Suspender

# A launcher that started a compiler, which started another.
TREE = ["sh", "-c", "sh -c 'sleep 600 & echo $! $$; wait' & wait"]
HOLDER = """
import os, sys
from arm_ci.agent.edges.suspender import Suspender
suspender = Suspender()
print(suspender.suspend(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tree():
    process = subprocess.Popen(TREE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout
    process.pids = [int(word) for word in process.stdout.readline().split()]
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def states(tree) -> set[str]:
    return {state(pid) for pid in tree.pids}


def test_all_that_a_launcher_started_is_stopped_and_goes_on(tree):
    suspender = Suspender()
    assert suspender.suspend(tree.pid)
    wait_for(lambda: states(tree) == {"T"}, "both are stopped")
    assert state(tree.pid) != "T"
    suspender.resume(tree.pid)
    wait_for(lambda: states(tree) == {"S"}, "both go on")
    suspender.close()


def test_at_its_end_everything_goes_on(tree):
    suspender = Suspender()
    suspender.suspend(tree.pid)
    wait_for(lambda: states(tree) == {"T"}, "both are stopped")
    suspender.close()
    wait_for(lambda: states(tree) == {"S"}, "both go on")


def test_when_the_agent_is_killed_everything_goes_on(tree):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tree.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdin
    assert holder.stdout.readline() == "True\n"
    wait_for(lambda: states(tree) == {"T"}, "both are stopped")
    holder.kill()
    holder.wait()
    wait_for(lambda: states(tree) == {"S"}, "both go on")
    holder.stdin.close()
    holder.stdout.close()


def test_where_nothing_runs_nothing_is_stopped():
    suspender = Suspender()
    process = subprocess.Popen(["sleep", "600"])
    assert not suspender.suspend(process.pid)
    process.kill()
    process.wait()
    suspender.close()
