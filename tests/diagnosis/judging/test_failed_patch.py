"""A patch that could not be applied is a verdict: file, hunk, the engine's words, and what to do about it."""

import pytest

from arm_ci.diagnosis.judging.failed_patch import forced_patch_failed, patch_set_failed, patching_failed
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.verdict import Advice, Evidence
from arm_ci.patches import forced
from arm_ci.patches.forced import ForcedPatchError

PROBLEMS = ["src/x.c, hunk 2: expected `1` at line 7, found `2`", "y.c is not in the tree"]


def test_a_patch_of_a_person_names_the_first_place_where_it_does_not_fit():
    verdict = forced_patch_failed(f"{PROBLEMS[0]}; and 1 more", PROBLEMS)
    assert (verdict.kind, verdict.confidence, verdict.output) == ("patch-failed", "certain", "src/x.c")
    assert verdict.sentence == "patch-failed: src/x.c, hunk 2: expected `1` at line 7, found `2`; and 1 more"
    assert verdict.evidence == tuple(
        Evidence("patch engine", None, problem, "the patch does not fit there") for problem in PROBLEMS
    )
    assert verdict.advice == (
        Advice(
            "Rebase the patch onto the revision that is built, and give it again.",
            "The first place where it does not fit is src/x.c, hunk 2: expected `1` at line 7, found `2`.",
        ),
    )
    html = page(verdict, None)
    assert "src/x.c" in html
    assert "patch engine" in html


def test_another_strip_level_that_fits_is_the_advice():
    words = "x.c is not in the tree; with strip level 0 the file exists: a/x.c"
    (advice,) = forced_patch_failed(words, [words]).advice
    assert (advice.text, advice.because) == (
        "Give the patch with strip level 0.",
        "With strip level 0 the file exists: a/x.c.",
    )


def test_a_patch_that_is_there_already_is_left_out():
    words = "the whole patch stands in this revision already"
    verdict = forced_patch_failed(words, [words])
    assert verdict.output is None
    assert verdict.advice == (
        Advice(
            "Build the revision without the patch: it has the change.",
            "The whole patch stands in this revision already.",
        ),
    )


def test_a_patch_of_the_set_is_for_whoever_keeps_it():
    verdict = patch_set_failed("arm", "CMakeLists.txt, hunk 1: expected `a` at line 3, found `b`")
    assert verdict.sentence == "patch-failed: arm: CMakeLists.txt, hunk 1: expected `a` at line 3, found `b`"
    assert verdict.output == "CMakeLists.txt"
    assert verdict.advice == (
        Advice(
            "Change `arm` so that it fits this version of upstream, or say in series.yaml which versions need it.",
            "The place where it does not fit is CMakeLists.txt, hunk 1: expected `a` at line 3, found `b`.",
        ),
    )


def test_an_engine_that_could_not_work_is_quoted():
    verdict = patching_failed("/b/source: No space left on device")
    assert verdict.sentence == "patch-failed: /b/source: No space left on device"
    assert [each.text for each in verdict.evidence] == ["/b/source: No space left on device"]
    assert verdict.advice == ()


@pytest.mark.parametrize(
    ("diff", "strip", "file"),
    [
        (b"--- a/src/x.c\n+++ b/src/x.c\n@@ -1 +1 @@\n-2\n+3\n", 1, "src/x.c"),
        (b"--- a/y.c\n+++ b/y.c\n@@ -1 +1 @@\n-2\n+3\n", 1, "y.c"),
        (b"--- a/src\n+++ b/src\n@@ -1 +1 @@\n-2\n+3\n", 1, "src"),
        (b"--- /dev/null\n+++ b/src/x.c\n@@ -0,0 +1 @@\n+3\n", 1, "src/x.c"),
        (b"not a patch\n", 1, None),
    ],
)
def test_the_file_is_the_engines_whatever_does_not_fit(tmp_path, diff, strip, file):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x.c").write_text("1\n")
    with pytest.raises(ForcedPatchError) as refused:
        forced.apply(diff, strip, str(tmp_path))
    assert forced_patch_failed(str(refused.value), refused.value.problems).output == file
