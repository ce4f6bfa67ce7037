"""What `arm-ci restart` says while it waits, with a master that says what a test wants."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from arm_ci.cli import restart
from arm_ci.cli.options import CommandError
from arm_ci.cli.restart import Waiting


class FakeMaster:
    """What rest.Master offers, from lists."""

    def __init__(self):
        self.steps = {7: "build 3/9"}
        self.gone = False

    def items(self, path, **query):
        if self.gone:
            raise CommandError("no master answers")
        assert (path, query) == ("builds", {"complete": "false", "property": "buildername"})
        return [{"buildid": number, "properties": {"buildername": [f"v-{number}", "Builder"]}} for number in self.steps]

    def current_step(self, build_id):
        return self.steps[build_id]


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def waiting():
    waiting = Waiting(FakeMaster(), [].append, Clock())
    waiting.said = waiting.say.__self__
    return waiting


def after(waiting, seconds):
    waiting.said.clear()
    waiting.clock.now += seconds
    waiting.tell()
    return waiting.said


def test_at_once_it_says_which_builds_it_waits_for_and_how_far_they_are(waiting):
    waiting.master.steps[8] = "configure"
    assert after(waiting, 0) == ["waiting for v-7: build 3/9", "waiting for v-8: configure"]


def test_what_changed_is_said_after_ten_seconds(waiting):
    after(waiting, 0)
    waiting.master.steps[7] = "build 4/9"
    assert after(waiting, 9) == []
    assert after(waiting, 1) == ["waiting for v-7: build 4/9"]


def test_what_did_not_change_is_said_again_after_a_minute(waiting):
    after(waiting, 0)
    assert after(waiting, 59) == []
    assert after(waiting, 1) == ["waiting for v-7: build 3/9"]


def test_a_master_that_has_just_ended_is_no_error(waiting):
    waiting.master.gone = True
    assert after(waiting, 0) == []


def test_who_waits_no_longer_is_told_what_becomes_of_the_master():
    def interrupted(_):
        raise KeyboardInterrupt

    instance = SimpleNamespace(process=SimpleNamespace(stop_when_idle=interrupted), local_url="http://localhost/")
    with pytest.raises(CommandError) as caught:
        restart.stop_when_idle(instance)
    assert (caught.value.status, str(caught.value)) == (
        1,
        "no longer waiting; the master begins no build any more and stops when those that run have ended: "
        "`arm-ci start` then starts it, `arm-ci restart --now` stops them",
    )
