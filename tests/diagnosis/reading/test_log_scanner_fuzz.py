"""Whatever stands in a log, a report or a line, nothing raises; and how the bytes are cut changes nothing."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import judged, scanned

from arm_ci.agent.report import Edge, Kernel, Limits, OomRecord, Outcome, Report, Samples, Visibility
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.reading import log_scanner, logged_commands
from arm_ci.diagnosis.reading.clean_text import readable, shortened, tools_own
from arm_ci.diagnosis.reading.recognisers import RECOGNISERS, recognise
from arm_ci.diagnosis.reading.translations import english, signal_of

# Pieces of what tools print: put together they come near to real messages.
WORDS = st.sampled_from(
    sorted(
        {need for each in RECOGNISERS for need in each.needs if need}
        | {
            "FAILED: ",
            "FAILED: out.o\ng++ -c a.cpp -o out.o\n",
            "[1/2] ",
            "[ 50%] ",
            "\n[3/4] CXX b.o\n",
            "make[2]: *** [Makefile:5: heavy.o] Error 1\n",
            "make: *** [heavy.o] Killed\n",
            "g++: fatal error: Killed signal terminated program cc1plus\n",
            "collect2: error: ld returned 1 exit status\n",
            "src/a.cpp:1:2: error: x\n",
            "ninja: build stopped: subcommand failed.\n",
            "[ 1.5] Out of memory: Killed process 12 (cc1plus) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n",
            "LLVM ERROR: out of memory\n",
            "Stack dump:\n",
            "0.\tProgram arguments: clang++ -c x.cpp -o x.o\n",
            "\r",
            "\r\n",
            "\n",
            "\n\n",
            "\x00",
            "\x1b[31m",
            "\x1b[0m",
            " -o x.o ",
            " ",
            "'",
            "Getötet",
            "错误\uff1a",
            "out.o",
            "a",
        }
    )
)
LOGS = st.lists(st.one_of(WORDS, WORDS, st.text(max_size=12)), max_size=120).map("".join)


@given(LOGS, st.data(), st.sampled_from([256, 512, 1 << 18]))
def test_what_is_found_does_not_depend_on_how_the_bytes_are_cut(text, data, block_bytes):
    content = text.encode("utf-8", "surrogatepass")
    places = data.draw(st.lists(st.integers(0, len(content)), max_size=20))
    with mock.patch.object(log_scanner, "BLOCK_BYTES", block_bytes):
        assert scanned(content, places) == scanned(content)


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_log(content):
    verdict = judged(content)
    assert verdict.sentence.startswith(f"{verdict.kind}: ")


@given(LOGS)
def test_any_log_of_tools_words_has_a_verdict_whose_evidence_quotes_its_lines(text):
    verdict = judged(text.encode("utf-8", "surrogatepass"))
    lines = text.count("\n") + 1
    assert verdict.sentence.startswith(f"{verdict.kind}: ")
    assert all(each.line is None or 1 <= each.line <= lines for each in verdict.evidence)


@given(st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=12).map("".join))
def test_any_text_is_a_line(text):
    found = recognise(text)
    assert found is None or found.line == 0


@given(st.text(max_size=200))
def test_the_small_readers_take_any_text(text):
    assert len(shortened(text, 60)) <= 60
    assert tools_own(text) in text
    assert isinstance(english(text), str)
    assert signal_of(text) is None or signal_of(text) > 0
    readable(text.encode("utf-8", "surrogatepass"))
    for reader in (logged_commands.program, logged_commands.output, logged_commands.linker, logged_commands.source):
        assert isinstance(reader(text), str)
    assert logged_commands.is_command(text) in (True, False)
    assert logged_commands.is_link(text) in (True, False)


NUMBERS = st.one_of(st.none(), st.integers(0, 1 << 45))
NAMES = st.sampled_from(["cc1plus", "ld", "g++", "make", "clang++-14", "", "x" * 15, "python3"])
EDGES = st.builds(
    Edge,
    number=st.integers(0, 99),
    argv=st.lists(st.sampled_from(["g++", "-c", "a.cpp", "-o", "out.o", "-fuse-ld=lld"]), max_size=6).map(tuple),
    directory=st.just("/build"),
    program=NAMES,
    output=st.sampled_from(["out.o", "heavy.o", "", "bin/app"]),
    kind=st.sampled_from(["compile", "link", "other"]),
    start_seconds=st.floats(0, 100),
    end_seconds=st.one_of(st.none(), st.floats(100, 200)),
    exit_status=st.one_of(st.none(), st.sampled_from([0, 1, 4, 137])),
    signal=st.one_of(st.none(), st.sampled_from([9, 11, 15])),
    peak_rss_bytes=NUMBERS,
    peak_anonymous_swap_bytes=NUMBERS,
    peak_virtual_bytes=NUMBERS,
    heaviest=NAMES,
    pids=st.lists(st.integers(1, 20), max_size=3).map(tuple),
)
CELLS = st.one_of(st.none(), st.floats(0, 1e12))
ROWS = st.lists(st.tuples(st.floats(0, 1000), *[CELLS] * 13), max_size=8).map(lambda rows: tuple(sorted(rows, key=str)))
RECORDS = st.lists(
    st.builds(
        OomRecord,
        program=NAMES,
        pid=st.integers(1, 20),
        scope=st.sampled_from(["", "system", "cgroup"]),
        anonymous_bytes=NUMBERS,
        swap_bytes=NUMBERS,
        limit_bytes=NUMBERS,
    ),
    max_size=3,
).map(tuple)
REPORTS = st.builds(
    Report,
    command=st.just(("make",)),
    directory=st.just("/build"),
    started=st.just(0.0),
    host=st.just({}),
    visibility=st.just(Visibility()),
    limits=st.builds(
        Limits,
        memory_bytes=st.integers(0, 1 << 40),
        swap_bytes=st.integers(0, 1 << 40),
        address_bits=st.sampled_from([32, 64]),
        address_top_bytes=NUMBERS,
        rlimit_as_bytes=NUMBERS,
        rlimit_data_bytes=NUMBERS,
        overcommit_mode=st.integers(0, 2),
        commit_limit_bytes=NUMBERS,
        cgroup_limit_bytes=NUMBERS,
        free_disk_bytes=NUMBERS,
        free_temporary_bytes=NUMBERS,
    ),
    outcome=st.builds(
        Outcome,
        exit_status=st.one_of(st.none(), st.sampled_from([0, 1, 2, 137])),
        signal=st.one_of(st.none(), st.sampled_from([9, 15])),
        stopped=st.sampled_from(["", "signal 15"]),
        complete=st.booleans(),
    ),
    edges=st.lists(EDGES, max_size=5).map(tuple),
    samples=st.builds(Samples, rows=ROWS),
    kernel=st.builds(
        Kernel,
        oom_kills=st.one_of(st.none(), st.integers(0, 3)),
        cgroup_oom_kills=st.one_of(st.none(), st.integers(0, 3)),
        cgroup_limit_hits=st.one_of(st.none(), st.integers(0, 3)),
        records=RECORDS,
    ),
)
ENDS = st.builds(
    Ended,
    exit_status=st.one_of(st.none(), st.sampled_from([0, 1, 137])),
    signal=st.one_of(st.none(), st.sampled_from([9, 15])),
    silent_seconds=st.one_of(st.none(), st.just(1200.0)),
)


@given(LOGS, st.one_of(st.none(), REPORTS), RECORDS, ENDS)
def test_any_report_with_any_log_has_a_verdict(text, report, records, ended):
    verdict = judge(scanned(text.encode("utf-8", "surrogatepass")), report, records, ended)
    assert verdict.sentence.startswith(f"{verdict.kind}: ")
    assert "None" not in verdict.sentence
    assert verdict.kind == "oom-kill" or not verdict.scope


@pytest.mark.parametrize("block_bytes", [64, 100])
def test_blocks_of_any_size_find_the_same_edge(block_bytes):
    text = "[1/2] CXX a.o\nFAILED: a.o\nclang++ -c a.cpp -o a.o\n" + "note\n" * 30 + "Killed\n[2/2] CXX b.o\n"
    with mock.patch.object(log_scanner, "BLOCK_BYTES", block_bytes):
        verdict = judged(text)
    assert (verdict.kind, verdict.output) == ("oom-kill", "a.o")
