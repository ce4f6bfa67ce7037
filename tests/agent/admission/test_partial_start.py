"""Starting in part: what older edges will need stays free for them, whatever happens, and nobody waits for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arm_ci.agent.admission.partial_start import EdgeMemory, assured, choose_partial_start, to_suspend
from arm_ci.agent.admission.policy import Room, Running, Waiting, choose

MB = 1 << 20
NOBODY: frozenset[int] = frozenset()


def share(key: int, need: int, held: int = 0, grew: int = 0, may_suspend: bool = True) -> EdgeMemory:
    return EdgeMemory(key, need * MB, held * MB, grew * MB, may_suspend)


@st.composite
def shares(draw) -> list[EdgeMemory]:
    found = []
    for key in range(draw(st.integers(1, 6))):
        need = draw(st.integers(1, 1000))
        found.append(share(key, need, draw(st.integers(0, need)), draw(st.integers(0, 100))))
    return found


budgets = st.integers(1, 2000).map(lambda each: each * MB)


@given(shares(), budgets)
def test_the_oldest_is_always_assured_and_never_stopped(edges, budget) -> None:
    assert 0 in assured(edges, budget)
    assert 0 not in to_suspend(edges, budget, NOBODY)


@given(shares(), budgets)
def test_what_is_assured_fits_beside_what_the_others_hold(edges, budget) -> None:
    safe = assured(edges, budget)
    promised = sum(each.need_bytes for each in edges if each.key in safe)
    held = sum(each.held_bytes for each in edges if each.key not in safe)
    assert safe == {0} or promised + held <= budget


@given(shares(), budgets)
def test_whoever_is_not_stopped_has_room_to_grow_until_the_next_look(edges, budget) -> None:
    safe, standing = assured(edges, budget), to_suspend(edges, budget, NOBODY)
    growing = [each for each in edges if each.key not in safe and each.key not in standing]
    promised = sum(each.need_bytes for each in edges if each.key in safe)
    held = sum(each.held_bytes for each in edges if each.key not in safe)
    if growing:
        assert promised + held + sum(each.headroom_bytes for each in growing) <= budget


@given(shares(), budgets)
def test_when_the_oldest_ends_the_next_is_assured_so_the_build_always_gets_on(edges, budget) -> None:
    for first in range(len(edges)):
        rest = edges[first:]
        assert first not in to_suspend(rest, budget, frozenset(each.key for each in rest))


def test_one_that_fits_beside_the_rest_is_not_stopped_whatever_else_is() -> None:
    edges = [share(0, 500, 100), share(1, 500, 350), share(2, 100, 20)]
    assert assured(edges, 1020 * MB) == {0, 1}
    assert assured(edges, 970 * MB) == {0, 2}
    assert to_suspend(edges, 970 * MB, NOBODY) == {1}


def test_it_is_stopped_before_it_takes_what_the_older_will_need_and_goes_on_when_that_lasts() -> None:
    def stands(held: int, grew: int, now_suspended: bool = False) -> bool:
        edges = [share(0, 500, 100), share(1, 500, held, grew)]
        return bool(to_suspend(edges, 900 * MB, frozenset({1} if now_suspended else ())))

    assert not stands(300, 20)
    assert not stands(360, 20)
    assert stands(370, 20)
    assert stands(340, 50)
    assert stands(340, 0, now_suspended=True)
    assert not stands(300, 0, now_suspended=True)


def test_with_swap_one_that_was_let_in_whole_is_not_stopped() -> None:
    assert to_suspend([share(0, 800), share(1, 500, 400, may_suspend=False)], 900 * MB, NOBODY) == set()


def choice(
    needs: dict[int, int], free: int, running: int = 500, started: frozenset[int] = NOBODY, **room
) -> int | None:
    waiting = [Waiting(key, key, need * MB, 10.0, 10.0) for key, need in needs.items()]
    runs = [Running(-1, running * MB, 5.0)]
    place = Room(**{"cores": 2, "budget_bytes": (running + free) * MB, **room})
    assert choose(waiting, runs, place, 0.0) is None
    return choose_partial_start(waiting, runs, place, started)


def test_an_edge_starts_when_two_fifths_of_what_it_will_need_are_free() -> None:
    assert choice({1: 500}, 200) == 1
    assert choice({1: 500}, 199) is None


def test_one_at_a_time_starts_so_and_none_when_the_machine_pages_or_no_core_is_free() -> None:
    assert choice({1: 500}, 400, started=frozenset({7})) is None
    assert choice({1: 500}, 400, is_shut=True) is None
    assert choice({1: 500}, 400, cores=1) is None


def test_what_needs_more_than_the_whole_budget_does_not_start_in_part() -> None:
    assert choice({1: 950}, 400) is None


def test_another_passes_the_first_only_where_the_first_can_start_in_part_after_it() -> None:
    assert choice({1: 560, 2: 490}, 220) == 2
    assert choice({1: 600, 2: 490}, 220) is None


def test_beside_nothing_and_before_what_is_to_run_alone_none_starts_in_part() -> None:
    alone = [Waiting(1, 1, 500 * MB, 10.0, 10.0, alone=True), Waiting(2, 2, 500 * MB, 10.0, 10.0)]
    assert choose_partial_start(alone, [Running(-1, 100 * MB, 5.0)], Room(2, 900 * MB), NOBODY) is None
    assert choose_partial_start(alone[1:], [], Room(2, 900 * MB), NOBODY) is None
