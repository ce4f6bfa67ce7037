"""What the agent says in a build's output is read again as it was meant."""

import pytest

from arm_ci.agent import output_lines
from arm_ci.agent.output_lines import PREFIX, edge_that_runs_again, waiting_edges
from arm_ci.agent.report import FILE_PAGES, OOM_KILL

MB = 1 << 20


@pytest.mark.parametrize(
    ("reason", "has_fallback", "line"),
    [
        (OOM_KILL, False, "a: b.o: memory killed it when it held 300 MB; it runs again alone"),
        (
            FILE_PAGES,
            False,
            "a: b.o: it was ended to make room for file pages when it held 300 MB; it runs again alone",
        ),
        (
            OOM_KILL,
            True,
            "a: b.o: memory killed it when it held 300 MB though it ran alone; it runs again, built differently",
        ),
    ],
)
def test_an_edge_that_runs_again_is_found_by_its_line(reason, has_fallback, line):
    assert output_lines.runs_again("a: b.o", reason, 300 * MB, has_fallback) == line
    assert edge_that_runs_again(PREFIX + line) == "a: b.o"


@pytest.mark.parametrize(
    "line",
    [
        PREFIX + output_lines.build_ends("a.o", OOM_KILL),
        PREFIX + output_lines.suspended("a.o"),
        "echo arm_ci: a.o: memory killed it when it held 1 MB; it runs again alone",
        "a.o: memory killed it when it held 1 MB; it runs again alone",
    ],
)
def test_no_other_line_says_that_an_edge_runs_again(line):
    assert edge_that_runs_again(line) == ""


def test_how_many_edges_wait_is_read_from_the_line_that_says_it():
    line = output_lines.edges_run_and_wait(2, 4, 512 * MB, 800 * MB, 6)
    assert line == "2 of 4 edges run and are expected to need 512 of 800 MB; 6 wait"
    assert waiting_edges(PREFIX + line) == 6
    assert waiting_edges(line) is None
    assert waiting_edges(PREFIX + output_lines.suspended("a.o")) is None


def test_the_other_lines_word_for_word():
    assert output_lines.suspended("a.o") == "a.o: suspended for a while, the machine pages too much"
    assert output_lines.built_with("a.o", "less: -g0 instead of -g") == "a.o is built with less: -g0 instead of -g"
    assert output_lines.fallback_left_out("lld", "no lld") == "fallback `lld` is left out: no lld"
    assert output_lines.build_ends("a.o", OOM_KILL) == (
        "a.o: memory killed it though it ran alone; the build ends here"
    )
    assert output_lines.build_ends("a.o", FILE_PAGES) == (
        "a.o: it was ended, for it stood still for want of memory though it ran alone; the build ends here"
    )
