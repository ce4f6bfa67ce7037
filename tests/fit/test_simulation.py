"""A simulated build: cores, memory, what is offered, and what no schedule can beat."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm_ci.fit.simulation import Edge, Guess, admitted, lower_bound, plain, pools, rest_seconds, simulate, slowdown


def known(edges):
    rest = rest_seconds(edges)
    return lambda edge: Guess(edge.need_bytes, edge.seconds, rest[edge.number])


DIAMOND = (Edge(0, 10, 1.0), Edge(1, 10, 5.0, (0,)), Edge(2, 10, 2.0, (0,)), Edge(3, 10, 1.0, (1, 2)))


def test_what_does_not_depend_on_each_other_runs_side_by_side():
    course = simulate(DIAMOND, 100, 4, plain(2))
    assert course.seconds == 7.0
    assert course.starts == {0: 0.0, 1: 1.0, 2: 1.0, 3: 6.0}
    assert (course.most_bytes, course.most_together_bytes) == (20, 20)


def test_one_after_the_other_takes_the_sum():
    assert simulate(DIAMOND, 100, 4, plain(1)).seconds == 9.0


def test_what_is_held_beyond_the_budget_slows_all_that_runs():
    assert slowdown(150, 100) == pytest.approx(6.0)
    assert simulate((Edge(0, 60, 1.0), Edge(1, 90, 1.0)), 100, 2, plain(2)).seconds == pytest.approx(6.0)
    assert simulate((Edge(0, 60, 1.0), Edge(1, 90, 1.0)), 100, 2, plain(1)).seconds == pytest.approx(2.0)


def test_no_more_is_offered_than_the_build_tool_starts():
    seen = []

    def watch(waiting, running, now):
        seen.append(len(waiting) + len(running))
        return plain(1)(waiting, running, now)

    simulate(tuple(Edge(number, 1, 1.0) for number in range(9)), 100, 3, watch)
    assert max(seen) == 3


def test_a_pool_holds_back_its_own_and_lets_others_pass():
    edges = (Edge(0, 1, 4.0, name="l"), Edge(1, 1, 4.0, name="l"), Edge(2, 1, 4.0, name="c"))
    course = simulate(edges, 100, 3, pools(3, {"l": 1}, lambda edge: edge.name))
    assert course.starts == {0: 0.0, 1: 4.0, 2: 0.0}


def test_a_circle_and_a_chooser_that_starts_nothing_are_refused():
    with pytest.raises(ValueError, match="circle"):
        simulate((Edge(0, 1, 1.0, (1,)), Edge(1, 1, 1.0, (0,))), 10, 2, plain(1))
    with pytest.raises(ValueError, match="nothing runs"):
        simulate((Edge(0, 1, 1.0),), 10, 2, lambda waiting, running, now: None)


def test_the_longest_way_to_the_end_counts_what_comes_behind():
    assert rest_seconds(DIAMOND) == {0: 7.0, 1: 6.0, 2: 3.0, 3: 1.0}


def test_the_bound_counts_work_memory_ways_and_what_runs_alone():
    assert lower_bound(DIAMOND, 100, 4) == 7.0
    many = tuple(Edge(number, 60, 1.0) for number in range(10))
    assert lower_bound(many, 100, 4) == pytest.approx(6.0)
    assert lower_bound(many, 1000, 4) == pytest.approx(2.5)
    assert lower_bound((Edge(0, 150, 1.0), Edge(1, 10, 4.0)), 100, 4) == pytest.approx(7.0)


GRAPHS = st.lists(
    st.tuples(st.integers(1, 150), st.floats(0.1, 20), st.lists(st.integers(0, 30), max_size=3)),
    min_size=1,
    max_size=30,
).map(
    lambda found: tuple(
        Edge(number, need, seconds, tuple({each for each in needs if each < number}))
        for number, (need, seconds, needs) in enumerate(found)
    )
)


@settings(max_examples=150, deadline=None)
@given(GRAPHS, st.integers(1, 5), st.integers(0, 10))
def test_admission_ends_every_graph_within_the_budget_and_no_schedule_beats_the_bound(edges, cores, more):
    course = simulate(edges, 100, cores + more, admitted(100, cores, known(edges)))
    assert len(course.ends) == len(edges)
    assert course.most_together_bytes <= 100
    assert course.seconds >= lower_bound(edges, 100, cores) - 1e-6


@settings(max_examples=100, deadline=None)
@given(GRAPHS, st.integers(1, 5))
def test_where_memory_is_plentiful_admission_keeps_no_core_idle(edges, cores):
    course = simulate(edges, 10_000, len(edges), admitted(10_000, cores, known(edges)))
    # Graham's bound for list scheduling.
    assert course.seconds <= (2 - 1 / cores) * lower_bound(edges, 10_000, cores) + 1e-6
