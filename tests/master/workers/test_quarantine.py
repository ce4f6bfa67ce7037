"""Which workers are trusted no more."""

from arm_ci.master.workers.quarantine import Flapping

LOST = "quarantined: 3 builds in a row were lost with this worker; look at the machine, then unpause it here"
GONE = "quarantined: it was disconnected 5 times in 10 minutes; look at the machine, then unpause it here"


def lost(*requests):
    flapping = Flapping()
    for number, request in enumerate(requests):
        flapping.build_lost(request, f"connection {number}")
    return flapping


def gone(*times):
    flapping = Flapping()
    for time in times:
        flapping.disconnected(time)
    return flapping


def test_a_worker_that_loses_three_builds_in_a_row_is_quarantined():
    assert lost(1, 1).reason() == ""
    assert lost(1, 1, 2).reason() == LOST


def test_one_request_that_takes_its_worker_down_each_time_is_not_the_workers_fault():
    assert lost(1, 1, 1).reason() == ""
    assert lost(1, 1, 1, 2).reason() == LOST.replace("3 builds", "4 builds")


def test_builds_that_are_lost_together_are_one_loss():
    flapping = Flapping()
    for request in (1, 2, 3):
        flapping.build_lost(request, "before the first reboot")
    assert flapping.reason() == ""
    flapping.build_lost(1, "before the second")
    assert flapping.reason() == ""
    flapping.build_lost(2, "before the third")
    assert flapping.reason() == LOST.replace("3 builds", "5 builds")


def test_a_build_that_ended_otherwise_clears_it():
    flapping = lost(1, 2)
    flapping.build_ended()
    flapping.build_lost(3, "another")
    assert flapping.reason() == ""


def test_a_worker_that_comes_and_goes_is_quarantined():
    assert gone(0, 100, 200, 300).reason() == ""
    assert gone(0, 100, 200, 300, 599).reason() == GONE


def test_what_is_ten_minutes_old_counts_no_more():
    assert gone(0, 100, 200, 300, 600).reason() == ""


def test_unpaused_it_starts_afresh():
    flapping = gone(0, 1, 2, 3, 4)
    flapping.build_lost(1, "one")
    flapping.forget()
    flapping.disconnected(5)
    assert flapping.reason() == ""
