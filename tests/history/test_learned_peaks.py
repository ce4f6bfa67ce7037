"""Learned peaks on disk: kept for a toolchain, added to by each build, never lost to a broken file or another build."""

import threading
from pathlib import Path

from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.agent.report import Edge, Report
from arm_ci.history.learned_peaks import KnownPeaks, known_peaks, learn_peaks, write_peaks

GCC = "gcc 12, ld.bfd 2"


def edge(output: str, held_mb: int = 300) -> Edge:
    argv = ("g++", "-g", "-c", "a.cpp", "-o", output)
    held = held_mb << 20
    return Edge(0, argv, "/b", "g++", output, "compile", 0.0, 2.0, 0, cpu_seconds=1.5, peak_anonymous_swap_bytes=held)


def report(*outputs: str) -> Report:
    return Report(directory="/b", edges=tuple(map(edge, outputs)))


def outputs(peaks: Peaks) -> list[str]:
    return sorted(each.output for each in peaks.edges)


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    assert known_peaks(tmp_path / "v.json", GCC) == KnownPeaks(Peaks(GCC), "")


def test_what_a_build_has_shown_is_known_to_the_next_and_added_to(tmp_path: Path) -> None:
    file = tmp_path / "peaks" / "v.json"
    assert learn_peaks(file, GCC, report("a.o", "b.o")) == 2
    assert learn_peaks(file, GCC, report("c.o", "c.o")) == 1
    found = known_peaks(file, GCC)
    assert (outputs(found.peaks), found.remark) == (["a.o", "b.o", "c.o"], "")
    assert {each.need_bytes for each in found.peaks.edges} == {300 << 20}


def test_another_toolchain_begins_with_nothing(tmp_path: Path) -> None:
    file = tmp_path / "v.json"
    learn_peaks(file, GCC, report("a.o"))
    assert known_peaks(file, "gcc 13, ld.bfd 2").peaks == Peaks("gcc 13, ld.bfd 2")
    learn_peaks(file, "gcc 13, ld.bfd 2", report("b.o"))
    assert outputs(known_peaks(file, "gcc 13, ld.bfd 2").peaks) == ["b.o"]


def test_a_build_that_has_shown_nothing_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    assert learn_peaks(tmp_path / "v.json", GCC, Report()) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_set_aside_and_said(tmp_path: Path) -> None:
    file = tmp_path / "v.json"
    file.write_text("[]")
    found = known_peaks(file, GCC)
    assert found.peaks == Peaks(GCC)
    assert found.remark == (
        f"{file}: no learned peaks: an object with a number `schema` was expected; set aside as v.json.unreadable"
    )
    assert (tmp_path / "v.json.unreadable").read_text() == "[]"
    assert learn_peaks(file, GCC, report("a.o")) == 1
    assert outputs(known_peaks(file, GCC).peaks) == ["a.o"]


def test_builds_that_end_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "v.json"
    names = [f"{number}.o" for number in range(16)]
    threads = [threading.Thread(target=learn_peaks, args=(file, GCC, report(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs(known_peaks(file, GCC).peaks) == sorted(names)
    assert [path.name for path in tmp_path.iterdir()] == ["v.json"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    peaks = Peaks(GCC, (Learned("app", "g++", "link", 1 << 30, 4.5, ("a.o",), 12, 5, "-g0 instead of -g"),))
    write_peaks(tmp_path / "v.json", peaks)
    assert known_peaks(tmp_path / "v.json", GCC).peaks == peaks
