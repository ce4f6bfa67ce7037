"""Buildbot's own tests of the parts that the fixes touch, with each fix in place.

Neither Buildbot's wheel nor its source archive has these tests, so they are a person's choice: ARM_CI_BUILDBOT_SOURCE
names a checkout of Buildbot at the tag of the installed version, and `parameterized` must be installed.

What is left out is named below with its reason: it is about what the fix replaces. All others must pass, and those left
out must fail, so that none stands there for nothing. Without the fixes every one passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from arm_ci.master.buildbot_fixes import fixes

SOURCE = os.environ.get("ARM_CI_BUILDBOT_SOURCE", "")
pytestmark = [
    pytest.mark.upstream,
    pytest.mark.skipif(not SOURCE, reason="ARM_CI_BUILDBOT_SOURCE names no checkout of Buildbot"),
]

PROGRAM = Path(__file__).with_name("run_buildbots_tests.py")


@dataclass(frozen=True)
class Theirs:
    """Buildbot's test modules of the part that a fix touches; patterns of tests that are left out -> why."""

    modules: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


THEIRS = {
    "rest_answers": Theirs(("www.test_rest",)),
    "web_log_in": Theirs(
        ("www.test_authz", "www.test_auth", "www.test_roles"),
        {"*.Authz.test_anyEndpoint": "a rule that forbids reading: here everybody may read"},
    ),
    "force_scheduler": Theirs(("schedulers.test_forcesched",)),
    "worker_connection": Theirs(
        ("worker.test_protocols_pb",),
        {
            "*.TestConnection.test_startStopKeepaliveTimer": "Buildbot's keepalive, which is replaced",
            "*.TestConnection.test_loseConnection": "ours aborts a connection, Buildbot's waits for the peer",
        },
    ),
    "worker_attachment": Theirs(("worker.test_base", "worker.test_manager")),
    "build_end": Theirs(("process.test_build", "process.test_builder", "process.test_botmaster_BotMaster")),
    "git_step": Theirs(
        ("steps.test_source_git",),
        {"*.TestGit.test_mode_full_clean_patch*": "a patch, which another step applies"},
    ),
    "git_poller": Theirs(("changes.test_gitpoller",)),
    "tree_timer": Theirs(("schedulers.test_basic",)),
    "nightly_time": Theirs(("schedulers.test_timed_Nightly",)),
    "try_port": Theirs(("schedulers.test_trysched",)),
}


def run(in_place: str, modules: tuple[str, ...]) -> dict[str, str]:
    """Why tests failed, by their names; at least one must have run."""
    command = [sys.executable, PROGRAM, SOURCE, in_place, *modules]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["ran"] > 0
    return dict(result["failed"])


def test_every_fix_that_replaces_a_class_or_a_function_has_its_tests():
    assert {fix.name for fix in fixes() if fix.ours} | {"rest_answers"} == set(THEIRS)


@pytest.mark.parametrize("fix", THEIRS)
def test_they_all_pass_without_the_fix(fix):
    assert run("", THEIRS[fix].modules) == {}


@pytest.mark.parametrize("fix", THEIRS)
def test_they_pass_with_the_fix_but_for_what_it_replaces(fix):
    theirs = THEIRS[fix]
    failed = run(fix, theirs.modules)
    patterns = {name: [each for each in theirs.left_out if fnmatchcase(name, each)] for name in failed}
    assert {name: failed[name] for name, found in patterns.items() if not found} == {}
    assert {each for found in patterns.values() for each in found} == set(theirs.left_out)
