"""Model -> the latent worker of a guest."""

from dataclasses import replace
from types import SimpleNamespace

import example
from buildbot.plugins import worker
from twisted.internet import task

from arm_ci.config.model import Guest, Worker
from arm_ci.guests.latent_worker import GuestDidNotComeUp, GuestWorker
from arm_ci.master.workers.guest_worker import guest_worker, ram_bytes

MIB = 1 << 20
BOARD = replace(example.BOARDS["pi"], guest=Guest(image="debian-12-arm64"), memory=925 * MIB)


def test_it_is_published_as_a_plugin():
    assert worker.ArmGuest is GuestWorker


def test_a_guest_has_so_much_ram_that_its_system_can_use_what_the_board_says():
    # Measured: 440 MB asked for are 447 MB of MemTotal, 925 MB are 929.
    assert ram_bytes(replace(BOARD, memory=440 * MIB)) >> 20 == 480
    assert ram_bytes(BOARD) >> 20 == 975
    assert ram_bytes(replace(BOARD, guest=Guest(image="raspi3b", machine="raspi3b"))) == 1 << 30


def test_the_worker_has_what_the_board_says():
    config = example.config()
    config = replace(config, boards={**config.boards, "pi": BOARD})
    made = guest_worker(config, Worker(name="guest-1", board="pi"), {"board": "pi"})
    assert isinstance(made, GuestWorker)
    assert made.name == "guest-1"


def test_the_next_build_has_another_machine_so_a_bad_one_does_not_make_it_wait():
    config = example.config()
    made = guest_worker(replace(config, boards={**config.boards, "pi": BOARD}), Worker(name="guest-1", board="pi"), {})
    reactor = task.Clock()
    made.parent = SimpleNamespace(master=SimpleNamespace(reactor=reactor))
    made.putInQuarantine()
    assert (made.quarantine_timer, reactor.getDelayedCalls()) == (None, [])


def test_a_cause_is_what_buildbot_takes_for_a_guest_that_cannot_start():
    cause = GuestDidNotComeUp("there is no image `x`", "console")
    assert (str(cause), cause.console, cause.transient) == ("there is no image `x`", "console", False)
