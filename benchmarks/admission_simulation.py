"""Simulates a measured build on 4 cores and several budgets: admission against plain jobs, static pools and the best.

    python benchmarks/admission_simulation.py MEASUREMENT [--links TSV] [--rounds N]

MEASUREMENT has every edge of a build with its dependencies, CPU seconds and largest resident set. The model is that of
`arm_ci.fit.simulation`, with as much swap as anything wants. Assumed beside it:

- An edge takes its CPU seconds on one core. What was not measured takes 250 MB when it took longer than two seconds (a
  third-party sub-build, whose make runs one compile at a time), 20 MB otherwise (protoc, copying).
- Links need what was measured of them: with ld.bfd the anonymous memory is 99.8 % of the resident set. `--links` names
  the table that has both; without it the resident set counts.
- Learned: needs as they are plus the margin of history, seconds as they are; what comes behind an edge is known of the
  inputs of links and archives alone, as the agent knows it.
- Nothing learned: what the agent expects as the build goes. Objects are taken to be as large as makes the inputs of a
  link its peak / 1.5, which is what that expectation says of ld.bfd: links are guessed well, compiles are not.

`best found` is a search over schedules (schedule_search.py) that keep within the budget, `bound` what none can beat.
`over` is by how much the budget was over-committed while more than one edge ran. `killed without swap` counts edges
where there is none; with admission they run again, alone, but for those that exceed the budget alone.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from schedule_search import Search

from arm_ci.agent.admission.expectation import HISTORY_MARGIN, Expectation
from arm_ci.agent.edges.command_line import EdgeCommand
from arm_ci.agent.peaks import Learned, Peaks, fingerprint
from arm_ci.fit.choosers import Admission, Believed, Guess, plain, pools
from arm_ci.fit.graph import Edge, lower_bound, rest_seconds
from arm_ci.fit.simulation import Chooser, Machine, Simulation
from arm_ci.plan.choices import offered

CORES = 4
BUDGETS_MB = (825, 1536, 3072, 8192)
MB = 1 << 20
SUB_BUILD_BYTES, SMALL_BYTES = 250 * MB, 20 * MB
SUB_BUILD_SECONDS = 2.0
BFD_PER_INPUT = 1.5
OFFERED = {"J = cores": 4, "+2": 6, "+4 = 2x": 8, "3x": 12, "4x": 16, "all": 10**6}
USUAL = offered(CORES)
"""What a build offers."""
MOST_ABOVE_BEST = 1.10
MOST_ABOVE_PLAIN = 1.01
COMPILE = ("g++", "-g", "-std=c++11")
LINK = ("g++", "-g", "-std=c++11")


def read_edges(measurement: Path, links: Path | None) -> list[Edge]:
    """The graph; see above for what is assumed."""
    known = _anonymous_bytes(links) if links else {}
    found = []
    for each in json.loads(measurement.read_text())["edges"]:
        name, seconds = each["outputs"][0], max(each["cpu_seconds"], 0.001)
        need = known.get(name, each["peak_rss_bytes"])
        if need is None:
            need = SUB_BUILD_BYTES if seconds > SUB_BUILD_SECONDS else SMALL_BYTES
        kind = "archive" if name.endswith(".a") and each["kind"] == "link" else each["kind"]
        found.append(Edge(each["id"], need, seconds, tuple(each["needs"]), name, kind))
    return found


def _anonymous_bytes(links: Path) -> Mapping[str, int]:
    """Of the one link that was measured on its own, with gcc's objects and ld.bfd."""
    with links.open() as file:
        rows = {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}
    return {"src/mesos-execute": int(rows["execute-bfd-free"]["peak_anonymous_mb"]) * MB}


@dataclass(frozen=True)
class Row:
    """One way to build."""

    name: str
    seconds: float
    over_bytes: int = 0
    killed: int = 0
    """Edges that memory kills where there is no swap."""


Making = Callable[[bool], "tuple[Chooser, Callable[[Edge], None] | None]"]
"""For a machine with swap or without: a new chooser, for one build, and what is to be told of edges that ended."""


def simulated(name: str, edges: Sequence[Edge], budget: int, offered: int, making: Making, again: bool = False) -> Row:
    """A way to build, with as much swap as it wants and without; `again`: what memory killed runs again."""
    chooser, ended = making(True)
    paged = Simulation(edges, Machine(budget), offered, chooser).run(ended=ended)
    chooser, ended = making(False)
    tight = Simulation(edges, Machine(budget, 0), offered, chooser).run(runs_again=again, ended=ended)
    over = max(0, paged.most_together_bytes - budget)
    return Row(name, paged.seconds, over, len(tight.killed) + len(tight.does_not_fit))


