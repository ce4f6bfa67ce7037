"""The budget: what is free of the machine and of every cgroup above, with what edges hold already."""

from __future__ import annotations

from pathlib import Path

import pytest

from arm_ci.agent.admission import budget as module
from arm_ci.agent.admission.budget import BudgetReader
from arm_ci.agent.machine.cgroup import Hierarchy

MB = 1 << 20


@pytest.fixture(autouse=True)
def machine(monkeypatch) -> dict[str, int]:
    memory = {"MemTotal": 1000 * MB, "MemAvailable": 800 * MB, "SwapFree": 300 * MB}
    monkeypatch.setattr(module, "memory_information", lambda: memory)
    return memory


def cgroup(directory: Path, version: int, **files: str) -> Hierarchy:
    place = directory / "build"
    place.mkdir()
    for name, text in files.items():
        (place / name.replace("__", ".")).write_text(text)
    return Hierarchy(version, str(directory), "/build")


def test_it_is_what_is_available_and_what_edges_hold_without_a_reserve_for_file_pages():
    found = BudgetReader(None).read(100 * MB)
    assert found == (800 * MB + 100 * MB - 50 * MB, 300 * MB)


def test_what_edges_held_a_moment_ago_makes_it_no_larger_than_the_machine():
    assert BudgetReader(None).read(900 * MB).ram_bytes == 950 * MB


@pytest.mark.parametrize(("total", "reserve"), [(100, 32), (1000, 50), (64000, 512)])
def test_the_reserve_is_a_part_of_the_ram_between_two_bounds(machine, total, reserve):
    machine.update(MemTotal=total * MB, MemAvailable=total * MB)
    assert BudgetReader(None).read(0).ram_bytes == (total - reserve) * MB


def test_a_full_machine_has_none_and_no_less(machine):
    machine.update(MemAvailable=10 * MB)
    assert BudgetReader(None).read(0).ram_bytes == 0


def test_a_cgroup_of_version_1_leaves_what_its_limit_does_and_file_pages_count_as_free(tmp_path):
    own = cgroup(
        tmp_path,
        1,
        memory__limit_in_bytes=str(500 * MB),
        memory__usage_in_bytes=str(300 * MB),
        memory__stat=f"cache 1\ntotal_inactive_file {60 * MB}\ntotal_active_file {40 * MB}\n",
        memory__memsw__limit_in_bytes=str(700 * MB),
        memory__memsw__usage_in_bytes=str(350 * MB),
    )
    assert BudgetReader(own).read(0) == (300 * MB - 32 * MB, 150 * MB)


def test_a_cgroup_of_version_2_as_well(tmp_path):
    own = cgroup(
        tmp_path,
        2,
        memory__max=str(500 * MB),
        memory__current=str(300 * MB),
        memory__stat=f"anon 1\ninactive_file {60 * MB}\nactive_file {40 * MB}\n",
        memory__swap__max=str(200 * MB),
        memory__swap__current=str(50 * MB),
    )
    assert BudgetReader(own).read(0) == (300 * MB - 32 * MB, 150 * MB)


def test_a_cgroup_without_a_limit_changes_nothing(tmp_path):
    own = cgroup(tmp_path, 2, memory__max="max", memory__current=str(300 * MB))
    assert BudgetReader(own).read(0).ram_bytes == 750 * MB
