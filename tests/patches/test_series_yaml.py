"""Reading series.yaml and headers: every mistake with its place, word for word, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from patch_trees import diff, write_tree

from arm_ci.patches import engine, series
from arm_ci.plan.patching import known_names

KNOWN = known_names()
HEADER = "Title\n\nWhat: this\n  and that\nWhy: because\nUpstream: X-1\nNeeded for: all\n\n"
PATCH = HEADER + diff("a", "x\n", "y\n")
GOOD = """\
patches:
  - file: one.patch
    needed_for:
      versions: ">=1.0, <2.0"
      architectures: [arm64]
      compilers: {gcc: ">=7", clang: ""}
      generators: [ninja]
      os: ["debian-*"]
    upstream:
      - file: src/x
        pattern: fixed
  - file: two.patch
"""


def write(tmp_path: Path, yaml: str, **patches: str) -> Path:
    files = {f"{name}.patch": text for name, text in (patches or {"one": PATCH, "two": PATCH}).items()}
    return write_tree(tmp_path / "example", {"series.yaml": yaml, **files})


def problems(directory: Path) -> list[str]:
    with pytest.raises(series.SeriesError) as refused:
        series.read(directory, KNOWN)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return [problem.replace(f"{directory}/", "") for problem in refused.value.problems]


def test_a_series_is_read_in_its_order_with_titles_and_headers(tmp_path: Path):
    patch_set = series.read(write(tmp_path, GOOD), KNOWN)
    assert [patch.name for patch in patch_set.patches] == ["one", "two"]
    first = patch_set.patches[0]
    assert first.title == "Title"
    assert first.header == {"What": "this and that", "Why": "because", "Upstream": "X-1", "Needed for": "all"}


def test_the_bundle_is_what_the_engine_takes(tmp_path: Path):
    bundle = series.bundle("example", write(tmp_path, GOOD), KNOWN, "configure.ac", "AC_INIT.([0-9.]+)")
    loaded = engine.load_bundle(bundle)
    assert loaded.version == engine.Marker("configure.ac", "AC_INIT.([0-9.]+)")
    assert loaded.patches[0].needed_for == engine.Conditions(
        ">=1.0, <2.0", ("arm64",), (("gcc", ">=7"), ("clang", "")), ("ninja",), ("debian-*",)
    )
    assert loaded.patches[0].upstream == (engine.Marker("src/x", "fixed"),)
    assert loaded.patches[1].needed_for == engine.Conditions()


def test_a_project_without_a_directory_has_no_patches(tmp_path: Path):
    assert series.bundle("example", None, KNOWN)["patches"] == []


def test_a_directory_that_is_not_there_is_a_mistake(tmp_path: Path):
    assert problems(tmp_path / "none") == [
        f"{tmp_path}/none:1:1: no such directory; it holds series.yaml and the patches"
    ]


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("", ["series.yaml:1:1: empty: expected `patches:` and a list"]),
        ("[]", ["series.yaml:1:1: series.yaml: expected a mapping, found a list"]),
        ("{}", ["series.yaml:1:1: expected `patches:` and a list"]),
        ("patches: one.patch", ["series.yaml:1:10: patches: expected a list, found `one.patch`"]),
        ("patches: [\n", ["series.yaml:2:1: not YAML: expected the node content, but found '<stream end>'"]),
        (
            "patches:\n  - file: one.patch\n    needed_for: {versions: >=1}\n",
            ["series.yaml:3:28: not YAML: found character '>' that cannot start any token; quote version ranges"],
        ),
        (
            "patches:\n  - file: one.patch\n    needed_for:\n      versions: >=1\n",
            [
                "series.yaml:4:18: not YAML: expected chomping or indentation indicators, but found '='; "
                "quote version ranges"
            ],
        ),
        (
            "patches:\n  - fiel: one.patch\n",
            [
                "series.yaml:2:5: patch: key `file` is missing: expected the name of a .patch file beside this one",
                "series.yaml:2:5: patch: unknown key `fiel`; did you mean `file`?",
            ],
        ),
        (
            "patches:\n  - file: one.patch\n  - file: one.patch\n",
            ["series.yaml:3:11: file: `one.patch` is listed already in line 2"],
        ),
        (
            "patches:\n  - file: one.patch\n    file: one.patch\n",
            ["series.yaml:3:5: patch: key `file` is there twice"],
        ),
        (
            "patches:\n  - file: on.patch\n",
            ["series.yaml:2:11: file: there is no `on.patch`; did you mean `one.patch`?"],
        ),
        (
            "patches:\n  - file: ../one.patch\n",
            ["series.yaml:2:11: file: expected the name of a .patch file beside this one, found `../one.patch`"],
        ),
        (
            "patches:\n  - file: one.patch\n    needed_for:\n      versions: 1.1\n      architectures: [arm65, x]\n"
            "      compilers: {gc: '', clang: new}\n      generators: ninja\n      os: [[]]\n",
            [
                "series.yaml:4:17: versions: `1.1` is not a version range: expected for example `>=1.0.0, <1.5.0`",
                "series.yaml:5:23: architectures: unknown name `arm65`; did you mean `arm64`?",
                "series.yaml:5:30: architectures: unknown name `x`; expected one of `armhf`, `arm64`, `amd64`, `i386`",
                "series.yaml:6:19: compilers: unknown key `gc`; did you mean `gcc`?",
                "series.yaml:6:34: clang: `new` is not a version range: expected for example `>=1.0.0, <1.5.0`",
                "series.yaml:7:19: generators: expected a list, found `ninja`",
                "series.yaml:8:12: os: expected text, found a list",
            ],
        ),
        (
            "patches:\n  - file: one.patch\n    upstream:\n      - file: ../x\n"
            "      - {file: x, pattern: '('}\n      - x\n",
            [
                "series.yaml:4:9: upstream: key `pattern` is missing",
                "series.yaml:4:15: file: ../x: expected a path inside the source tree, without `.` and `..`",
                "series.yaml:5:28: pattern: not a regular expression: missing ), unterminated subpattern at position 0",
                "series.yaml:6:9: upstream: expected a mapping, found `x`",
            ],
        ),
    ],
)
def test_mistakes_in_the_series_are_told_with_their_place(tmp_path: Path, yaml: str, expected: list[str]):
    listed = [line for line in problems(write(tmp_path, yaml, one=PATCH)) if not line.startswith("one.patch:1:1: not")]
    assert listed == expected


def test_a_patch_that_is_not_listed_and_a_missing_series_are_told(tmp_path: Path):
    assert problems(write_tree(tmp_path / "example", {"one.patch": PATCH})) == [
        "series.yaml:1:1: no such file: it names the patches in the order in which they are applied",
    ]
    assert problems(write(tmp_path, "patches: []", one=PATCH)) == [
        "one.patch:1:1: not listed in series.yaml: list it or remove it",
    ]


def test_a_header_that_lacks_something_and_a_malformed_diff_are_told(tmp_path: Path):
    directory = write(
        tmp_path,
        "patches: [{file: one.patch}, {file: two.patch}]",
        one="What: x\nWhy:\n\n" + diff("a", "x\n", "y\n"),
        two=HEADER + "--- a/x\n+++ b/x\n@@ -1 +1 @@\n*a\n",
    )
    assert problems(directory) == [
        "one.patch:1:1: expected a title: one line that says what the patch does",
        "one.patch:1:1: the header lacks a line `Needed for: ...`",
        "one.patch:1:1: the header lacks a line `Upstream: ...`",
        "one.patch:1:1: the header lacks a line `What: ...`",
        "one.patch:1:1: the header lacks a line `Why: ...`",
        "two.patch:12:1: hunk 1: expected a line that starts with a blank, + or -",
    ]
