"""Admission against other ways to choose what runs at once, simulated over the edges of a real build.

    python benchmarks/admission_simulation.py MEASUREMENTS.json [--cores 4] [--search-seconds 60] [BUDGET...]

MEASUREMENTS.json: `edges`, each with `id`, `outputs`, `kind`, `needs`, `cpu_seconds`, `peak_rss_bytes`. The model is
that of arm_ci/fit/simulation.py: an edge holds its peak from start to end, its processor seconds are its time on one
core, and what is held beyond the budget slows all that runs. Assumed where the file says nothing: a sub-build of
third-party code holds 250 MB (it runs its compilers one after the other), any other command 20 MB.

`bound`: no schedule is shorter. `best found`: list scheduling without any limit on what is offered, its priorities
changed at random for --search-seconds and kept when that shortens the build. `pools`: the best of all depths of a pool
for compiles and one for links. `offered N`: the build tool offers N edges at once to admission, which knows every peak;
`nothing learned`: it knows none and learns while it builds (compiles; of links it is told the peak).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from arm_ci.agent.commands import Asked
from arm_ci.agent.expectation import Expectation
from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.config.scalars import parse_bytes
from arm_ci.fit.simulation import (
    Chooser,
    Course,
    Edge,
    Guess,
    admitted,
    lower_bound,
    plain,
    pools,
    rest_seconds,
    simulate,
)

MB = 1 << 20
BUDGETS = ("825M", "1536M", "3G", "8G")
OFFERED = (4, 6, 8, 12, 20)
OFFERED_UNLEARNED = 8
SUB_BUILD_SECONDS = 2.0
SUB_BUILD_BYTES = 250 * MB
COMMAND_BYTES = 20 * MB
LEAST_SECONDS = 0.001
MOST_ABOVE_BEST = 1.10
MOST_ABOVE_PLAIN = 1.01


class Measured:
    """The edges of a build, with their kinds."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, ValueError and KeyError."""
        found = json.loads(path.read_text(encoding="utf-8"))["edges"]
        self.kinds = {each["id"]: each["kind"] for each in found}
        self.edges = [
            Edge(
                each["id"],
                self._need(each["peak_rss_bytes"], each["cpu_seconds"]),
                max(each["cpu_seconds"], LEAST_SECONDS),
                tuple(each["needs"]),
                each["outputs"][0],
            )
            for each in found
        ]
        self.rest = rest_seconds(self.edges)

    @staticmethod
    def _need(peak: int | None, seconds: float) -> int:
        if peak is not None:
            return int(peak)
        return SUB_BUILD_BYTES if seconds > SUB_BUILD_SECONDS else COMMAND_BYTES

    def pool_of(self, edge: Edge) -> str:
        return str(self.kinds[edge.number])

    def learned(self, budget_bytes: int, cores: int) -> Chooser:
        """Admission that knows every edge."""
        return admitted(budget_bytes, cores, lambda edge: Guess(edge.need_bytes, edge.seconds, self.rest[edge.number]))

    def unlearned(self, budget_bytes: int, cores: int) -> Chooser:
        """Admission that has only what it has seen of compiles in this build."""
        expectation = Expectation(Peaks(), "/")

        def guess(edge: Edge) -> Guess:
            if self.kinds[edge.number] != "compile":
                return Guess(edge.need_bytes)
            expected = expectation.of(Asked(("g++", "-g", "-c", "source.cpp"), "/", "compile", edge.name))
            return Guess(expected.need_bytes, expected.seconds)

        def ended(edge: Edge) -> None:
            if self.kinds[edge.number] == "compile":
                expectation.saw(Learned(edge.name, "g++ -g", "compile", edge.need_bytes, edge.seconds))

        return admitted(budget_bytes, cores, guess, ended)

    def best_pools(self, budget_bytes: int, cores: int) -> tuple[float, str]:
        """Seconds and depths of the best static pools."""
        tried = []
        for compiles in range(1, cores + 1):
            for links in range(1, cores + 1):
                chooser = pools(cores, {"compile": compiles, "link": links}, self.pool_of)
                seconds = simulate(self.edges, budget_bytes, len(self.edges), chooser).seconds
                tried.append((seconds, f"{compiles}/{links}"))
        return min(tried)


