"""What is said about a build that was lost with its worker, and the verdict that it gets."""

from made_up import MB, report, samples

from arm_ci.agent.report import Edge, Kernel, OomRecord, Outcome, Report
from arm_ci.diagnosis.judging.lost_worker import lost_build, what_was_found, worker_lost
from arm_ci.diagnosis.verdict import Advice, Evidence, Verdict

UNKNOWN = Verdict("unknown", "possible", "unknown: nothing says why")


def edge(number: int, output: str, anonymous: int | None, end: float | None = None, **more: object) -> Edge:
    status = None if end is None else 0
    made = Edge(number, ("g++",), "/b", "g++", output, "compile", 0.0, end, status, peak_anonymous_swap_bytes=anonymous)
    return made._replace(**more)


def test_a_verdict_is_said_as_it_is():
    found = Verdict("oom-kill", "certain", "oom-kill: ld was killed while linking bin/app")
    assert what_was_found(found, Report()) == "oom-kill: ld was killed while linking bin/app"


def test_beside_a_victim_that_was_no_edge_it_is_said_what_ran():
    worker = Verdict("oom-kill", "likely", "oom-kill: python was killed", program="python")
    there = Report(edges=(edge(0, "a.o", 30 * MB),))
    assert what_was_found(worker, there) == (
        "oom-kill: python was killed; 1 edge ran, the largest a.o, which held 30 MB"
    )
    compiler = Verdict("oom-kill", "certain", "oom-kill: cc1plus was killed", program="cc1plus", output="a.o")
    assert what_was_found(compiler, there) == "oom-kill: cc1plus was killed"


def test_without_one_it_is_said_what_ran():
    there = Report(edges=(edge(0, "a.o", 50 * MB, 1.0), edge(1, "b.o", 20 * MB), edge(2, "c.o", 30 * MB)))
    assert what_was_found(UNKNOWN, there) == (
        "nothing says that memory ran out; 2 edges ran, the largest c.o, which held 30 MB"
    )


def test_what_was_not_seen_has_no_size():
    assert what_was_found(UNKNOWN, Report(edges=(edge(0, "a.o", None),))) == (
        "nothing says that memory ran out; 1 edge ran, the largest a.o"
    )


def test_what_the_next_build_ended_ran_until_then():
    left_over = edge(0, "a.o", 30 * MB)._replace(end_seconds=9.0, signal=9)
    assert what_was_found(UNKNOWN, Report(edges=(left_over,))) == (
        "nothing says that memory ran out; 1 edge ran, the largest a.o, which held 30 MB"
    )


def test_between_edges_nothing_ran():
    assert what_was_found(UNKNOWN, Report()) == "nothing says that memory ran out; no edge ran"


# -- verdicts -----------------------------------------------------------------------------------------------------


def test_a_lost_build_without_a_sign_of_memory_is_lost_for_certain_and_names_what_ran():
    there = Report(edges=(edge(0, "b.o", 10 * MB), edge(1, "c.o", 30 * MB)))
    verdict = lost_build(there)
    assert (verdict.kind, verdict.confidence, verdict.output, verdict.edge) == ("worker-lost", "certain", "c.o", 1)
    assert verdict.sentence == (
        "worker-lost: nothing says that memory ran out; 2 edges ran, the largest c.o, which held 30 MB"
    )
    assert verdict.evidence[-1] == Evidence(
        "report", None, "2 edges ran, the largest c.o, which held 30 MB", "nobody saw how it ended"
    )
    assert verdict.advice == ()


def test_a_lost_build_whose_compiler_the_kernel_killed_has_that_kills_evidence_and_advice():
    record = OomRecord("cc1plus", 42, "system", anonymous_bytes=690 * MB, text="Killed process 42 (cc1plus)", line=3)
    killed = edge(0, "c.o", 690 * MB, heaviest="cc1plus", pids=(41, 42))
    there = report((killed,), outcome=Outcome(complete=False), kernel=Kernel(1, 1, 0, (record,)), samples=samples(60))
    verdict = lost_build(there)
    assert verdict.sentence == (
        "worker-lost: oom-kill: cc1plus was killed while compiling c.o: it held 690 MB, the machine has 925 MB"
    )
    assert (verdict.confidence, verdict.scope, verdict.edge) == ("certain", "system", 0)
    assert verdict.evidence[0].text == "Killed process 42 (cc1plus)"
    assert verdict.advice[0].text == "Compile the largest sources with clang."


def test_a_machine_that_had_run_out_gets_advice_without_a_verdict_of_the_kernel():
    there = report((edge(0, "c.o", 800 * MB),), outcome=Outcome(seconds=60.0), samples=samples(60), kernel=Kernel())
    assert any("of swap" in each.text for each in lost_build(there).advice)


def test_the_masters_verdict_has_every_loss_and_what_was_found_after_it():
    advice = (Advice("Add at least 256 MB of swap.", "It held 690 MB."),)
    losses = {7: "worker `pi-1` in build 3/9: connection closed after 12 min", 9: "worker `pi-1` in source: it went"}
    verdict = worker_lost("worker-lost: it went", losses, {7: "oom-kill: ld was killed"}, advice)
    assert (verdict.kind, verdict.confidence, verdict.advice) == ("worker-lost", "certain", advice)
    gone = "its worker was gone while it ran"
    assert verdict.evidence == (
        Evidence("master", None, f"build 7: {losses[7]}", gone),
        Evidence("report", None, "oom-kill: ld was killed", "what the agent of build 7 had written down"),
        Evidence("master", None, f"build 9: {losses[9]}", gone),
    )
