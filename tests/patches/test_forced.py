"""A patch that a person gives with a build: what it may be, where it fits, and what is said when it does not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patch_trees import NUMBERS, changed, diff, read_tree, write_tree
from waiting import limit

from arm_ci.patches import forced, paths

FIVE = diff("src/a.txt", NUMBERS, changed(5, "five"))
TWO_NAMES = "with strip level 0 its two names are a/x/y and y; no other makes them one"
INSIDE = "expected a path inside the source tree"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", {"src/a.txt": NUMBERS, "b.txt": "one\n"})


def apply(text: str | bytes, tree: Path, strip: int = 1) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [str(file) for file in forced.apply(raw, strip, str(tree))]


def refusal(text: str | bytes, tree: Path, strip: int = 1) -> str:
    """Why a patch is refused; the tree must be as it was."""
    before = read_tree(tree)
    with pytest.raises(forced.ForcedPatchError) as refused:
        apply(text, tree, strip)
    assert read_tree(tree) == before
    return str(refused.value)


# -- what applies --------------------------------------------------------------------------------------------------


def test_a_patch_is_applied_and_each_file_is_named(tree: Path):
    text = FIVE + diff("b.txt", "one\n", None) + diff("c.txt", None, "new\n")
    assert apply(text, tree) == ["src/a.txt: 1 hunk", "b.txt: deleted, 1 hunk", "c.txt: created"]
    assert read_tree(tree) == {"src/a.txt": changed(5, "five").encode(), "c.txt": b"new\n"}


def test_hunks_elsewhere_are_named_with_their_distance(tree: Path):
    (tree / "src/a.txt").write_text("zero\n" + NUMBERS)
    applied = forced.apply(FIVE.encode(), 1, str(tree))
    assert str(applied[0]) == "src/a.txt: 1 hunk, hunk 1 at line 3, 1 line below where the patch says"
    assert forced.sentence(applied) == "1 file, 1 hunk, 1 of them not where the patch says"


def test_the_sentence_counts_files_and_hunks(tree: Path):
    both = diff("src/a.txt", NUMBERS, changed(25, "x", changed(5, "five")))
    applied = forced.apply((both + diff("c.txt", None, "new\n")).encode(), 1, str(tree))
    assert forced.sentence(applied) == "2 files, 3 hunks"


@pytest.mark.parametrize(
    "head", ["From 12ab Mon Sep 17\nFrom: A <a@b>\nSubject: [PATCH] x\n\n---\n a | 2 +-\n\n", "\ufeff"]
)
def test_a_mail_header_or_a_byte_order_mark_is_no_matter(tree: Path, head: str):
    assert apply(head + FIVE + "-- \n2.39.2\n\n", tree) == ["src/a.txt: 1 hunk"]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_windows_line_ends_and_a_missing_last_one_are_no_matter(tree: Path, end: str):
    assert apply(FIVE.rstrip("\n").replace("\n", end or "\n") + end, tree) == ["src/a.txt: 1 hunk"]
    assert (tree / "src/a.txt").read_bytes() == changed(5, "five").encode()


def test_windows_line_ends_in_half_of_the_patch_are_no_matter(tree: Path):
    lines = FIVE.splitlines(keepends=True)
    text = "".join(line.replace("\n", "\r\n") if number % 2 else line for number, line in enumerate(lines))
    assert apply("prose\n" + text, tree) == ["src/a.txt: 1 hunk"]
    assert (tree / "src/a.txt").read_bytes() == changed(5, "five").encode()


def test_a_file_with_windows_line_ends_keeps_them(tree: Path):
    (tree / "src/a.txt").write_bytes(NUMBERS.replace("\n", "\r\n").encode())
    text = diff("src/a.txt", NUMBERS, changed(5, "five\nand a half"))
    assert apply(text, tree) == ["src/a.txt: 1 hunk"]
    assert (tree / "src/a.txt").read_bytes() == changed(5, "five\nand a half").replace("\n", "\r\n").encode()


def test_lines_that_are_added_without_context_end_as_the_file_does(tree: Path):
    (tree / "src/a.txt").write_bytes(b"1\r\n2\r\n")
    assert apply("--- a/src/a.txt\n+++ b/src/a.txt\n@@ -2,0 +3 @@\n+3\n", tree) == ["src/a.txt: 1 hunk"]
    assert (tree / "src/a.txt").read_bytes() == b"1\r\n2\r\n3\r\n"


def test_a_patch_without_context_fits_exactly_where_it_says(tree: Path):
    after = NUMBERS.replace("line 5\n", "five\n").replace("line 9\n", "").replace("line 12\n", "line 12\nnew\n")
    text = diff("src/a.txt", NUMBERS, after, context=0)
    assert apply(text, tree) == ["src/a.txt: 3 hunks"]
    assert (tree / "src/a.txt").read_text() == after
    assert refusal(text, tree) == "the whole patch stands in this revision already"


def test_a_patch_without_context_fits_nowhere_else(tree: Path):
    (tree / "src/a.txt").write_text("zero\n" + NUMBERS)
    assert refusal(diff("src/a.txt", NUMBERS, changed(5, "five"), context=0), tree) == (
        "src/a.txt, hunk 1: does not fit at line 5, and has no lines around it by which it could be found"
    )


def test_a_patch_that_changes_line_ends_does_so(tree: Path):
    (tree / "b.txt").write_bytes(b"one\r\n")
    assert apply("--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-one\r\n+one\n", tree) == ["b.txt: 1 hunk"]
    assert (tree / "b.txt").read_bytes() == b"one\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_blank_that_mail_has_eaten_is_an_empty_line(tree: Path, end: str):
    before = "a\n\nb\n\n\n"
    (tree / "b.txt").write_text(before)
    text = diff("b.txt", before, before.replace("b", "c")).replace("\n \n", "\n\n").replace("\n \n", "\n\n")
    assert "\n \n" not in text
    assert apply(text.replace("\n", end), tree) == ["b.txt: 1 hunk"]
    assert (tree / "b.txt").read_text() == "a\n\nc\n\n\n"


def test_empty_lines_at_the_end_that_were_not_copied_are_there(tree: Path):
    before = "a\nb\n\n\n"
    (tree / "b.txt").write_text(before)
    text = diff("b.txt", before, before.replace("b", "c")).rstrip(" \n")
    assert apply(text, tree) == ["b.txt: 1 hunk"]


@pytest.mark.parametrize(
    ("strip", "before", "after"),
    [
        (0, "src/a.txt", "src/a.txt"),
        (0, "src/a.txt.orig", "src/a.txt"),
        (0, "src/a.txt", "src/a.txt~"),
        (1, "old/src/a.txt\t2016-11-10 12:00:00", "new/src/a.txt\t2016-11-11 12:00:00"),
        (1, "./src/a.txt", "./src/a.txt"),
        (3, "x/home/me/src/a.txt", "x/home/me/src/a.txt"),
    ],
)
def test_paths_lose_as_many_parts_as_the_strip_level_says(tree: Path, strip: int, before: str, after: str):
    hunks = FIVE.split("+++ b/src/a.txt\n")[1]
    assert apply(f"--- {before}\n+++ {after}\n{hunks}", tree, strip) == ["src/a.txt: 1 hunk"]


def test_gits_own_format_without_prefix_is_strip_level_0(tree: Path):
    text = (
        "diff --git run.sh run.sh\nnew file mode 100755\nindex 000..1\n--- /dev/null\n+++ run.sh\n@@ -0,0 +1 @@\n+x\n"
    )
    assert apply(text, tree, 0) == ["run.sh: created"]
    assert os.access(tree / "run.sh", os.X_OK)


def test_a_rename_moves_the_file_and_changes_it(tree: Path):
    text = FIVE.replace("b/src/a.txt", "b/c/d.txt").replace(
        "--- a", "similarity index 90%\nrename from src/a.txt\nrename to c/d.txt\n--- a"
    )
    assert apply(text, tree) == ["c/d.txt: renamed from src/a.txt, 1 hunk"]
    assert read_tree(tree) == {"b.txt": b"one\n", "c/d.txt": changed(5, "five").encode()}
    assert refusal(text, tree) == "the whole patch stands in this revision already"


def test_a_rename_without_changes_needs_no_hunk(tree: Path):
    text = "diff --git a/b.txt b/c.txt\nsimilarity index 100%\nrename from b.txt\nrename to c.txt\n"
    assert apply(text, tree) == ["c.txt: renamed from b.txt"]
    assert (tree / "c.txt").read_text() == "one\n"


def test_several_commits_that_change_one_file_are_applied_one_after_the_other(tree: Path):
    second = diff("src/a.txt", changed(5, "five"), changed(5, "FIVE"))
    assert apply(FIVE + second, tree) == ["src/a.txt: 1 hunk", "src/a.txt: 1 hunk"]
    assert (tree / "src/a.txt").read_text() == changed(5, "FIVE")


def test_a_file_that_diff_made_from_nothing_is_created(tree: Path):
    text = "--- old/n.txt\t1970-01-01\n+++ new/n.txt\t2016-11-11\n@@ -0,0 +1 @@\n+n\n"
    assert apply(text, tree) == ["n.txt: created"]
    (tree / "n.txt").write_text("other\n")
    assert refusal(text, tree) == "n.txt is to be created but stands in the tree already"


def test_bytes_that_are_not_utf8_are_applied_as_they_are(tree: Path):
    (tree / "b.txt").write_bytes(b"\xe4\n")
    assert apply(b"--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-\xe4\n+\xf6\n", tree) == ["b.txt: 1 hunk"]
    assert (tree / "b.txt").read_bytes() == b"\xf6\n"


# -- what can be told without the tree -----------------------------------------------------------------------------


def one(path: str, other: str | None = None) -> str:
    return f"--- {path}\n+++ {other or path}\n@@ -1 +1 @@\n-one\n+two\n"


GIT = "diff --git a/x b/x\n"


@pytest.mark.parametrize(
    ("text", "strip", "message"),
    [
        ("", 1, "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        ("please build this", 1, "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        (GIT + "index 1..2 100644\nGIT binary patch\nliteral 1\n", 1, "line 3: x: binary patches are not supported"),
        (GIT + "Binary files a/x and b/x differ\n", 1, "line 2: x: binary patches are not supported"),
        ("diff -ru o/x n/x\nBinary files o/x and n/x differ\n", 1, "line 2: binary patches are not supported"),
        (one("a/../x"), 1, f"line 1: ../x: {INSIDE}, without `.` and `..`"),
        (one("../x"), 0, f"line 1: ../x: {INSIDE}, without `.` and `..`"),
        (one("../x"), 1, f"line 1: ../x: {INSIDE}, without `.` and `..`"),
        (one("/etc/passwd"), 0, f"line 1: /etc/passwd: {INSIDE}"),
        (one("/etc/passwd"), 1, f"line 1: /etc/passwd: {INSIDE}"),
        (one("a//etc/passwd"), 1, f"line 1: /etc/passwd: {INSIDE}"),
        (one("a/.git/hooks/pre-commit"), 1, "line 1: .git/hooks/pre-commit: not a source file"),
        (one("a/sub/.GIT/config"), 1, "line 1: sub/.GIT/config: not a source file"),
        (one("x"), 1, "line 1: strip level 1 leaves nothing of x"),
        (one("a/x"), 2, "line 1: strip level 2 leaves nothing of a/x"),
        (
            one("a/src/x", "b/src/x"),
            0,
            "line 1: with strip level 0 its two names are a/src/x and b/src/x; with 1 both are src/x",
        ),
        (
            "diff --git a/x b/x\nnew file mode 100644\n",
            0,
            "line 1: with strip level 0 its two names are a/x and b/x; with 1 both are x",
        ),
        (
            GIT + "new file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n",
            1,
            "line 2: x would be a symbolic link to /etc, out of the source tree",
        ),
        (
            "diff --git a/s/x b/s/x\nnew file mode 120000\n--- /dev/null\n+++ b/s/x\n@@ -0,0 +1 @@\n+../../y\n",
            1,
            "line 2: s/x would be a symbolic link to ../../y, out of the source tree",
        ),
        (
            GIT + "new file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+README\n",
            1,
            "line 2: x is a symbolic link: only ordinary files can be patched",
        ),
        (
            GIT + "index 12..34 120000\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-README\n+../y\n",
            1,
            "line 2: x would be a symbolic link to ../y, out of the source tree",
        ),
        (
            GIT + "index 12..34 160000\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
            1,
            "line 2: mode 160000: only ordinary files (100644, 100755) can be patched",
        ),
        (
            "diff --git a/x b/y\nrename from x\nrename to ../y\n",
            1,
            f"line 1: ../y: {INSIDE}, without `.` and `..`",
        ),
        (
            "diff --git a/x b/y\ncopy from x\ncopy to y\n",
            1,
            "line 2: renames and copies are not supported: write it as one deleted and one new file",
        ),
        (
            "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n",
            1,
            "line 4: y: the diff ends before its first hunk",
        ),
        (one("a/x") + "--- a/y\n+++ b/y\n", 1, "line 7: y: the diff ends before its first hunk"),
        (
            one("a/x") + "+more\n",
            1,
            "line 6: hunk 1 has more lines than its @@ line says, or the next @@ line is lost",
        ),
        ("--- a/x/y\n+++ y\n@@ -1 +1 @@\n-a\n+b\n", 0, f"line 1: {TWO_NAMES}"),
        (one("a" * 5000), 0, "line 1: a path of 5,000 bytes: expected at most 4,096"),
        (f"diff --git {'a' * 5000} {'a' * 5000}\n", 0, "line 1: a path of 5,000 bytes: expected at most 4,096"),
        (
            f"diff --git a/x b/y\nrename from x\nrename to {'/' * 100_000}\n",
            1,
            "line 3: a path of 100,000 bytes: expected at most 4,096",
        ),
        (one("a/x") + "@@ what\n", 1, "line 6: expected `@@ -LINE,COUNT +LINE,COUNT @@`"),
    ],
)
def test_what_cannot_be_applied_anywhere_is_refused_without_a_tree(text: str, strip: int, message: str):
    with pytest.raises(forced.ForcedPatchError) as refused:
        forced.parse(text.encode(), strip)
    assert str(refused.value) == message


def test_names_of_slashes_are_refused_at_once():
    started = time.process_time()
    with pytest.raises(forced.ForcedPatchError) as refused:
        forced.parse(f"--- {'/' * 2**17}x\n+++ {'/' * 2**17}y\n@@ -1 +1 @@\n-a\n+b\n".encode(), 0)
    assert str(refused.value) == "line 1: a path of 131,073 bytes: expected at most 4,096"
    assert time.process_time() - started < limit(1)


def test_a_patch_that_is_too_large_is_refused():
    with pytest.raises(forced.ForcedPatchError) as refused:
        forced.parse(b"x" * (5 * 1024 * 1024), 1)
    assert str(refused.value) == "the patch has 5.0 MB, more than 2.0: push it as a branch and build that"


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "None", "100"])
def test_what_is_no_strip_level_is_refused(text: str):
    with pytest.raises(ValueError) as refused:
        forced.parse_strip(text)
    assert str(refused.value) == (
        f"`{text}` is not a strip level: how many leading parts of each path to leave out, 0, 1, 2, ..."
    )
    assert forced.parse_strip(" 2 ") == 2


LINES = (
    (FIVE + diff("c", None, "new\n") + GIT + "rename from x\nrename to ../y\nnew file mode 120000\nGIT binary patch\n")
    .encode()
    .splitlines()
)


@given(st.lists(st.sampled_from(LINES) | st.binary(max_size=9), max_size=25), st.integers(0, 3), st.booleans())
def test_whatever_is_pasted_is_read_or_refused_and_leads_nowhere_else(lines: list[bytes], strip: int, windows: bool):
    try:
        files = forced.parse((b"\r\n" if windows else b"\n").join(lines), strip)
    except forced.ForcedPatchError as refused:
        assert str(refused)
    else:
        named = [path for file in files for path in (file.path, file.renames) if path]
        assert not any(paths.outside(path) for path in named)


NOT_UTF8 = '--- "a/caf\\351.txt"\n+++ "b/caf\\351.txt"\n@@ -1 +1 @@\n-one\n+two\n'


def test_a_file_whose_name_is_not_utf8_is_changed_and_named_in_text(tree: Path):
    (Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.txt"))).write_text("one\n")
    assert apply(NOT_UTF8, tree) == ["caf\\xe9.txt: 1 hunk"]


def test_why_a_file_whose_name_is_not_utf8_is_refused_can_be_shown_everywhere(tree: Path):
    with pytest.raises(forced.ForcedPatchError) as refused:
        apply(NOT_UTF8 + NOT_UTF8.replace("caf", "\\033[1mcaf"), tree)
    assert str(refused.value) == "caf\\xe9.txt is not in the tree; and 1 more"
    assert refused.value.problems[1] == "\\x1b[1mcaf\\xe9.txt is not in the tree"
    with pytest.raises(forced.ForcedPatchError) as refused:
        forced.parse(NOT_UTF8.replace("/caf", "/../caf").encode(), 1)
    assert str(refused.value) == f"line 1: ../caf\\xe9.txt: {INSIDE}, without `.` and `..`"


# -- what a tree tells ---------------------------------------------------------------------------------------------


def test_a_hunk_that_does_not_fit_is_named_with_its_file_and_nothing_is_changed(tree: Path):
    text = diff("b.txt", "one\n", "two\n") + diff("src/a.txt", changed(5, "V"), changed(5, "five"))
    assert refusal(text, tree) == "src/a.txt, hunk 1: expected `V` at line 5, found `line 5`"


def test_more_than_one_problem_is_counted_and_kept(tree: Path):
    text = one("a/b2.txt") + diff("src/a.txt", changed(5, "V"), changed(5, "five"))
    with pytest.raises(forced.ForcedPatchError) as refused:
        apply(text, tree)
    assert refused.value.problems == (
        "b2.txt is not in the tree",
        "src/a.txt, hunk 1: expected `V` at line 5, found `line 5`",
    )
    assert str(refused.value) == "b2.txt is not in the tree; and 1 more"


def test_a_patch_that_is_there_already_says_so(tree: Path):
    apply(FIVE, tree)
    with pytest.raises(forced.ForcedPatchError) as refused:
        apply(FIVE, tree)
    assert str(refused.value) == "the whole patch stands in this revision already"
    assert refused.value.already


def test_a_change_that_is_there_already_is_named_beside_one_that_does_not_fit(tree: Path):
    apply(FIVE, tree)
    assert refusal(FIVE + one("a/b.txt"), tree) == (
        "src/a.txt, hunk 1: expected `line 5` at line 5, found `five` "
        "(the change of src/a.txt stands in this revision already)"
    )


@pytest.mark.parametrize(
    ("text", "strip", "message"),
    [
        (one("src/a.txt"), 1, "a.txt is not in the tree; with strip level 0 the file exists: src/a.txt"),
        (one("x/y/src/a.txt"), 1, "y/src/a.txt is not in the tree; with strip level 2 the file exists: src/a.txt"),
        (
            one("o/src/a.txt") + one("o/b.txt"),
            0,
            "o/src/a.txt is not in the tree; with strip level 1 the files exist: src/a.txt, b.txt; and 1 more",
        ),
        (one("a/nowhere"), 1, "nowhere is not in the tree"),
    ],
)
def test_another_strip_level_that_fits_is_named(tree: Path, text: str, strip: int, message: str):
    assert refusal(text, tree, strip) == message


def test_links_of_the_tree_are_not_followed(tree: Path, tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_text("one\n")
    (tree / "out").symlink_to(tmp_path / "outside")
    (tree / "link").symlink_to(tmp_path / "outside" / "f")
    rename = "diff --git a/b.txt b/out/g\nrename from b.txt\nrename to out/g\n"
    away = "diff --git a/out/f b/g\nrename from out/f\nrename to g\n"
    assert refusal(one("a/out/f"), tree) == "out is a symbolic link, out/f is behind it"
    assert refusal(diff("out/new", None, "x\n"), tree) == "out is a symbolic link, out/new is behind it"
    assert refusal(one("a/link"), tree) == "link is a symbolic link"
    assert refusal(rename, tree) == "out is a symbolic link, out/g is behind it"
    assert refusal(away, tree) == "out is a symbolic link, out/f is behind it"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["f"]
    assert (tmp_path / "outside" / "f").read_text() == "one\n"


def test_a_patch_that_makes_a_link_and_writes_through_it_is_refused(tree: Path):
    link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+src\n"
    assert refusal(link + diff("l/a.txt", NUMBERS, changed(5, "five")), tree) == (
        "line 2: l is a symbolic link: only ordinary files can be patched"
    )


def test_a_file_is_not_taken_for_a_directory(tree: Path):
    assert refusal(diff("b.txt/c", None, "x\n"), tree) == "b.txt is a file, b.txt/c is behind it"
    assert refusal(diff("n", None, "x\n") + diff("n/c", None, "x\n"), tree) == "n is a file, n/c is behind it"
    assert refusal(diff("n/c", None, "x\n") + diff("n", None, "x\n"), tree) == "n is a directory"
    assert refusal(diff("src", None, "x\n"), tree) == "src is not an ordinary file"


def test_a_rename_onto_a_file_that_is_there_is_refused(tree: Path):
    text = "diff --git a/b.txt b/src/a.txt\nrename from b.txt\nrename to src/a.txt\n"
    assert refusal(text, tree) == "b.txt is to be renamed to src/a.txt, which stands in the tree already"
