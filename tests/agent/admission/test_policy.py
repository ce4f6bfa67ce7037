"""Which of the waiting edges may start: within cores and budget, never nothing while something could run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arm_ci.agent.admission.policy import Room, Running, Waiting, choose

SOON, LATER = 10.0, 100.0


def waiting(key: int, need_bytes: int, **more) -> Waiting:
    return Waiting(key, more.pop("order", key), need_bytes, **more)


needs = st.integers(0, 2000)
durations = st.none() | st.floats(0.1, 1000.0)
waiting_edges = st.lists(
    st.builds(Waiting, st.integers(), st.integers(), needs, durations, durations, st.booleans()),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.key,
)
running_edges = st.lists(st.builds(Running, st.integers(), needs, durations, st.just(False)), max_size=5)
rooms = st.builds(Room, st.integers(1, 6), st.integers(0, 4000), st.booleans())


@given(waiting_edges, running_edges, rooms)
def test_nothing_starts_beside_others_beyond_the_cores_or_the_budget(edges, running, room) -> None:
    chosen = choose(edges, running, room, 0.0)
    if not running or chosen is None:
        return
    need = next(each.need_bytes for each in edges if each.key == chosen)
    assert len(running) < room.cores
    assert need + sum(each.need_bytes for each in running) <= room.budget_bytes
    assert not room.is_shut


@given(waiting_edges, rooms)
def test_where_nothing_runs_something_starts_whatever_it_needs(edges, room) -> None:
    assert choose(edges, [], room, 0.0) in [each.key for each in edges]


@given(waiting_edges, running_edges, rooms)
def test_what_is_to_run_alone_starts_beside_nothing(edges, running, room) -> None:
    chosen = choose(edges, running, room, 0.0)
    assert not running or chosen not in [each.key for each in edges if each.alone]


@given(waiting_edges, running_edges.filter(bool), rooms)
def test_beside_what_runs_alone_nothing_starts(edges, running, room) -> None:
    assert choose(edges, [*running, Running(-1, 0, SOON, alone=True)], room, 0.0) is None


@given(waiting_edges, running_edges, rooms, st.randoms())
def test_the_choice_does_not_depend_on_the_order_in_which_edges_are_listed(edges, running, room, chance) -> None:
    edges = [each._replace(order=number) for number, each in enumerate(edges)]
    shuffled = chance.sample(edges, len(edges))
    assert choose(shuffled, running, room, 0.0) == choose(edges, running, room, 0.0)


@given(waiting_edges, running_edges)
def test_where_memory_and_cores_are_plenty_the_longest_way_starts_at_once(edges, running) -> None:
    edges = [each._replace(alone=False, rest_seconds=float(each.key)) for each in edges]
    assert choose(edges, running, Room(100, 1 << 40), 0.0) == max(each.key for each in edges)


def test_nobody_waits_nobody_starts() -> None:
    assert choose([], [], Room(4, 1000), 0.0) is None


def test_what_memory_has_killed_is_next_before_all_that_have_more_behind_them() -> None:
    killed = waiting(1, 900, rest_seconds=1.0, alone=True)
    long = waiting(2, 10, rest_seconds=500.0)
    assert choose([long, killed], [], Room(4, 1000), 0.0) == 1


def test_what_memory_has_killed_waits_for_the_others_to_end_and_nothing_new_starts_until_then() -> None:
    killed = waiting(1, 10, alone=True)
    assert choose([waiting(2, 10), killed], [Running(3, 10, SOON)], Room(4, 1000), 0.0) is None


def test_the_edge_with_the_longest_rest_goes_first_and_its_own_time_counts_where_the_rest_is_not_known() -> None:
    edges = [waiting(1, 10, seconds=50.0, rest_seconds=60.0), waiting(2, 10, seconds=70.0), waiting(3, 10)]
    assert choose(edges, [], Room(4, 1000), 0.0) == 2


def test_of_equals_the_one_that_asked_first_goes_first() -> None:
    assert choose([waiting(7, 10, order=2), waiting(8, 10, order=1)], [], Room(4, 1000), 0.0) == 8


def test_a_small_edge_passes_a_large_one_when_it_ends_before_the_turn_of_that() -> None:
    large = waiting(1, 800, seconds=50.0, rest_seconds=500.0)
    short = waiting(2, 300, seconds=SOON)
    assert choose([large, short], [Running(3, 500, LATER)], Room(4, 1000), 0.0) == 2


def test_a_small_edge_does_not_pass_a_large_one_that_it_would_keep_waiting() -> None:
    large = waiting(1, 800, seconds=50.0, rest_seconds=500.0)
    long = waiting(2, 300, seconds=LATER)
    assert choose([large, long], [Running(3, 500, SOON)], Room(4, 1000), 0.0) is None


def test_an_edge_that_fits_beside_the_large_one_passes_it_however_long_it_runs() -> None:
    large = waiting(1, 800, seconds=50.0, rest_seconds=500.0)
    beside = waiting(2, 200, seconds=LATER)
    assert choose([large, beside], [Running(3, 500, SOON)], Room(4, 1000), 0.0) == 2


def test_nothing_passes_where_nobody_knows_when_the_turn_of_the_first_comes() -> None:
    large = waiting(1, 800, seconds=50.0, rest_seconds=500.0)
    assert choose([large, waiting(2, 100, seconds=SOON)], [Running(3, 500)], Room(4, 1000), 0.0) is None


def test_an_edge_that_exceeds_the_budget_is_not_starved_by_short_ones() -> None:
    """Short edges arrive for ever; the one that needs more than there is starts when what ran before it has ended."""
    room, now = Room(2, 1000), 0.0
    huge = waiting(0, 5000, seconds=50.0, rest_seconds=500.0)
    running = [Running(1, 600, 20.0)]
    for key in range(2, 1000):
        chosen = choose([huge, waiting(key, 300, seconds=15.0)], running, room, now)
        if chosen == 0:
            break
        if chosen is not None:
            running.append(Running(key, 300, now + 15.0))
        now = min(each.ends_seconds or 0.0 for each in running)
        running = [each for each in running if (each.ends_seconds or 0.0) > now]
    assert chosen == 0
    assert now == 20.0


def test_while_the_machine_pages_too_much_nothing_new_starts_unless_nothing_runs() -> None:
    shut = Room(4, 1000, is_shut=True)
    assert choose([waiting(1, 10)], [Running(2, 10)], shut, 0.0) is None
    assert choose([waiting(1, 10)], [], shut, 0.0) == 1