# -- what admission believes --------------------------------------------------------------------------------------


def learned(edges: Sequence[Edge]) -> Believed:
    """As after a build: what comes behind an edge is known of links and archives."""
    made_of_objects = [edge if edge.kind in ("link", "archive") else replace(edge, needs=()) for edge in edges]
    rest = rest_seconds(made_of_objects)
    return lambda edge: Guess(int(edge.need_bytes * HISTORY_MARGIN), edge.seconds, rest[edge.number])


RANKS: Mapping[str, Callable[[Edge, Guess], float | None]] = {
    "what is behind it, of the whole graph": lambda edge, guess: None,
    "what is behind it, as the agent knows it": lambda edge, guess: guess.rest_seconds,
    "longest first": lambda edge, guess: edge.seconds,
    "largest need first": lambda edge, guess: float(edge.need_bytes),
    "first asked first": lambda edge, guess: float(-edge.number),
}


def ranked(edges: Sequence[Edge], rank: Callable[[Edge, Guess], float | None]) -> Believed:
    """Learned, with another rank: what is sorted by is what is said to be behind an edge."""
    whole, believed = rest_seconds(edges), learned(edges)

    def of(edge: Edge) -> Guess:
        guess = believed(edge)
        value = rank(edge, guess)
        return replace(guess, rest_seconds=whole[edge.number] if value is None else value)

    return of


class FirstBuild:
    """Nothing learned: the agent's own expectation, which sees what has ended."""

    def __init__(self, edges: Sequence[Edge], has_swap: bool) -> None:
        self._expectation = Expectation(Peaks(), "/build")
        self._expectation.has_swap = has_swap
        self._others = {edge.number for edge in edges if edge.kind == "other"}

    def of(self, edge: Edge) -> Guess:
        """What is expected of an edge; of other commands the agent knows nothing, and lets them run."""
        if edge.number in self._others:
            return Guess(0)
        command = EdgeCommand(self._argv(edge), "/build", edge.kind, edge.name, inputs_bytes=self._inputs_bytes(edge))
        expected = self._expectation.of(command)
        return Guess(expected.need_bytes, expected.seconds, expected.rest_seconds)

    def saw(self, edge: Edge) -> None:
        """An edge has ended."""
        if edge.number not in self._others:
            its_fingerprint = fingerprint(self._argv(edge), edge.kind)
            inputs = self._inputs_bytes(edge)
            self._expectation.learn(
                Learned(edge.name, its_fingerprint, edge.kind, edge.need_bytes, edge.seconds, inputs_bytes=inputs)
            )

    @staticmethod
    def _argv(edge: Edge) -> tuple[str, ...]:
        if edge.kind == "archive":
            return ("ar", "qc", edge.name)
        return (*COMPILE, "-c", edge.name.removesuffix(".o")) if edge.kind == "compile" else LINK

    @staticmethod
    def _inputs_bytes(edge: Edge) -> int | None:
        return None if edge.kind == "compile" else int(edge.need_bytes / BFD_PER_INPUT)


# -- the table ----------------------------------------------------------------------------------------------------


def rows_of(edges: Sequence[Edge], budget: int, rounds: int) -> list[Row]:
    """Every way for one budget."""

    def learned_admission(_has_swap: bool) -> tuple[Chooser, None]:
        return Admission(CORES, budget, learned(edges)), None

    def first_build(has_swap: bool) -> tuple[Chooser, Callable[[Edge], None]]:
        first = FirstBuild(edges, has_swap)
        return Admission(CORES, budget, first.of), first.saw

    def fixed(chooser: Chooser) -> Making:
        return lambda _has_swap: (chooser, None)

    static = [
        simulated(
            f"best static pools (-j{CORES}, compile {compiles}, link {links})",
            edges,
            budget,
            CORES,
            fixed(pools(CORES, {"compile": compiles, "link": links, "archive": links})),
        )
        for compiles, links in itertools.product(range(1, CORES + 1), repeat=2)
    ]
    return [
        simulated("admission, learned", edges, budget, USUAL, learned_admission, again=True),
        simulated("admission, nothing learned", edges, budget, USUAL, first_build, again=True),
        *(simulated(f"plain -j{jobs}", edges, budget, jobs, fixed(plain(jobs))) for jobs in (1, 2, 4)),
        min(static, key=lambda row: row.seconds),
        Row("best found", Search(edges, budget, CORES).best(rounds)),
        Row("bound", lower_bound(edges, budget, CORES)),
    ]


