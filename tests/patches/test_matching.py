"""Where hunks match and what they make of a file: as `git apply`, which is the oracle here."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patch_trees import NUMBERS, changed, diff, read_tree, series, states, write_tree
from waiting import limit

from arm_ci.patches import engine, matching, parsing

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "", "}", "  x"]), max_size=14).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join(lines) + "\n"])
)


def git(*arguments: str, cwd: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(Path(cwd).parent), "GIT_CONFIG_GLOBAL": "/dev/null"}
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, env=environment, check=False)


@given(TEXTS, TEXTS, st.integers(1, 3))
def test_a_diff_of_two_texts_makes_the_second_of_the_first(before: str, after: str, context: int):
    if before == after:
        return
    with tempfile.TemporaryDirectory() as directory:
        tree = write_tree(Path(directory), {"f": before})
        outcome = matching.run(
            parsing.parse_patch(diff("f", before, after, context).encode()), matching.Tree(str(tree))
        )
        assert not outcome.problems
        written = outcome.changes["f"]
        assert written is not None
        assert written.data == after.encode()


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 3), st.booleans())
def test_a_diff_applies_to_another_text_where_git_applies_it_and_with_the_same_result(
    before: str, after: str, other: str, context: int, near: bool
):
    target = other[: len(other) // 2] + before if near else other
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write_tree(root, {"a/f": before, "b/f": after, "t/f": target})
        made = git("diff", "--no-index", "--no-prefix", f"-U{context}", "a/f", "b/f", cwd=directory).stdout
        if not made:
            return
        (root / "p.diff").write_bytes(made)
        outcome = matching.run(parsing.parse_patch(made), matching.Tree(str(root / "t")))
        by_git = git("apply", "../p.diff", cwd=str(root / "t"))
        if outcome.problems and not by_git.returncode and b"\n\\ No newline" in made:
            return  # git takes a last line that has no end for the same line with one
        assert bool(outcome.problems) == bool(by_git.returncode), (outcome.problems, by_git.stderr)
        if not outcome.problems:
            written = outcome.changes["f"]
            assert written is not None
            assert written.data == (root / "t/f").read_bytes()


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_the_patch_a_second_apply_changes_nothing(before: str, after: str, other: str):
    if before == after:
        return
    with tempfile.TemporaryDirectory() as directory:
        root = write_tree(Path(directory), {"f": other + before})
        patches = series(diff("f", before, after, 1))
        engine.apply(patches, directory, engine.Context())
        once = read_tree(root)
        engine.apply(patches, directory, engine.Context())
        assert read_tree(root) == once


def test_a_hunk_is_found_where_other_changes_moved_it(tmp_path: Path):
    write_tree(tmp_path, {"a": "new first\n" * 7 + NUMBERS})
    result = engine.apply(series(diff("a", NUMBERS, changed(15, "fifteen"))), str(tmp_path), engine.Context())
    assert states(result) == ["applies"]
    assert (tmp_path / "a").read_text() == "new first\n" * 7 + changed(15, "fifteen")


def test_dos_line_ends_of_the_file_are_kept_by_a_patch_without_them(tmp_path: Path):
    write_tree(tmp_path, {"a": NUMBERS.replace("\n", "\r\n")})
    patches = series(diff("a", NUMBERS, changed(15, "fifteen\nand a half")))
    assert states(engine.apply(patches, str(tmp_path), engine.Context())) == ["applies"]
    assert (tmp_path / "a").read_bytes() == changed(15, "fifteen\nand a half").replace("\n", "\r\n").encode()
    assert states(engine.check(patches, str(tmp_path), engine.Context())) == ["already upstream"]


def test_a_patch_of_a_dos_file_keeps_its_line_ends(tmp_path: Path):
    dos, after = (text.replace("\n", "\r\n") for text in (NUMBERS, changed(15, "fifteen")))
    hunk = diff("a", NUMBERS, changed(15, "fifteen")).split("@@\n", 1)
    text = hunk[0] + "@@\n" + hunk[1].replace("\n", "\r\n")
    write_tree(tmp_path, {"a": dos})
    engine.apply(series(text), str(tmp_path), engine.Context())
    assert (tmp_path / "a").read_bytes() == after.encode()


def test_a_missing_newline_at_the_end_is_made_and_removed_as_the_patch_says(tmp_path: Path):
    write_tree(tmp_path, {"a": "x\ny", "b": "x\ny\n"})
    engine.apply(series(diff("a", "x\ny", "x\nz\n") + diff("b", "x\ny\n", "x\nz")), str(tmp_path), engine.Context())
    assert read_tree(tmp_path) == {"a": b"x\nz\n", "b": b"x\nz"}


def test_bytes_that_are_not_utf8_survive(tmp_path: Path):
    write_tree(tmp_path, {"a": b"caf\xe9\nx\ny\n"})
    text = b"--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n caf\xe9\n-x\n+\xff\n y\n".decode("utf-8", "surrogateescape")
    assert states(engine.apply(series(text), str(tmp_path), engine.Context())) == ["applies"]
    assert (tmp_path / "a").read_bytes() == b"caf\xe9\n\xff\ny\n"


def test_files_are_created_and_deleted_and_modes_kept(tmp_path: Path):
    write_tree(tmp_path, {"old": "x\n", "tool": NUMBERS})
    (tmp_path / "tool").chmod(0o750)
    patches = series(
        diff("old", "x\n", None) + diff("deep/er/new", None, "hello\n") + diff("tool", NUMBERS, changed(3, "three")),
        "diff --git a/deep/er/new b/deep/er/new\nold mode 100644\nnew mode 100755\n",
    )
    assert states(engine.apply(patches, str(tmp_path), engine.Context())) == ["applies", "applies"]
    assert read_tree(tmp_path) == {"deep/er/new": b"hello\n", "tool": changed(3, "three").encode()}
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "deep/er/new").stat().st_mode & 0o111
    assert states(engine.check(patches, str(tmp_path), engine.Context())) == ["already upstream"] * 2


HUNK = diff("a", NUMBERS, changed(15, "fifteen"), context=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(15, "was changed"), "a, hunk 1: expected `line 15` at line 15, found `was changed`"),
        ("shift\n" * 5 + changed(14, ""), "a, hunk 1: expected `line 14` at line 19, found an empty line"),
        (
            "all is new\n" * 40,
            "a, hunk 1: looked for `line 13` around line 13; nothing like it stands in the file",
        ),
        ("", "a, hunk 1: looked for `line 13` around line 13; nothing like it stands in the file"),
        ("line 13\nline 14\n", "a, hunk 1: expected `line 15` at line 3, but the file ends there"),
        (
            changed(15, "x" * 100),
            "a, hunk 1: expected `line 15` at line 15, found `" + "x" * 57 + "...`",
        ),
        (None, "a is not in the tree"),
    ],
)
def test_a_conflict_names_file_hunk_and_line_what_was_expected_and_what_stands_there(
    tmp_path: Path, content: str | None, message: str
):
    write_tree(tmp_path, {} if content is None else {"a": content})
    (state,) = engine.check(series(HUNK), str(tmp_path), engine.Context())
    assert (state.state, state.reason) == ("conflicts", message)


def test_a_conflict_at_the_files_end_or_beginning_says_so(tmp_path: Path):
    write_tree(tmp_path, {"end": NUMBERS + "more\n", "start": "more\n" + NUMBERS})
    at_end = diff("end", NUMBERS, NUMBERS + "appended\n", 1)
    at_start = diff("start", NUMBERS, "first\n" + NUMBERS, 1)
    found = engine.check(series(at_end, at_start), str(tmp_path), engine.Context())
    assert [state.reason for state in found] == [
        "end, hunk 1: expected the file to end after line 30, found `more`",
        "start, hunk 1: expected `line 1` as the first line, found it at line 2",
    ]


def test_a_file_to_be_created_that_is_there_conflicts(tmp_path: Path):
    write_tree(tmp_path, {"new": "other\n"})
    (state,) = engine.check(series(diff("new", None, "x\n")), str(tmp_path), engine.Context())
    assert (state.state, state.reason) == ("conflicts", "new is to be created but stands in the tree already")


def test_a_patch_of_which_nobody_can_tell_whether_it_is_applied_is_refused(tmp_path: Path):
    write_tree(tmp_path, {"a": "x\n" * 9})
    text = "--- a/a\n+++ b/a\n@@ -4,3 +4,2 @@\n x\n-x\n x\n"
    (state,) = engine.apply(series(text), str(tmp_path), engine.Context())
    assert state.state == "conflicts"
    assert state.reason == "fits both as applied and as not applied: needs more context"
    assert read_tree(tmp_path) == {"a": b"x\n" * 9}


def test_a_patch_that_a_later_one_takes_back_is_refused(tmp_path: Path):
    write_tree(tmp_path, {"a": NUMBERS})
    there, back = diff("a", NUMBERS, changed(9, "nine")), diff("a", changed(9, "nine"), NUMBERS)
    found = engine.apply(series(there, back), str(tmp_path), engine.Context())
    assert [state.reason for state in found] == ["would apply again to the result of the series"] * 2
    assert states(found) == ["conflicts"] * 2


@pytest.mark.parametrize(
    ("link", "path", "message"),
    [
        ("src", "src/a", "src is a symbolic link, src/a is behind it"),
        ("a", "a", "a is a symbolic link"),
        ("deep/er", "deep/er/new", "deep/er is a symbolic link, deep/er/new is behind it"),
    ],
)
def test_a_symbolic_link_in_the_way_conflicts_and_nothing_behind_it_is_touched(
    tmp_path: Path, link: str, path: str, message: str
):
    outside = write_tree(tmp_path / "outside", {"a": "x\n", "er/keep": "y\n"})
    tree = tmp_path / "tree"
    (tree / link).parent.mkdir(parents=True)
    (tree / link).symlink_to(outside if "/" in path else outside / "a")
    text = diff(path, None if "new" in path else "x\n", "changed\n")
    (state,) = engine.apply(series(text), str(tree), engine.Context())
    assert (state.state, state.reason) == ("conflicts", message)
    assert read_tree(outside) == {"a": b"x\n", "er/keep": b"y\n"}


def test_a_directory_where_a_file_is_expected_conflicts(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (state,) = engine.check(series(HUNK), str(tmp_path), engine.Context())
    assert (state.state, state.reason) == ("conflicts", "a is not an ordinary file")


@pytest.mark.parametrize(
    ("tree_line", "what"), [("\tif (x)  return;\n", "other blanks"), ("    if (x) return; \n", "other blanks")]
)
def test_a_line_with_other_blanks_is_told_as_such(tmp_path: Path, tree_line: str, what: str):
    write_tree(tmp_path, {"f": changed(5, tree_line.rstrip("\n"))})
    patch = diff("f", changed(5, "    if (x) return;"), changed(5, "    if (y) return;"))
    (state,) = engine.check(series(patch), str(tmp_path), engine.Context())
    assert state.reason == f"f, hunk 1: expected `if (x) return;` at line 5, found it with {what}"


def test_a_last_line_with_another_end_is_told_as_such(tmp_path: Path):
    write_tree(tmp_path, {"f": NUMBERS.rstrip("\n")})
    (state,) = engine.check(series(diff("f", NUMBERS, changed(29, "x"))), str(tmp_path), engine.Context())
    assert state.reason == "f, hunk 1: expected `line 30` at line 30, found it with another end"


def slow_likeness(before: list[bytes], there: list[bytes], expected: int) -> tuple[int, int]:
    """The definition: every place is compared line by line."""

    def likeness(at: int) -> tuple[int, int]:
        same = sum(
            4 if len(line.strip()) > 2 else 1
            for line, other in zip(before, there[at : at + len(before)], strict=False)
            if line == other
        )
        return same, -abs(at - expected)

    at = max(range(max(len(there), 1)), key=likeness)
    return at, likeness(at)[0]


SOURCE_LINES = st.lists(st.sampled_from([b"\n", b"}\n", b"int a;\n", b"int b;\n", b"return 0;\n"]), max_size=12)


@given(SOURCE_LINES.filter(bool), SOURCE_LINES, st.integers(0, 14))
def test_the_place_that_a_conflict_names_has_most_of_the_lines(before: list[bytes], there: list[bytes], expected: int):
    found = matching._most_alike(before, there, expected)
    wanted = slow_likeness(before, there, expected)
    assert found == wanted if wanted[1] else not found[1]


@pytest.mark.parametrize(
    ("rare", "says"),
    [
        ("int rare;", 10_001),  # far away, found by its rare line
        ("}", 29_001),  # every line of it is thousands of times in the file: looked for where the patch says
    ],
)
def test_a_large_hunk_that_does_not_fit_a_large_file_is_judged_at_once(tmp_path: Path, rare: str, says: int):
    lines = ["}", "", "{", "  return 0;", ""] * 8000
    lines[29_500] = rare
    hunk = lines[29_000:31_000]
    hunk[1_000] = "int missing;"
    write_tree(tmp_path, {"f": "".join(f"{line}\n" for line in lines)})
    text = f"--- a/f\n+++ b/f\n@@ -{says},2000 +{says},2000 @@\n" + "".join(f" {line}\n" for line in hunk)
    patch = text.replace(" int missing;\n", "-int missing;\n+int x;\n")
    started = time.process_time()
    outcome = matching.run(parsing.parse_patch(patch.encode()), matching.Tree(str(tmp_path)))
    assert time.process_time() - started < limit(2)
    assert outcome.problems == ["f, hunk 1: expected `int missing;` at line 30001, found `}`"]
