"""Edges between their begin and end, and the processes that belong to them."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from waiting import wait_for

from arm_ci.agent.edges import running as module
from arm_ci.agent.edges.command_line import parse_command
from arm_ci.agent.edges.look_allowance import Allowance
from arm_ci.agent.edges.running import Edges
from arm_ci.agent.machine import process_tree
from arm_ci.agent.machine.process_tree import Held, ProcessTree, age_seconds, command_line, held

COMPILE = ["/usr/bin/g++", "-c", "a.cpp", "-o", "a.o"]


@pytest.fixture
def notes() -> list:
    return []


@pytest.fixture
def edges(notes) -> Edges:
    return Edges(lambda kind, value: notes.append((kind, value)), "/build")


class Tree:
    """Processes that are not there."""

    def __init__(self, children: dict[int, list[int]]) -> None:
        self.below = lambda pid, without=(), of_threads=False: [
            each for each in children.get(pid, []) if each not in without
        ]
        self.lineage = lambda pid: [pid]


def holding(monkeypatch, **more) -> None:
    known = {"name": "cc1plus", "rss_bytes": 50, "anonymous_bytes": 30, "swap_bytes": 10, "virtual_bytes": 90}
    monkeypatch.setattr(module, "held", lambda pid: Held(pid=pid, **{**known, **more}))
    monkeypatch.setattr(module, "address_bits", lambda pid: 32)


def test_an_edge_is_noted_at_its_begin_and_its_end(edges, notes, monkeypatch):
    holding(monkeypatch)
    edges.begin(7, 100, parse_command(COMPILE, "/build/sub"), 1.0)
    assert len(edges) == 1
    edges.look(Tree({100: [101, 102]}), 1.1)
    assert edges.held_bytes == 80
    edges.end(7, 2.5, 1 << 8, 1.25, 60)
    (begun, edge), (ended, end) = notes
    assert (begun, ended, len(edges)) == ("edge", "end", 0)
    assert (edge["program"], edge["output"], edge["kind"], edge["directory"]) == ("g++", "a.o", "compile", "/build/sub")
    assert end == {
        "number": 0,
        "exit_status": 1,
        "signal": None,
        "end_seconds": 2.5,
        "cpu_seconds": 1.25,
        "peak_rss_bytes": 60,
        "peak_anonymous_swap_bytes": 80,
        "peak_swap_bytes": 20,
        "peak_virtual_bytes": 90,
        "peak_file_bytes": 0,
        "heaviest": "cc1plus",
        "address_bits": 32,
        "pids": [100, 101, 102],
    }


def test_a_signal_is_no_exit_status(edges, notes):
    edges.begin(7, 100, parse_command(COMPILE, "/"), 1.0)
    edges.end(7, 2.0, 11 | 0x80, 0.0, 0)
    assert (notes[-1][1]["signal"], notes[-1][1]["exit_status"]) == (11, None)


def test_a_launcher_that_goes_without_a_word_was_killed(edges, notes):
    edges.begin(7, 100, parse_command(COMPILE, "/"), 1.0)
    edges.end_killed(7, 2.0)
    assert (notes[-1][1]["signal"], notes[-1][1]["end_seconds"], notes[-1][1].get("exit_status")) == (9, 2.0, None)


def test_a_program_that_could_not_be_started_is_dropped(edges, notes):
    edges.begin(7, 100, parse_command(COMPILE, "/"), 1.0)
    edges.forget(7)
    edges.end_killed(7, 2.0)
    assert [kind for kind, _ in notes] == ["edge", "drop"]


def test_a_trial_is_worth_a_word_only_when_it_was_killed(edges, notes):
    trial = ["gcc", "-c", "conftest.c"]
    for status in (0, 1 << 8, 11):
        edges.begin(7, 100, parse_command(trial, "/"), 1.0)
        edges.note_running()
        edges.end(7, 2.0, status, 0.0, 0)
    assert notes == []
    edges.begin(7, 100, parse_command(trial, "/"), 1.0)
    edges.end(7, 2.0, 9, 0.0, 0)
    assert [kind for kind, _ in notes] == ["edge", "end"]


def test_a_second_begin_or_an_end_of_nobody_changes_nothing(edges, notes):
    edges.begin(7, 100, parse_command(COMPILE, "/"), 1.0)
    edges.begin(7, 100, parse_command(COMPILE, "/"), 1.5)
    edges.end(8, 2.0, 0, 0.0, 0)
    edges.forget(8)
    assert len(notes) == len(edges) == 1


def test_a_new_edge_is_looked_at_soon_and_then_less_often(edges, monkeypatch):
    holding(monkeypatch)
    assert edges.look_at is None
    edges.begin(7, 100, parse_command(COMPILE, "/"), 10.0)
    looks = []
    while len(looks) < 10:
        looks.append(edges.look_at)
        edges.look(Tree({}), edges.look_at)
    assert looks[0] == pytest.approx(10.04)
    pauses = [round(after - before, 6) for before, after in pairwise(looks)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.25
    assert len([look for look in looks if look < 10.35]) >= 4


def test_only_the_edge_whose_turn_it_is_is_looked_at(edges, monkeypatch):
    holding(monkeypatch)
    edges.begin(7, 100, parse_command(COMPILE, "/"), 0.0)
    edges.begin(8, 200, parse_command(COMPILE, "/"), 0.03)
    edges.look(Tree({100: [101], 200: [201]}), 0.05)
    assert edges.held_bytes == 40


def test_a_process_without_a_launcher_is_an_edge_while_it_is_large(edges, notes, monkeypatch):
    monkeypatch.setattr(module, "command_line", lambda pid: ["/opt/tool/generator", "x"])
    holding(monkeypatch, anonymous_bytes=1 << 20)
    edges.look_at_unlaunched(Tree({1: [300]}), 1, 5.0)
    assert notes == []
    holding(monkeypatch, anonymous_bytes=30 << 20)
    edges.look_at_unlaunched(Tree({1: [300]}), 1, 6.0)
    assert (notes[0][0], notes[0][1]["program"], notes[0][1]["kind"]) == ("edge", "generator", "other")
    assert len(edges) == 1
    edges.look_at_unlaunched(Tree({1: []}), 1, 7.0)
    assert (notes[-1][0], notes[-1][1]["end_seconds"], len(edges)) == ("end", 7.0, 0)


def test_what_a_process_holds_is_read(tmp_path):
    script = "x = b'x' * (30 << 20); print(flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    found = held(process.pid)
    assert found.name.startswith("python")
    assert 30 << 20 < found.anonymous_bytes <= found.rss_bytes < found.virtual_bytes
    assert command_line(process.pid)[1:] == ["-c", script]
    assert 0 <= age_seconds(process.pid) < 60
    assert process_tree.address_bits(process.pid) == 64
    process.communicate(b"\n")
    assert held(process.pid) is None
    assert (command_line(process.pid), age_seconds(process.pid)) == ([], 0.0)


def test_a_kernel_without_rss_anon_counts_all_that_is_resident(monkeypatch):
    status = b"Name:\tcc1\nVmPeak:\t  900 kB\nVmHWM:\t 500 kB\nVmRSS:\t  400 kB\n"
    monkeypatch.setattr(process_tree, "_read", lambda path, longest=0: status)
    assert held(5) == Held(5, "cc1", 500 * 1024, 400 * 1024, 0, 900 * 1024)


@pytest.mark.parametrize("lists_children", [True, False])
def test_a_tree_is_found_with_and_without_the_kernels_lists(monkeypatch, lists_children):
    if lists_children and not process_tree._HAS_CHILDREN:
        pytest.skip("this kernel has no lists of children")
    monkeypatch.setattr(process_tree, "_HAS_CHILDREN", lists_children)
    process = subprocess.Popen(["sh", "-c", "sleep 600 & wait"])
    wait_for(lambda: ProcessTree().children(process.pid), "the shell has a child")
    tree = ProcessTree()
    (child,) = tree.children(process.pid)
    assert {process.pid, child} <= set(tree.below(os.getpid(), of_threads=True))
    assert tree.lineage(child) == [child, process.pid]
    assert child not in ProcessTree().below(os.getpid(), without=(process.pid,))
    os.kill(child, 9)
    process.wait()


def test_without_proc_there_are_no_processes(monkeypatch):
    monkeypatch.setattr(process_tree, "_HAS_CHILDREN", False)

    def gone(path):
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "listdir", gone)
    assert ProcessTree().below(1) == []


def test_looks_are_paid_for_with_a_share_of_the_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("arm_ci.agent.edges.look_allowance.time.monotonic", lambda: now[0])
    allowance = Allowance()
    allowance.pay(0.005)
    assert allowance.ready_at == 100.0  # a burst is free
    allowance.pay(0.005)
    assert allowance.ready_at == pytest.approx(101.0)
    now[0] = 102.0
    allowance.pay(0.0)
    assert allowance.ready_at == 102.0