def by_priority(budget_bytes: int, cores: int, priority: dict[int, float]) -> Chooser:
    """List scheduling: the first that fits, by these priorities, the least first."""

    def next_one(waiting: Sequence[Edge], running: Sequence[Edge], _now: float) -> int | None:
        if len(running) >= cores:
            return None
        free = budget_bytes - sum(edge.need_bytes for edge in running)
        fitting = [edge for edge in waiting if edge.need_bytes <= free or not running]
        return min(fitting, key=lambda edge: priority[edge.number]).number if fitting else None

    return next_one


def best_found(measured: Measured, budget_bytes: int, cores: int, seconds: float) -> tuple[float, int]:
    """The shortest schedule that a search of so many seconds finds, and how many it tried; the seed is fixed."""
    chance = random.Random(1)
    edges, rest = measured.edges, measured.rest
    rules = (
        lambda edge: -rest[edge.number],
        lambda edge: -float(edge.need_bytes),
        lambda edge: -edge.seconds,
        lambda edge: -edge.need_bytes * edge.seconds,
        lambda edge: -rest[edge.number] - (1e5 if edge.need_bytes > budget_bytes / 2 else 0),
    )

    def length(priority: dict[int, float]) -> float:
        return simulate(edges, budget_bytes, len(edges), by_priority(budget_bytes, cores, priority)).seconds

    tried = [
        (length(priority), priority) for priority in ({edge.number: rule(edge) for edge in edges} for rule in rules)
    ]
    shortest, priority = min(tried, key=lambda each: each[0])
    spread = max(priority.values()) - min(priority.values())
    count = len(tried)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        changed = dict(priority)
        for _ in range(chance.choice((1, 2, 5, 20))):
            changed[chance.choice(edges).number] += chance.gauss(0, spread * chance.choice((0.02, 0.1, 0.5)))
        found = length(changed)
        count += 1
        if found <= shortest:
            shortest, priority = found, changed
    return shortest, count


def row(name: str, course: Course, best: float) -> str:
    """A line of the table."""
    together = course.most_together_bytes / MB
    return f"  {name:<28}{course.seconds:>9.0f} s{course.seconds / best:>8.2f} x{together:>10.0f} MB"


def main() -> int:
    """Prints the tables; 0 when admission is as good as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("measurements", type=Path)
    parser.add_argument("budgets", nargs="*", default=BUDGETS, metavar="BUDGET")
    parser.add_argument("--cores", type=int, default=4)
    parser.add_argument("--search-seconds", type=float, default=60.0)
    asked = parser.parse_args()
    measured = Measured(asked.measurements)
    cores = asked.cores
    good = True
    print(f"{len(measured.edges)} edges, {sum(edge.seconds for edge in measured.edges):.0f} s of work, {cores} cores")
    for text in asked.budgets:
        budget = parse_bytes(text)
        best, tried = best_found(measured, budget, cores, asked.search_seconds)
        above = sum(edge.need_bytes > budget for edge in measured.edges)
        print(f"\nbudget {text}: {above} edges exceed it alone")
        print(f"  {'':<28}{'seconds':>11}{'of best':>10}{'most together':>13}")
        bound = lower_bound(measured.edges, budget, cores)
        print(f"  {'bound':<28}{bound:>9.0f} s{bound / best:>8.2f} x")
        print(f"  {f'best found of {tried}':<28}{best:>9.0f} s{1:>8.2f} x")
        plains = {jobs: simulate(measured.edges, budget, jobs, plain(jobs)) for jobs in (1, 2, 4)}
        for jobs, course in plains.items():
            print(row(f"plain -j{jobs}", course, best))
        seconds, depths = measured.best_pools(budget, cores)
        print(f"  {f'pools {depths}':<28}{seconds:>9.0f} s{seconds / best:>8.2f} x")
        for offered in (*OFFERED, len(measured.edges)):
            course = simulate(measured.edges, budget, offered, measured.learned(budget, cores))
            print(row(f"admission, offered {offered}", course, best))
            if offered == OFFERED_UNLEARNED:
                good &= course.seconds <= best * MOST_ABOVE_BEST and course.most_together_bytes <= budget
                if not above and plains[4].most_bytes <= budget:
                    good &= course.seconds <= plains[4].seconds * MOST_ABOVE_PLAIN
        unlearned = simulate(measured.edges, budget, OFFERED_UNLEARNED, measured.unlearned(budget, cores))
        print(row(f"nothing learned, offered {OFFERED_UNLEARNED}", unlearned, best), flush=True)
    words = "is" if good else "is not"
    print(f"\nadmission with {OFFERED_UNLEARNED} offered {words} within 10 % of the best, and within the budget")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
