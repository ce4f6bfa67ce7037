"""The four states of a patch, what decides each, and the reasons, word for word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patch_trees import NUMBERS, changed, diff, read_tree, series, states, write_tree

from arm_ci.patches import engine, matching, transaction
from arm_ci.plan import archives

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FIX = diff("a", NUMBERS, changed(15, "fifteen"), context=1)
ANY = engine.Context()
VERSION = {"file": "configure.ac", "pattern": r"^AC_INIT\(x, ([0-9.]+)"}


def only(tmp_path: Path, patch: dict[str, Any], context: engine.Context = ANY) -> tuple[str, str]:
    (state,) = engine.check(series({"text": FIX, **patch}, version=VERSION), str(tmp_path), context)
    return state.state, state.reason


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path, {"a": NUMBERS, "b": "x\n", "configure.ac": "# made\nAC_INIT(x, 1.1.0)\n"})


def test_a_patch_whose_hunks_match_applies(tree: Path):
    assert only(tree, {}) == ("applies", "changes a")


def test_a_patch_of_several_files_counts_them(tree: Path):
    assert only(tree, {"text": FIX + diff("b", "x\n", "y\n")}) == ("applies", "changes 2 files")


def test_a_patch_whose_lines_stand_there_is_already_upstream(tree: Path):
    write_tree(tree, {"a": "moved\n" * 3 + changed(15, "fifteen")})
    assert only(tree, {}) == ("already upstream", "its lines stand in the tree already")


def test_a_patch_of_which_one_file_is_done_conflicts(tree: Path):
    write_tree(tree, {"a": changed(15, "fifteen")})
    state, reason = only(tree, {"text": FIX + diff("b", "x\n", "y\n")})
    assert (state, reason) == ("conflicts", "a, hunk 1: expected `line 15` at line 15, found `fifteen`")


@pytest.mark.parametrize(
    ("needed_for", "context", "reason"),
    [
        ({"versions": "<1.1.0"}, {}, "needed for versions <1.1.0; this is 1.1.0"),
        ({"versions": "<1.5"}, {"version": "1.11.0"}, "needed for versions <1.5; this is 1.11.0"),
        ({"architectures": ["arm64", "armhf"]}, {"architecture": "amd64"}, "needed for arm64, armhf; this is amd64"),
        ({"generators": ["ninja"]}, {"generator": "kati"}, "needed for ninja; this is kati"),
        ({"os": ["debian-1*"]}, {"os": "ubuntu-22.04"}, "needed for debian-1*; this is ubuntu-22.04"),
        (
            {"compilers": {"gcc": ">=11", "clang": ">=16"}},
            {"compiler": "gcc", "compiler_version": "10.2"},
            "needed for gcc >=11 or clang >=16; this is gcc 10.2",
        ),
        ({"compilers": {"clang": ""}}, {"compiler": "gcc"}, "needed for clang; this is gcc"),
    ],
)
def test_a_condition_that_does_not_hold_is_named_with_what_is_there(
    tree: Path, needed_for: dict[str, Any], context: dict[str, str], reason: str
):
    assert only(tree, {"needed_for": needed_for}, engine.Context(**context)) == ("not needed", reason)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"architecture": "arm64", "compiler": "gcc", "compiler_version": "12", "generator": "ninja", "os": "debian-12"},
        {"compiler": "gcc"},
    ],
)
def test_conditions_that_hold_or_are_not_asked_leave_a_patch_needed(tree: Path, context: dict[str, str]):
    needed_for = {
        "versions": ">=1.0, <1.2",
        "architectures": ["arm64"],
        "compilers": {"gcc": ">=11"},
        "generators": ["ninja"],
        "os": ["debian-*"],
    }
    assert only(tree, {"needed_for": needed_for}, engine.Context(**context)) == ("applies", "changes a")


def test_an_unknown_version_counts_as_met_and_the_reason_says_so(tree: Path):
    (tree / "configure.ac").write_text("nothing\n")
    expected = ("applies", "changes a; the upstream version is unknown, taken as <1.1.0")
    assert only(tree, {"needed_for": {"versions": "<1.1.0"}}) == expected


def test_upstreams_own_fix_is_recognised_by_content_and_before_any_condition(tree: Path):
    patch = {
        "needed_for": {"versions": "<1.0"},
        "upstream": [{"file": "a", "pattern": "^line 2[0-9]$"}, {"file": "b", "pattern": "x"}],
    }
    assert only(tree, patch) == ("already upstream", "upstream has its own: `line 20` at a:20")


@pytest.mark.parametrize("marker", [{"file": "a", "pattern": "nowhere"}, {"file": "missing", "pattern": "x"}])
def test_upstreams_own_fix_needs_every_mark(tree: Path, marker: dict[str, str]):
    assert only(tree, {"upstream": [{"file": "b", "pattern": "x"}, marker]}) == ("applies", "changes a")


def test_later_patches_see_what_earlier_ones_made_and_all_are_recognised_afterwards(tree: Path):
    middle = changed(15, "fifteen")
    patches = series(FIX, diff("a", middle, changed(15, "FIFTEEN", middle), 1), diff("a", NUMBERS, "top\n" + NUMBERS))
    assert states(engine.apply(patches, str(tree), ANY)) == ["applies"] * 3
    assert (tree / "a").read_text() == "top\n" + changed(15, "FIFTEEN")
    assert states(engine.check(patches, str(tree), ANY)) == ["already upstream"] * 3


def test_one_conflict_and_nothing_at_all_is_changed(tree: Path):
    before = read_tree(tree)
    found = engine.apply(series(FIX, diff("b", "z\n", "y\n")), str(tree), ANY)
    assert states(found) == ["applies", "conflicts"]
    assert engine.applied(found) == []
    assert read_tree(tree) == before


def test_a_second_apply_does_not_even_touch_a_file(tree: Path):
    patches = series(FIX, diff("b", "x\n", "y\n"))
    engine.apply(patches, str(tree), ANY)
    times = {path: path.stat().st_mtime_ns for path in (tree, *tree.rglob("*"))}
    assert states(engine.apply(patches, str(tree), ANY)) == ["already upstream"] * 2
    assert {path: path.stat().st_mtime_ns for path in (tree, *tree.rglob("*"))} == times


def test_a_check_changes_nothing(tree: Path):
    before = read_tree(tree)
    engine.check(series(FIX), str(tree), ANY)
    assert read_tree(tree) == before


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The engine as a worker runs it: one file, nothing else of arm_ci, no site directory."""
    packed = tmp_path_factory.mktemp("support") / "patches.pyz"
    packed.write_bytes(archives.patch_engine().data)
    return lambda *arguments, bundle: subprocess.run(
        [sys.executable, "-I", "-S", str(packed), *arguments, "--bundle", "-"],
        input=bundle,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_alone_prints_states_as_json(tree: Path, run: Run):
    bundle = {
        "schema": 1,
        "project": "x",
        "version": VERSION,
        "patches": [
            {"name": "fix", "text": FIX},
            {"name": "other", "text": FIX, "needed_for": {"architectures": ["arm64"]}},
        ],
    }
    done = run("apply", "--source", str(tree), "--architecture", "amd64", bundle=json.dumps(bundle))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "schema": 1,
        "version": "1.1.0",
        "patches": [
            {"name": "fix", "state": "applies", "reason": "changes a"},
            {"name": "other", "state": "not needed", "reason": "needed for arm64; this is amd64"},
        ],
        "applied": ["fix"],
    }


