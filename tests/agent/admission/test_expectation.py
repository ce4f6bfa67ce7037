"""What an edge is expected to need: its history before its kin, its kin before its inputs, and at last a default."""

from __future__ import annotations

import pytest

from arm_ci.agent.admission.expectation import Expectation
from arm_ci.agent.edges.command_line import EdgeCommand
from arm_ci.agent.peaks import Learned, Peaks

MB = 1 << 20


def compile_of(output: str, program: str = "g++", *more: str) -> EdgeCommand:
    argv = (program, "-g", *more, "-c", output.replace(".o", ".cpp" if "+" in program else ".c"), "-o", output)
    return EdgeCommand(argv, "/build", "compile", output)


def link_of(output: str, size_bytes: int, *more: str) -> EdgeCommand:
    return EdgeCommand(("g++", *more, "a.o", "-o", output), "/build", "link", output, ("a.o",), size_bytes)


def known(output: str, need: int, seconds: float = 4.0, **more) -> Learned:
    return Learned(
        output, **{"fingerprint": "g++ -g", "kind": "compile", "need_bytes": need, "seconds": seconds, **more}
    )


def expectation(*edges: Learned) -> Expectation:
    return Expectation(Peaks("", edges), "/build")


def test_an_edge_with_a_history_needs_what_it_did_and_a_little_more():
    found = expectation(known("src/a.o", 400 * MB), known("src/b.o", 100 * MB)).of(compile_of("src/a.o"))
    assert (found.need_bytes, found.by, found.seconds) == (int(400 * MB * 1.02), "history", 4.0)


def test_a_compile_on_another_machine_needs_the_preprocessor_here():
    sent = compile_of("src/a.o", "distcc", "g++")
    assert expectation(known("src/b.o", 400 * MB)).of(sent).need_bytes == 128 * MB
    assert expectation(known("src/a.o", 60 * MB, fingerprint="distcc -g")).of(sent).by == "history"


def test_an_edge_of_a_sub_build_is_found_by_its_place_in_the_tree():
    command = compile_of("a.o")._replace(directory="/build/3rdparty/x")
    assert expectation(known("3rdparty/x/a.o", 400 * MB)).of(command).by == "history"


@pytest.mark.parametrize("command", [compile_of("src/a.o", "clang++"), compile_of("src/a.o", "g++", "-g0")])
def test_another_compiler_or_debug_setting_has_no_history(command):
    assert expectation(known("src/a.o", 400 * MB)).of(command).by == "default"


def test_similar_edges_of_the_same_directory_come_first():
    edges = [known(f"src/{n}.o", 200 * MB) for n in range(10)] + [known(f"big/{n}.o", 900 * MB) for n in range(10)]
    found = expectation(*edges).of(compile_of("src/new.o"))
    assert (found.by, found.need_bytes // MB) == ("similar", 226)
    assert expectation(*edges).of(compile_of("elsewhere/new.o")).need_bytes > 900 * MB


def test_where_there_is_swap_less_caution_is_needed():
    edges = tuple(known(f"src/{n}.o", n * 100 * MB) for n in range(1, 11))
    cautious = Expectation(Peaks("", edges), "/build").of(compile_of("src/new.o"))
    with_swap = Expectation(Peaks("", edges), "/build")
    with_swap.has_swap = True
    bold = with_swap.of(compile_of("src/new.o"))
    assert (cautious.need_bytes // MB, bold.need_bytes // MB) == (904, 565)


def test_of_few_kin_more_is_expected_than_of_many():
    one = expectation(known("src/a.o", 200 * MB)).of(compile_of("src/new.o"))
    assert one.need_bytes == int(200 * MB * 1.4)


def test_without_similar_edges_a_cautious_default_is_taken_and_less_for_c():
    assert expectation().of(compile_of("a.o")) == (512 * MB, "default", None, None)
    assert expectation().of(compile_of("a.o", "gcc")).need_bytes == 64 * MB


@pytest.mark.parametrize(
    ("linker", "factor"),
    [("", 1.5), ("-fuse-ld=gold", 1.0), ("-fuse-ld=lld", 0.25), ("-B/w/linkers/mold", 0.4), ("-fuse-ld=new", 1.5)],
)
def test_a_link_is_judged_by_the_size_of_its_inputs_and_its_linker(linker, factor):
    found = expectation().of(link_of("x", 1000 * MB, *filter(None, [linker])))
    assert (found.need_bytes, found.by) == (int(1000 * MB * factor) + 64 * MB, "inputs")


def test_a_link_with_kin_takes_their_need_for_each_byte():
    edge = known("bin/a", 564 * MB, fingerprint="g++", kind="link", inputs_bytes=250 * MB)
    found = expectation(edge).of(link_of("bin/b", 100 * MB))
    assert (found.need_bytes, found.by) == (int(100 * MB * 2 * 1.4) + 64 * MB, "similar")


def test_what_this_build_has_shown_counts_for_the_next_edge():
    found = expectation()
    before = found.version
    found.learn(known("src/a.o", 300 * MB))
    assert found.version > before
    assert found.of(compile_of("src/b.o")).by == "similar"
    assert found.of(compile_of("src/a.o")).by == "history"
