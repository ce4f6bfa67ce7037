"""Learned peaks: what an edge is known by, what a build teaches, and what is said about a text that is none."""

from __future__ import annotations

import json

import pytest

from arm_ci.agent.peaks import Learned, Peaks, PeaksError, fingerprint, learned, need_bytes, rest_seconds
from arm_ci.agent.report import Admission, Edge, Report

MB = 1 << 20


def edge(**more) -> Edge:
    known = {
        "number": 0,
        "argv": ("/usr/bin/g++-12", "-g", "-c", "a.cpp", "-o", "a.o"),
        "directory": "/build/src",
        "program": "g++-12",
        "output": "a.o",
        "kind": "compile",
        "start_seconds": 1.0,
        "end_seconds": 3.0,
        "exit_status": 0,
        "cpu_seconds": 1.5,
        "peak_rss_bytes": 300 * MB,
        "peak_anonymous_swap_bytes": 250 * MB,
        "peak_file_bytes": 20 * MB,
    }
    return Edge(**{**known, **more})


def built(*edges: Edge, **more) -> Report:
    return Report(directory="/build", edges=edges, **more)


def written(**more) -> str:
    """Learned peaks as a file has them, with one edge in which something is wrong."""
    known = {"output": "a.o", "fingerprint": "g++", "kind": "compile", "need_bytes": 1, "seconds": 1}
    return json.dumps({"schema": 2, "toolchain": "", "edges": [{**known, **more}]})


@pytest.mark.parametrize(
    ("words", "known_by"),
    [
        ("g++ -I/x -DX=1 -Wall -std=c++11 -O2 -g -MD -c a.cpp -o a.o", "g++ -std=c++11 -O2 -g"),
        ("g++ -g -O0 -g1 -O2 -c a.cpp", "g++ -O2 -g1"),
        ("g++ -g -gsplit-dwarf -c a.cpp", "g++ -g -gsplit-dwarf"),
        ("/opt/bin/clang++-14 --target=x -fPIC -fdiagnostics-color -c a.cpp", "clang++-14 -fPIC"),
        ("g++ --param ggc-min-expand=10 -c a.cpp", "g++ --param=ggc-min-expand=10"),
    ],
)
def test_a_compile_is_known_by_the_options_that_decide_about_memory(words, known_by):
    assert fingerprint(words.split(), "compile") == known_by


@pytest.mark.parametrize(
    ("words", "known_by"),
    [
        ("g++ -g -fuse-ld=lld -Wl,-S,-rpath,/x a.o -o a", "g++ -fuse-ld=lld -Wl,-S"),
        ("g++ -shared -Wl,-soname,x.so -Wl,--no-keep-memory a.o", "g++ -shared -Wl,--no-keep-memory"),
        ("g++ -B/w/b/support/linkers/ld.mcld a.o", "g++ -Bld.mcld"),
    ],
)
def test_a_link_is_known_by_its_linker_and_the_options_that_decide_about_memory(words, known_by):
    assert fingerprint(words.split(), "link") == known_by


def test_the_need_is_what_was_resident_without_file_pages_or_more_when_more_was_seen():
    assert need_bytes(edge()) == 280 * MB
    assert need_bytes(edge(peak_anonymous_swap_bytes=400 * MB)) == 400 * MB
    assert need_bytes(edge(peak_anonymous_swap_bytes=None, peak_file_bytes=None)) == 300 * MB
    assert need_bytes(edge(peak_rss_bytes=None, peak_anonymous_swap_bytes=None)) is None


def test_an_edge_is_told_relative_to_the_build_tree():
    found = learned(edge(kind="link", inputs=("b.o", "../lib/c.a"), inputs_bytes=7), "/build", Admission())
    assert found == Learned("src/a.o", "g++-12", "link", 280 * MB, 1.5, ("src/b.o", "lib/c.a"), 7)


@pytest.mark.parametrize(
    "more",
    [
        {"exit_status": 1},
        {"exit_status": None, "signal": 9},
        {"exit_status": None, "end_seconds": None},
        {"kind": "other"},
        {"output": ""},
    ],
)
def test_what_failed_by_itself_or_did_not_end_teaches_nothing(more):
    assert learned(edge(**more), "/build", Admission()) is None


def test_what_memory_killed_needs_more_than_it_held():
    found = learned(edge(exit_status=1, run_again="oom-kill"), "/build", Admission())
    assert found is not None
    assert (found.need_bytes, found.does_not_fit_bytes) == (350 * MB, None)


def test_what_did_not_fit_alone_is_known_with_the_budget_that_there_was():
    admission = Admission(cores=2, budget_bytes=300 * MB, swap_bytes=100 * MB, does_not_fit="a.o")
    found = learned(edge(exit_status=1), "/build", admission)
    assert found is not None
    assert (found.need_bytes, found.does_not_fit_bytes) == (350 * MB, 400 * MB)


