"""A whole build that was measured (Apache Mesos 1.1.0), simulated on a board with 925 MB and four cores."""

import json
from pathlib import Path

import pytest

from arm_ci.fit.choosers import Admission, Guess, plain
from arm_ci.fit.graph import Edge, rest_seconds
from arm_ci.fit.simulation import Machine, Simulation

MEASUREMENTS = Path(__file__).resolve().parents[1] / "data" / "measurements"
MB = 1 << 20
BUDGET = 925 * MB
CORES = 4


@pytest.fixture(scope="module", params=["gcc12", "clang14"])
def edges(request):
    rows = json.loads((MEASUREMENTS / f"mesos-1.1.0-{request.param}-debug.json").read_text())["edges"]
    return [
        Edge(
            row["id"],
            row["peak_rss_bytes"] or 20 * MB,
            max(row["cpu_seconds"], 0.001),
            tuple(row["needs"]),
            row["outputs"][0],
            row["kind"],
        )
        for row in rows
    ]


def admission(edges):
    rest = rest_seconds(edges)
    return Admission(CORES, BUDGET, lambda edge: Guess(edge.need_bytes, edge.seconds, rest[edge.number]))


def test_with_swap_admission_is_faster_than_any_number_of_jobs_and_pages_for_single_edges_only(edges):
    course = Simulation(edges, Machine(BUDGET), 2 * CORES, admission(edges)).run()
    assert course.most_together_bytes <= BUDGET
    for jobs in range(1, CORES + 1):
        assert course.seconds < 0.95 * Simulation(edges, Machine(BUDGET), jobs, plain(jobs)).run().seconds


def test_without_swap_only_edges_that_do_not_fit_alone_fail_with_admission(edges):
    course = Simulation(edges, Machine(BUDGET, 0), 2 * CORES, admission(edges)).run(runs_again=True)
    too_large = {each.number for each in edges if each.need_bytes > BUDGET}
    assert set(course.does_not_fit) <= too_large
    assert not set(course.killed) - too_large