def print_ways(edges: Sequence[Edge], budgets: Sequence[int], rounds: int) -> dict[int, float]:
    """Prints the table of ways; the best that was found for each budget."""
    best_of = {}
    for budget in budgets:
        rows = rows_of(edges, budget, rounds)
        seconds = {row.name: row.seconds for row in rows}
        best = best_of[budget] = seconds["best found"]
        alone = sum(edge.need_bytes > budget for edge in edges)
        print(f"\n{budget // MB:,} MB, {CORES} cores; {alone} edges exceed it alone")
        print(f"  {'':<48}  seconds  of the best  over MB  killed without swap")
        for row in rows:
            print(
                f"  {row.name:<48}  {row.seconds:>7,.0f}  {row.seconds / best:>11.3f}  {row.over_bytes // MB:>7,}"
                f"  {row.killed:>19}"
            )
    return best_of


def admitted(edges: Sequence[Edge], believed: Believed, jobs: int) -> Callable[[int], float]:
    """Seconds of a build with admission, by budget."""
    return lambda budget: Simulation(edges, Machine(budget), jobs, Admission(CORES, budget, believed)).run().seconds


def offers(edges: Sequence[Edge]) -> dict[str, Callable[[int], float]]:
    """Seconds by budget for each number of edges that are offered."""
    return {name: admitted(edges, learned(edges), jobs) for name, jobs in OFFERED.items()}


def shortcomings(edges: Sequence[Edge], jobs: int, best_of: Mapping[int, float]) -> list[str]:
    """What of that which is asked of admission it does not keep when so many edges are offered."""
    found = []
    for budget, best in best_of.items():
        chooser = Admission(CORES, budget, learned(edges))
        course = Simulation(edges, Machine(budget), jobs, chooser).run()
        if course.most_together_bytes > budget:
            found.append(f"{budget // MB:,} MB exceeded")
        if course.seconds > MOST_ABOVE_BEST * best:
            found.append(f"{course.seconds / best:.3f} of the best with {budget // MB:,} MB")
    plain_seconds = Simulation(edges, Machine(max(best_of)), CORES, plain(CORES)).run().seconds
    if course.seconds > MOST_ABOVE_PLAIN * plain_seconds:
        found.append(f"{course.seconds / plain_seconds:.3f} of plain -j{CORES} with {max(best_of) // MB:,} MB")
    return found


def ranks(edges: Sequence[Edge]) -> dict[str, Callable[[int], float]]:
    """Seconds by budget for each rank."""
    return {name: admitted(edges, ranked(edges, rank), USUAL) for name, rank in RANKS.items()}


def print_grid(title: str, names: Mapping[str, Callable[[int], float]], budgets: Sequence[int]) -> None:
    """Prints seconds for each name and budget."""
    print(f"\n{title:<46}" + "".join(f"{budget // MB:>8,} MB" for budget in budgets))
    for name, seconds in names.items():
        print(f"  {name:<44}" + "".join(f"{seconds(budget):>11,.0f}" for budget in budgets))


def main() -> int:
    """0: admission keeps what is asked of it; 1: it does not."""
    parser = argparse.ArgumentParser(description="Simulate admission, plain jobs and pools over a measured build.")
    parser.add_argument("measurement", type=Path, metavar="MEASUREMENT")
    parser.add_argument("--links", type=Path, metavar="TSV", help="table of links with their anonymous memory")
    parser.add_argument("--rounds", type=int, default=1500, metavar="N", help="changes tried for the best schedule")
    arguments = parser.parse_args()
    edges = read_edges(arguments.measurement, arguments.links)
    budgets = [megabytes * MB for megabytes in BUDGETS_MB]
    print(f"{len(edges)} edges, {sum(edge.seconds for edge in edges):,.0f} s of work")
    best_of = print_ways(edges, budgets, arguments.rounds)
    print_grid("learned, by how many edges are offered (J)", offers(edges), budgets)
    print_grid(f"learned, by what goes first (J = {USUAL})", ranks(edges), budgets)
    print(f"\nwithin the budget, within 10 % of the best found, with the largest as fast as plain -j{CORES}")
    for name, jobs in OFFERED.items():
        print(f"  {name:<12} {'; '.join(shortcomings(edges, jobs, best_of)) or 'yes'}")
    kept = not shortcomings(edges, USUAL, best_of)
    print(f"a build offers {USUAL}: {'yes' if kept else 'NO'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
