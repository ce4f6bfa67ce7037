"""What link trials found to fit is kept for the next builds of the variant: the fastest way, one for each link."""

from __future__ import annotations

import pytest

from arm_ci.agent.fallback.fallbacks_file import Fallback, FallbackError
from arm_ci.agent.link_trial.trial_result import FITS, TrialLimits, TrialLink, TrialResult, TrialRow
from arm_ci.history.learned_fallbacks import fallback_file, fallback_of, known_fallbacks, learn_fallback


def result(*rows: TrialRow, output: str = "app") -> TrialResult:
    return TrialResult(TrialLink(output, "/w/b/build/src"), TrialLimits(60.0), rows)


BUILT = TrialRow("bfd", as_built=True, program="ld.bfd", ended=FITS, seconds=0.1)
SLOW = TrialRow("lld", program="ld.lld", ended=FITS, seconds=3.0)
FAST = TrialRow("lld", ("-S", "--threads=1"), program="ld.lld", ended=FITS, seconds=2.0)
FASTER_AND_DEAD = TrialRow("mold", program="ld.mold", ended="failed", seconds=1.0)
LLD = Fallback(
    "link-trial",
    ("src/app",),
    ("link",),
    linker=("-fuse-ld=lld",),
    linker_program="ld.lld",
    add=("-Wl,-S", "-Wl,--threads=1"),
)


def test_the_fastest_way_that_fitted_is_the_fallback_of_that_link():
    assert fallback_of(result(BUILT, SLOW, FAST, FASTER_AND_DEAD), "/w/b/build") == LLD


def test_where_nothing_else_fitted_there_is_none():
    assert fallback_of(result(BUILT, FASTER_AND_DEAD), "/w/b/build") is None


def test_a_linker_that_the_compiler_does_not_know_is_put_before_it_by_its_program():
    row = TrialRow("lld-19", ("-S",), program="ld.lld-19", by_directory=True, ended=FITS, seconds=1.0)
    found = fallback_of(result(row), "/w/b/build")
    assert found is not None
    assert (found.linker, found.linker_program, found.by_directory) == ((), "ld.lld-19", True)


def test_mold_stays_where_it_can_be_watched():
    found = fallback_of(result(TrialRow("mold", program="ld.mold", ended=FITS, seconds=1.0)), "/w/b/build")
    assert found is not None
    assert found.add == ("-Wl,--no-fork",)


def test_a_name_with_signs_of_patterns_in_it_is_that_name():
    found = fallback_of(result(FAST, output="a[1]*"), "/w/b/build")
    assert found is not None
    assert found.edges == ("src/a[[]1][*]",)


def test_each_link_has_what_its_last_trial_found(tmp_path):
    file = fallback_file(tmp_path / "peaks" / "demo.json")
    assert file == tmp_path / "peaks" / "demo-fallback.json"
    assert known_fallbacks(file) == ()
    other = LLD._replace(edges=("src/other",))
    for fallback in (LLD._replace(add=()), other, LLD):
        learn_fallback(file, fallback)
    assert known_fallbacks(file) == (other, LLD)


def test_a_file_that_holds_none_is_said_and_replaced(tmp_path):
    file = tmp_path / "demo-fallback.json"
    file.write_bytes(b"\xff")
    with pytest.raises(FallbackError):
        known_fallbacks(file)
    learn_fallback(file, LLD)
    assert known_fallbacks(file) == (LLD,)


# As arm_ci wrote it when fallbacks were called reliefs.
OLD = """{"schema": 1, "reliefs": [
 {"name": "link-trial", "edges": ["src/app"], "kinds": ["link"], "always": false, "programs": [], "remove": [],
  "linker": ["-fuse-ld=lld"], "linker_program": "ld.lld", "by_directory": false, "add": ["-Wl,-S", "-Wl,--threads=1"]}
]}"""


def test_what_was_learned_when_they_were_called_reliefs_is_found_and_kept(tmp_path):
    file = fallback_file(tmp_path / "demo.json")
    (tmp_path / "demo-relief.json").write_text(OLD)
    assert known_fallbacks(file) == (LLD,)
    other = LLD._replace(edges=("src/other",))
    learn_fallback(file, other)
    assert known_fallbacks(file) == (LLD, other)
    assert file.is_file()
