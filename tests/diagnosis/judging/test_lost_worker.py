"""What is said about a build that was lost with its worker."""

from arm_ci.agent.report import Edge, Report
from arm_ci.diagnosis.judging.lost_worker import lost_sentence
from arm_ci.diagnosis.verdict import Verdict

UNKNOWN = Verdict("unknown", "possible", "unknown: nothing says why")
MIB = 1 << 20


def edge(number: int, output: str, anonymous: int | None, end: float | None = None) -> Edge:
    status = None if end is None else 0
    return Edge(number, ("g++",), "/b", "g++", output, "compile", 0.0, end, status, peak_anonymous_swap_bytes=anonymous)


def test_a_verdict_is_said_as_it_is():
    found = Verdict("oom-kill", "certain", "oom-kill: ld was killed while linking bin/app")
    assert lost_sentence(found, Report()) == "oom-kill: ld was killed while linking bin/app"


def test_beside_a_victim_that_was_no_edge_it_is_said_what_ran():
    worker = Verdict("oom-kill", "likely", "oom-kill: python was killed", program="python")
    report = Report(edges=(edge(0, "a.o", 30 * MIB),))
    assert lost_sentence(worker, report) == "oom-kill: python was killed; 1 edge ran, the largest a.o, which held 30 MB"
    compiler = Verdict("oom-kill", "certain", "oom-kill: cc1plus was killed", program="cc1plus", output="a.o")
    assert lost_sentence(compiler, report) == "oom-kill: cc1plus was killed"


def test_without_one_it_is_said_what_ran():
    report = Report(edges=(edge(0, "a.o", 50 * MIB, 1.0), edge(1, "b.o", 20 * MIB), edge(2, "c.o", 30 * MIB)))
    assert lost_sentence(UNKNOWN, report) == (
        "nothing says that memory ran out; 2 edges ran, the largest c.o, which held 30 MB"
    )


def test_what_was_not_seen_has_no_size():
    assert lost_sentence(UNKNOWN, Report(edges=(edge(0, "a.o", None),))) == (
        "nothing says that memory ran out; 1 edge ran, the largest a.o"
    )


def test_what_the_next_build_ended_ran_until_then():
    left_over = edge(0, "a.o", 30 * MIB)._replace(end_seconds=9.0, signal=9)
    assert lost_sentence(UNKNOWN, Report(edges=(left_over,))) == (
        "nothing says that memory ran out; 1 edge ran, the largest a.o, which held 30 MB"
    )


def test_between_edges_nothing_ran():
    assert lost_sentence(UNKNOWN, Report()) == "nothing says that memory ran out; no edge ran"
