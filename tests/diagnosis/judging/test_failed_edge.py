"""The failed edge is found once; the verdict carries its number in the report."""

from dataclasses import replace

from judged import judged
from made_up import MB, edge, link, report

from arm_ci.agent.edges.command_line import REMOTE
from arm_ci.agent.report import OOM_KILL, Kernel, OomRecord

KILLED = "g++: fatal error: Killed signal terminated program cc1plus\nmake: *** [Makefile:5: x.o] Error 1\n"
FAILED = edge(2, "x.o", 0.0, 30.0, 700 * MB, exit_status=1)


def test_the_number_is_the_place_among_all_edges_of_the_report():
    first = FAILED._replace(number=1, run_again=OOM_KILL, exit_status=1)
    refused = FAILED._replace(number=0, program=REMOTE)
    there = report((refused, first, edge(3, "y.o", 0.0, 9.0, MB), FAILED))
    verdict = judged(KILLED, there)
    assert (verdict.output, verdict.edge) == ("x.o", 3)
    assert verdict.edge_of(there) is FAILED
    assert verdict.to_json()["edge"] == 3


def test_edges_that_look_the_same_are_told_apart():
    twin = FAILED._replace(directory="/build/sub")
    assert judged(KILLED, report((FAILED._replace(exit_status=0), twin))).edge == 1


def test_an_edge_that_only_the_kernel_names_is_carried_too():
    record = OomRecord("cc1plus", 42, "system", text="Killed process 42")
    there = report((edge(1, "y.o", 0.0, 9.0, MB), FAILED._replace(pids=(41, 42))), kernel=Kernel(1, 1, 0, (record,)))
    assert judged(None, there).edge == 1


def test_of_a_program_that_the_log_names_alone_the_largest_is_meant():
    named = "Out of memory: Killed process 7 (cc1plus) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n"
    running = [FAILED._replace(number=number, end_seconds=None, exit_status=None, peak_anonymous_swap_bytes=number * MB,
                               peak_rss_bytes=number * MB) for number in (3, 9, 5)]  # fmt: skip
    assert judged(named, report((*running, link(MB, exit_status=0)))).edge == 1


def test_what_the_report_does_not_have_has_no_number():
    assert judged(KILLED).edge is None
    assert judged(KILLED).edge_of(None) is None
    assert judged(KILLED, report(())).edge is None
    assert replace(judged(KILLED, report((FAILED,))), edge=None).edge_of(report((FAILED,))) is None