def test_the_file_alone_ends_with_1_for_a_conflict(tree: Path, run: Run):
    bundle = {"schema": 1, "project": "x", "patches": [{"name": "p", "text": diff("b", "z\n", "y\n")}]}
    done = run("check", "--source", str(tree), bundle=json.dumps(bundle))
    assert (done.returncode, json.loads(done.stdout)["applied"]) == (1, [])


def test_the_file_alone_ends_with_2_for_a_bad_bundle_or_a_missing_directory(tree: Path, run: Run):
    good = json.dumps({"schema": 1, "project": "x", "patches": []})
    for source, bundle, message in (
        (str(tree), "{", "-: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"),
        (str(tree), "[]", "-: expected a bundle with `schema` 1\n"),
        (str(tree / "no"), good, f"{tree / 'no'}: no such directory\n"),
    ):
        done = run("check", "--source", source, bundle=bundle)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_version_file_that_cannot_be_read_is_one_clear_message(tree: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: str, *arguments: Any) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(matching, "open", refuse, raising=False)
    marker = engine.Marker(VERSION["file"], VERSION["pattern"])
    with pytest.raises(transaction.SourceError) as failed:
        engine.read_version(str(tree), marker)
    assert str(failed.value) == f"{tree}/configure.ac: Permission denied"


def test_reasons_and_versions_that_are_not_utf8_can_be_shown_everywhere(tmp_path: Path):
    write_tree(tmp_path, {"version": b"1.0\xe9\n"})
    patch = '--- "a/caf\\351"\n+++ "b/caf\\351"\n@@ -1 +1 @@\n-a\n+b\n'
    patches = series(patch, version={"file": "version", "pattern": "(.*)"})
    found = engine.check(patches, str(tmp_path), engine.Context())
    document = engine.document(engine.read_version(str(tmp_path), patches.version), found, ())
    assert (document["version"], document["patches"][0]["reason"]) == ("1.0\\xe9", "caf\\xe9 is not in the tree")
