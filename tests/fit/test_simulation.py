"""Simulated builds: how long they take, what they hold and what memory kills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_ci.fit.choosers import Admission, Guess, plain, pools
from arm_ci.fit.graph import Edge, in_order, lower_bound, rest_seconds
from arm_ci.fit.simulation import Course, Machine, Simulation


def edge(number: int, need: int, seconds: float, *needs: int, kind: str = "compile") -> Edge:
    return Edge(number, need, seconds, needs, f"{number}.o", kind)


def admitted(edges: list[Edge], machine: Machine, cores: int, offered: int = 100, knows: bool = True) -> Course:
    rest = rest_seconds(edges)

    def believed(each: Edge) -> Guess:
        return Guess(each.need_bytes, each.seconds, rest[each.number]) if knows else Guess(1)

    chooser = Admission(cores, machine.ram_bytes, believed)
    return Simulation(edges, machine, offered, chooser).run(runs_again=True)


graphs = st.lists(st.tuples(st.integers(1, 1500), st.integers(1, 50), st.sets(st.integers(0, 20))), max_size=20).map(
    lambda rows: [
        edge(number, need, float(seconds), *sorted(other for other in others if other < number))
        for number, (need, seconds, others) in enumerate(rows)
    ]
)


@given(graphs, st.integers(1, 5), st.integers(1, 12))
def test_with_admission_only_an_edge_that_exceeds_the_budget_alone_exceeds_it(edges, cores, more) -> None:
    course = admitted(edges, Machine(1000), cores, offered=cores + more)
    assert course.most_together_bytes <= 1000
    assert sorted(course.ends) == [each.number for each in edges]
    for each in edges:
        assert all(course.ends[number] <= course.starts[each.number] for number in each.needs)
        running = [
            other.number
            for other in edges
            if course.starts[other.number] <= course.starts[each.number] < course.ends[other.number]
        ]
        assert len(running) <= cores


@given(graphs, st.integers(1, 5))
def test_no_course_within_the_budget_is_faster_than_the_bound(edges, cores) -> None:
    assert admitted(edges, Machine(1000), cores).seconds >= lower_bound(edges, 1000, cores) - 1e-6


@given(graphs, st.integers(1, 5))
def test_without_swap_all_that_fits_alone_is_made_although_nothing_was_known(edges, cores) -> None:
    course = admitted(edges, Machine(1000, 0), cores, knows=False)
    assert sorted(course.ends) == [each.number for each in edges]
    assert sorted(course.does_not_fit) == [each.number for each in edges if each.need_bytes > 1000]


def test_edges_run_beside_each_other_as_the_jobs_and_their_inputs_allow() -> None:
    edges = [edge(0, 1, 10.0), edge(1, 1, 20.0), edge(2, 1, 5.0, 0, 1)]
    assert Simulation(edges, Machine(100), 2, plain(2)).run().seconds == 25.0
    assert Simulation(edges, Machine(100), 1, plain(1)).run().seconds == 35.0


def test_what_is_held_beyond_the_ram_slows_all_that_runs_by_ten_times_its_part() -> None:
    course = Simulation([edge(0, 100, 10.0), edge(1, 50, 10.0)], Machine(100), 2, plain(2)).run()
    assert course.seconds == pytest.approx(10.0 * (1 + 10 * 0.5))
    assert (course.most_together_bytes, course.over_together_seconds) == (150, pytest.approx(60.0))


def test_paging_may_cost_an_edge_that_runs_alone_less_than_several() -> None:
    machine = Machine(1000, alone_slowdown=2.0)
    alone, *both = edge(0, 1500, 10.0), edge(1, 800, 10.0), edge(2, 700, 10.0)
    assert Simulation([alone], machine, 1, plain(1)).run().seconds == pytest.approx(20.0)
    assert Simulation(both, machine, 2, plain(2)).run().seconds == pytest.approx(60.0)
    assert Simulation([alone], Machine(1000), 1, plain(1)).run().seconds == pytest.approx(60.0)


def test_memory_kills_the_largest_when_neither_ram_nor_swap_holds_them() -> None:
    edges = [edge(0, 100, 10.0), edge(1, 60, 10.0), edge(2, 210, 10.0, 1)]
    course = Simulation(edges, Machine(100, 50), 2, plain(2)).run()
    assert (course.killed, course.does_not_fit) == ([0], [2])


def test_a_killed_edge_runs_again_alone_and_from_its_beginning() -> None:
    course = admitted([edge(0, 60, 10.0), edge(1, 70, 10.0)], Machine(100, 0), 2, knows=False)
    assert (course.killed, course.does_not_fit) == ([1], [])
    assert course.ends == {0: 10.0, 1: 20.0}


def test_pools_limit_each_kind_of_its_own() -> None:
    edges = [edge(0, 1, 10.0), edge(1, 1, 10.0), edge(2, 1, 10.0, kind="link"), edge(3, 1, 10.0, kind="link")]
    course = Simulation(edges, Machine(100), 4, pools(4, {"link": 1})).run()
    assert course.starts == {0: 0.0, 1: 0.0, 2: 0.0, 3: 10.0}


def test_the_build_tool_offers_no_more_than_it_was_told() -> None:
    edges = [edge(0, 60, 10.0), edge(1, 60, 1.0), edge(2, 40, 10.0)]
    assert admitted(edges, Machine(100), 2, offered=3).starts[2] == 0.0
    assert admitted(edges, Machine(100), 2, offered=2).starts[2] == 10.0


def test_a_circle_is_an_error() -> None:
    circle = [edge(0, 1, 1.0, 1), edge(1, 1, 1.0, 0)]
    with pytest.raises(ValueError, match=r"^the graph has a circle$"):
        Simulation(circle, Machine(100), 1, plain(1)).run()
    with pytest.raises(ValueError, match=r"^the graph has a circle$"):
        in_order(circle)


def test_a_chooser_that_starts_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^nothing runs, and no edge that waits may start$"):
        Simulation([edge(0, 1, 1.0)], Machine(100), 1, plain(0)).run()


def test_the_bound_is_the_longest_way_the_work_or_the_memory() -> None:
    assert lower_bound([edge(0, 1, 10.0), edge(1, 1, 5.0, 0)], 100, 4) == 15.0
    assert lower_bound([edge(number, 1, 10.0) for number in range(8)], 100, 4) == 20.0
    assert lower_bound([edge(number, 50, 10.0) for number in range(8)], 100, 4) == 40.0


@given(graphs, st.integers(1, 5))
def test_where_memory_is_plentiful_admission_keeps_no_core_idle(edges, cores) -> None:
    course = admitted(edges, Machine(1 << 40), cores)
    # Graham's bound for list scheduling.
    assert course.seconds <= (2 - 1 / cores) * lower_bound(edges, 1 << 40, cores) + 1e-6