def test_what_memory_killed_alone_and_was_then_built_differently_is_known_in_both_ways():
    died = edge(exit_status=1, run_again="oom-kill", alone=True)
    argv = ("/usr/bin/g++-12", "-c", "a.cpp", "-o", "a.o", "-g0")
    whole = edge(number=1, argv=argv, attempts=2, alone=True, fallback="less: -g0 instead of -g")
    first, second = Peaks().with_report(built(died, whole, admission=Admission(budget_bytes=900 * MB))).edges
    assert (first.fingerprint, first.does_not_fit_bytes, first.killed, first.fallback) == (
        "g++-12 -g",
        900 * MB,
        True,
        "",
    )
    assert (second.fingerprint, second.does_not_fit_bytes, second.killed) == ("g++-12 -g0", None, False)
    assert second.fallback == "less: -g0 instead of -g"


def test_a_try_that_ended_well_replaces_the_guess_from_the_one_that_memory_killed():
    died = edge(exit_status=1, run_again="oom-kill")
    well = edge(number=1, attempts=2, alone=True, peak_anonymous_swap_bytes=290 * MB)
    (found,) = Peaks().with_report(built(died, well)).edges
    assert (found.need_bytes, found.killed) == (290 * MB, False)
    # Also when the guess is from an earlier build.
    (found,) = Peaks().with_report(built(died)).with_report(built(well)).edges
    assert (found.need_bytes, found.killed) == (290 * MB, False)


def test_a_peak_that_is_not_reached_again_fades_and_a_higher_one_counts_at_once():
    peaks = Peaks("gcc 12").with_report(built(edge()))
    lower = peaks.with_report(built(edge(peak_rss_bytes=100 * MB, peak_anonymous_swap_bytes=80 * MB)))
    assert lower.edges[0].need_bytes == int(280 * MB * 0.9)
    assert lower.with_report(built(edge())).edges[0].need_bytes == 280 * MB
    assert lower.toolchain == "gcc 12"


def test_another_way_is_another_edge():
    peaks = Peaks().with_report(built(edge(), edge(argv=("g++-12", "-g0", "-c", "a.cpp"))))
    assert [each.fingerprint for each in peaks.edges] == ["g++-12 -g", "g++-12 -g0"]


def test_a_text_brings_back_what_was_written():
    peaks = Peaks("gcc 12").with_report(built(edge(), edge(output="b.o")))
    assert Peaks.from_text(peaks.to_text()) == peaks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no learned peaks: an object with a number `schema` was expected"),
        ('{"schema": 3}', "schema 3 is newer than 2, which this arm_ci reads"),
        ('{"schema": 1}', "toolchain: is missing"),
        ('{"schema": 1, "toolchain": "gcc 12"}', "edges: is missing"),
        ('{"schema": 1, "edges": [], "toolchain": 3}', "toolchain: a text was expected"),
        (
            written(output=1),
            "edges[0].output: a text was expected",
        ),
        (
            written(need_bytes=-1),
            "edges[0].need_bytes: a number from 0 was expected",
        ),
    ],
)
def test_a_text_that_holds_none_is_refused_in_a_sentence(text, message):
    with pytest.raises(PeaksError) as raised:
        Peaks.from_text(text)
    assert str(raised.value) == message


def test_peaks_of_version_1_are_read_as_todays():
    """As arm_ci wrote them before `way` was called fingerprint and `relief` fallback."""
    text = """{"schema": 1, "toolchain": "gcc 12.2.0, bfd 2.40", "edges": [
      {"output": "src/a.o", "way": "g++ -O2 -g", "kind": "compile", "need_bytes": 500, "seconds": 1.5, "inputs": [],
       "inputs_bytes": null, "does_not_fit_bytes": null, "relief": "", "killed": false},
      {"output": "app", "way": "g++ -fuse-ld=lld", "kind": "link", "need_bytes": 900, "seconds": 4,
       "inputs": ["src/a.o"], "inputs_bytes": 300, "does_not_fit_bytes": 800,
       "relief": "lld: -fuse-ld=lld", "killed": true}
    ]}"""
    assert Peaks.from_text(text) == Peaks(
        "gcc 12.2.0, bfd 2.40",
        (
            Learned("src/a.o", "g++ -O2 -g", "compile", 500, 1.5),
            Learned("app", "g++ -fuse-ld=lld", "link", 900, 4, ("src/a.o",), 300, 800, "lld: -fuse-ld=lld", True),
        ),
    )


def test_peaks_come_back_as_they_were_written():
    peaks = Peaks("gcc", (Learned("a.o", "g++ -g", "compile", 5, 1.0, fallback="less: -g0 instead of -g"),))
    assert Peaks.from_text(peaks.to_text()) == peaks


def test_what_comes_behind_an_edge_is_the_longest_way_to_the_end():
    def known(output: str, seconds: float, *inputs: str) -> Learned:
        return Learned(output, "", "link", 1, seconds, inputs)

    edges = [known("a.o", 5), known("b.o", 1), known("lib.a", 2, "a.o", "b.o"), known("x", 10, "lib.a"), known("y", 3)]
    found = {output: seconds for (output, _), seconds in rest_seconds(edges).items()}
    assert found == {"a.o": 17, "b.o": 13, "lib.a": 12, "x": 10, "y": 3}


def test_a_circle_and_a_long_chain_of_inputs_end_too():
    circle = [Learned("a", "", "link", 1, 1, ("b",)), Learned("b", "", "link", 1, 1, ("a",))]
    assert len(rest_seconds(circle)) == 2
    chain = [Learned(str(n), "", "link", 1, 1.0, (str(n - 1),)) for n in range(5000)]
    assert rest_seconds(chain)["0", ""] == 5000
