"""What the engine reads as a patch and as a bundle, and what it refuses, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from patch_trees import NUMBERS, changed, diff

from arm_ci.patches import diffs, engine, parsing

SIMPLE = diff("src/a.txt", NUMBERS, changed(15, "fifteen"), context=1)

MORE = "hunk 1 has more lines than its @@ line says, or the next @@ line is lost"


def test_prose_before_between_and_after_diffs_is_skipped():
    text = "Title\n--- not a file\n\nWhy: because\n\n" + SIMPLE + "-- \n2.39.2\n" + diff("b", None, "x\n") + "\nend\n"
    files = parsing.parse_patch(text.encode())
    assert [(file.path, file.creates, len(file.hunks)) for file in files] == [("src/a.txt", False, 1), ("b", True, 1)]


def test_a_diff_without_gits_own_lines_is_read():
    text = "--- a/x\t2016-11-10 12:00:00\n+++ b/x\t2016-11-11 12:00:00\n@@ -1 +1 @@\n-a\n+b\n"
    assert parsing.parse_patch(text.encode())[0].path == "x"


def test_quoted_names_are_read():
    text = '--- "a/\\303\\274 \\"x\\".txt"\n+++ "b/\\303\\274 \\"x\\".txt"\n@@ -1 +1 @@\n-a\n+b\n'
    assert parsing.parse_patch(text.encode())[0].path == 'ü "x".txt'


def test_a_change_of_mode_alone_is_read():
    file = parsing.parse_patch(b"diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n")[0]
    assert (file.path, file.before_executable, file.after_executable) == ("run.sh", False, True)


def test_a_patch_file_with_dos_line_ends_throughout_reads_as_one_without():
    assert parsing.parse_patch(SIMPLE.replace("\n", "\r\n").encode()) == parsing.parse_patch(SIMPLE.encode())


@pytest.mark.parametrize("hashes", ["0000000..e69de29", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391..0000000"])
def test_an_empty_file_comes_and_goes_without_a_hunk(hashes: str):
    kind = "new" if hashes.startswith("0") else "deleted"
    text = f"diff --git a/x b/x\n{kind} file mode 100644\nindex {hashes}\n{SIMPLE}"
    (file, _) = parsing.parse_patch(text.encode())
    assert (file.path, file.creates, file.deletes, file.hunks) == ("x", kind == "new", kind == "deleted", ())


@pytest.mark.parametrize(
    "between",
    [
        "-- \n2.39.2\n\n\nFrom 12ab Mon Sep 17 00:00:00 2001\nSubject: y\n\n---\n b | 1 +\n 1 file changed\n\n",
        "--\n2.39.2\n",
        "\ncommit 12ab\nAuthor: A <a@b>\n\n    Why\n\n    + a list\n\n",
        "\n  Regards,\n  Ann\n",
        "\n- a remark\n",
        "Index: b\n=======\n",
        " \n",
    ],
)
def test_text_between_diffs_is_that_of_mails_and_logs(between: str):
    assert len(parsing.parse_patch((SIMPLE + between + diff("b", None, "x\n") + between).encode())) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing here\n", "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        ("", "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        ("@@ -1 +1 @@\n-a\n+b\n", "line 1: a hunk without the lines `--- a/FILE` and `+++ b/FILE` before it"),
        ("--- x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "line 1: x: expected a path that starts with a/ (git's format)"),
        (
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n",
            "line 5: hunk 1 ends too early: 0 old and 1 new lines lack",
        ),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\nfoo\n", "line 4: hunk 1: expected a line that starts with a blank, + or -"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n+a\n+b\n-c\n", "line 6: hunk 1 has more lines than its @@ line says"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n a\n", "line 4: hunk 1 changes nothing"),
        ("--- a/x\n+++ b/x\n@@ what\n", "line 3: expected `@@ -LINE,COUNT +LINE,COUNT @@`"),
        ("--- a/x\n+++ b/x\n", "line 2: x: the diff ends before its first hunk"),
        ("diff --git a/x b/x\nindex 1..2 100644\n", "line 2: x: the diff ends before its first hunk"),
        ("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n", "line 3: x: the diff ends before its first hunk"),
        (SIMPLE + "diff --git a/y b/y\n", "line 9: y: the diff ends before its first hunk"),
        (SIMPLE + "--- a/y\n+++ b/y\n\n@@ -1 +1 @@\n-a\n+b\n", "line 11: y: the diff ends before its first hunk"),
        (
            "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..1234567\n",
            "line 3: x: the diff ends before its first hunk",
        ),
        (
            "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n",
            "line 4: x: the diff ends before its first hunk",
        ),
        (SIMPLE + "+one more\n", f"line 9: {MORE}"),
        (SIMPLE + " one more\n", f"line 9: {MORE}"),
        (SIMPLE + "-- one more\n", f"line 9: {MORE}"),
        (SIMPLE + "--- one more\n", f"line 9: {MORE}"),
        (SIMPLE + " \n-one more\n", f"line 10: {MORE}"),
        (SIMPLE + "\n\n+one more\n", f"line 11: {MORE}"),
        (SIMPLE + SIMPLE.split("@@\n")[1], f"line 9: {MORE}"),
        (SIMPLE + "\t@@ -1 +1 @@\n", "line 9: expected `@@ -LINE,COUNT +LINE,COUNT @@` without blanks before it"),
        (SIMPLE + "\n  @@ -1 +1 @@\n", "line 10: expected `@@ -LINE,COUNT +LINE,COUNT @@` without blanks before it"),
        (SIMPLE + SIMPLE, "two diffs for src/a.txt: join them"),
        (
            "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n",
            "line 3: renames and copies are not supported: write it as one deleted and one new file",
        ),
        (
            "--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n",
            "line 1: renames x to y: write it as one deleted and one new file",
        ),
        (
            "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 1\n",
            "line 3: x: binary patches are not supported",
        ),
        (
            "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n",
            "line 2: mode 120000: only ordinary files (100644, 100755) can be patched",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_line(text: str, message: str):
    with pytest.raises(diffs.BundleError) as refused:
        parsing.parse_patch(text.encode())
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../x", "../x: expected a path inside the source tree, without `.` and `..`"),
        ("src/../../x", "src/../../x: expected a path inside the source tree, without `.` and `..`"),
        ("src//x", "src//x: expected a path inside the source tree, without `.` and `..`"),
        ("/etc/passwd", "/etc/passwd: expected a path inside the source tree"),
        ("src\\..\\x", "src\\..\\x: expected a path inside the source tree"),
        (".git/hooks/post-checkout", ".git/hooks/post-checkout: not a source file"),
        ("sub/.git/config", "sub/.git/config: not a source file"),
        (".arm_ci-patches/journal.json", ".arm_ci-patches/journal.json: not a source file"),
    ],
)
def test_a_path_that_leads_out_of_the_sources_is_refused(path: str, message: str):
    with pytest.raises(diffs.BundleError) as refused:
        parsing.parse_patch(f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n".encode())
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        ([], "expected a bundle with `schema` 1"),
        ({"schema": 2}, "expected a bundle with `schema` 1"),
        ({"schema": 1, "project": "x"}, "the bundle: `patches`: expected a list"),
        ({"schema": 1, "project": 7, "patches": []}, "the bundle: `project`: expected text"),
        ({"schema": 1, "project": "x", "patches": ["y"]}, "patch 1: expected an object"),
        ({"schema": 1, "project": "x", "patches": [{"text": "y"}]}, "patch 1: `name`: expected text"),
        (
            {"schema": 1, "project": "x", "patches": [], "version": {"file": "../x", "pattern": "x"}},
            "`version`: ../x: expected a path inside the source tree, without `.` and `..`",
        ),
        (
            {"schema": 1, "project": "x", "patches": [], "version": {"file": "x", "pattern": "("}},
            "`version`: `(` is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_a_malformed_bundle_is_refused(bundle: Any, message: str):
    with pytest.raises(diffs.BundleError) as refused:
        engine.load_bundle(bundle)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"needed_for": []}, "p: `needed_for`: expected an object"),
        ({"needed_for": {"weather": "fine"}}, "p: `needed_for`: unknown condition `weather`"),
        ({"needed_for": {"generators": "ninja"}}, "p: `needed_for.generators`: expected a list of names"),
        (
            {"needed_for": {"versions": "1.1.0"}},
            "p: `1.1.0` is not a version range: expected for example `>=1.0.0, <1.5.0`",
        ),
        ({"needed_for": {"versions": 1}}, "p: `needed_for`: expected a version range as text"),
        (
            {"needed_for": {"compilers": ["gcc"]}},
            "p: `needed_for.compilers`: expected an object of family and version range",
        ),
        ({"upstream": "x"}, "p: `upstream`: expected a list of file and pattern"),
        ({"upstream": [{"file": "x"}]}, "p: `upstream`: `pattern`: expected text"),
        ({"text": "--- a/x\n"}, "p: no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
    ],
)
def test_a_malformed_patch_of_a_bundle_is_refused_with_its_name(patch: dict[str, Any], message: str):
    with pytest.raises(diffs.BundleError) as refused:
        engine.load_bundle({"schema": 1, "project": "x", "patches": [{"name": "p", "text": SIMPLE, **patch}]})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("version", "expression", "inside"),
    [
        ("1.1.0", ">=1.0.0, <1.5.0", True),
        ("1.5.0", ">=1.0.0, <1.5.0", False),
        ("1.10.0", "<1.9", False),
        ("1.2", "==1.2.0", True),
        ("1.2.0-rc1", "==1.2", True),
        ("12", ">=7", True),
        ("3", "!=3.0", False),
        ("3", "", True),
        ("3", ">3", False),
        ("3", "<=3", True),
    ],
)
def test_versions_compare_by_numbers(version: str, expression: str, inside: bool):
    assert engine.in_range(version, expression) is inside
