"""How many guests at once."""

from arm_ci.guests.capacity import Capacity
from arm_ci.guests.machine import Machine

MIB = 1 << 20
SMALL = Machine(1, 500 * MIB)
WIDE = Machine(4, 500 * MIB)


def test_guests_share_the_memory_that_there_is() -> None:
    capacity = Capacity(1400 * MIB, 8)
    assert capacity.take("a", SMALL)
    assert capacity.take("b", SMALL)
    assert not capacity.take("c", SMALL)
    capacity.give_back("a")
    assert capacity.take("c", SMALL)


def test_one_guest_may_always_run_however_many_cores_it_has() -> None:
    capacity = Capacity(9000 * MIB, 2)
    assert capacity.take("a", WIDE)
    assert not capacity.take("b", SMALL)
    capacity.give_back("a")
    assert capacity.take("b", SMALL)
    assert capacity.take("c", SMALL)
    assert not capacity.take("d", SMALL)


def test_who_has_a_place_keeps_it_and_who_has_none_gives_none_back() -> None:
    capacity = Capacity(700 * MIB, 1)
    assert capacity.take("a", SMALL)
    assert capacity.take("a", SMALL)
    capacity.give_back("b")
    assert not capacity.has_room("b", SMALL)


def test_what_can_never_run_is_refused_with_the_figures() -> None:
    capacity = Capacity(600 * MIB, 4)
    assert not capacity.has_room("a", SMALL)
    assert capacity.refusal(SMALL) == (
        "the guest needs 660 MB of memory with QEMU, and guests may take 600 MB of this machine"
    )
    assert Capacity(660 * MIB, 1).refusal(SMALL) == ""
