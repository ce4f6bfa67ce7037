"""A person's patch is applied before anything else, or the build ends with the engine's own sentence."""

import base64
import json

import example
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS
from buildbot.steps.source.git import Git
from step_case import StepCase, download, shell, shipped
from twisted.internet import defer
from twisted.trial import unittest

from arm_ci.plan.archives import patch_engine
from arm_ci.steps import ForcedPatch
from arm_ci.steps.forced_patch import keeps_exactly
from arm_ci.steps.source import Source, source_step

PATCH = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+\xe4\n"
ARGV = ("python3", patch_engine().name, "forced", "--source", "/w/b/source", "--patch", "forced.patch", "--strip", "2")


class Stamp:
    def __init__(self, patch=None):
        self.patch = patch


def answer(sentence, files=(), problems=()):
    return json.dumps({"schema": 1, "files": files, "problems": problems, "sentence": sentence})


class ForcedPatchTest(StepCase):
    def forced_patch(self, command=None, stamp=None):
        step = self.use(ForcedPatch(example.recipe()))
        self.build.getSourceStamp = lambda codebase="": stamp or Stamp((2, PATCH, ""))
        if command:
            self.expect_commands(shipped(patch_engine()), download("forced.patch", "/w/b/support").exit(0), command)
        return step

    def test_what_was_applied_is_said_and_listed_beside_the_patch(self):
        files = ["x: 1 hunk, hunk 1 at line 3, 2 lines below where the patch says"]
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stdout(answer("1 file, 1 hunk", files)).exit(0))
        self.expect_outcome(SUCCESS, "1 file, 1 hunk")
        self.expect_log_file("patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+\ufffd\n")
        self.expect_log_file("patch.base64", "LS0tIGEveAorKysgYi94CkBAIC0xICsxIEBACi0xCivkCg==\n")
        self.expect_property("patch_log", "patch.base64")
        self.expect_log_file("applied", files[0] + "\n")
        self.expect_property("patch_strip", 2)
        self.expect_property("forced_patch", "1 file, 1 hunk")
        return self.run_step()

    def test_a_patch_that_a_log_keeps_has_one_log(self):
        stamp = Stamp((2, PATCH[:-3] + b"+\xc3\xa4", ""))
        command = shell(ARGV, "/w/b/support", timeout=1800).stdout(answer("1 file, 1 hunk")).exit(0)
        step = self.forced_patch(command, stamp)
        self.expect_outcome(SUCCESS, "1 file, 1 hunk")
        self.expect_log_file("patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+ä\n")
        self.expect_property("patch_log", "patch")
        self.addCleanup(lambda: self.assertNotIn("patch.base64", step.logs))
        return self.run_step()

    def test_a_windows_patch_without_a_last_line_end_is_kept_without_one(self):
        windows = PATCH[:-3].replace(b"\n", b"\r\n") + b"+b"
        command = shell(ARGV, "/w/b/support", timeout=1800).stdout(answer("1 file, 1 hunk")).exit(0)
        self.forced_patch(command, Stamp((2, windows, "")))
        self.expect_outcome(SUCCESS, "1 file, 1 hunk")
        self.expect_log_file("patch.base64", base64.encodebytes(windows).decode())
        return self.run_step()

    def test_a_patch_that_does_not_apply_ends_the_build_with_file_and_hunk(self):
        problems = ["x, hunk 1: expected `1` at line 1, found `2`", "y is not in the tree"]
        said = answer(f"{problems[0]}; and 1 more", problems=problems)
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stdout(said).exit(1))
        self.expect_outcome(FAILURE, "patch-failed: x, hunk 1: expected `1` at line 1, found `2`; and 1 more")
        self.expect_log_file("problems", "\n".join(problems) + "\n")
        self.expect_verdict("patch-failed")
        return self.run_step()

    def test_an_error_of_the_system_is_shown_as_it_says_it(self):
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stderr("/w/b/source: No space left\n").exit(3))
        self.expect_outcome(FAILURE, "patch-failed: /w/b/source: No space left")
        self.expect_verdict("patch-failed")
        return self.run_step()

    def test_a_build_without_a_patch_does_not_show_the_step(self):
        self.forced_patch(stamp=Stamp())
        self.expect_outcome(SKIPPED)
        self.expect_hidden(True)
        return self.run_step()

    def test_an_empty_patch_is_none(self):
        self.forced_patch(stamp=Stamp((1, b"", "")))
        self.expect_outcome(SKIPPED)
        return self.run_step()


CURSOR = (b"\x1b[2J", b"\x1b[1;1H", b"\x1b[u")


class ExactLogTest(unittest.TestCase):
    def test_a_log_keeps_what_it_neither_splits_nor_cuts(self):
        kept = (b"\t", b"\x1b[1m", b"\x0c", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"x" * 60_000)
        self.assertEqual([keeps_exactly(b"a" + each + b"b\n") for each in kept], [True] * len(kept))

    def test_a_log_changes_line_ends_cursor_codes_other_encodings_and_long_lines(self):
        changed = (b"\r", b"\r\n", b"\x08", *CURSOR, b"\xe9", b"x" * 70_000)
        self.assertEqual([keeps_exactly(b"a" + each + b"b\n") for each in changed], [False] * len(changed))
        self.assertFalse(keeps_exactly(b"a\r\n"))


class SourceWithPatchTest(StepCase):
    def test_buildbots_own_step_neither_applies_nor_shows_it(self):
        step = self.use(source_step(example.PROJECT, "https://example.org/app.git"))
        seen = []
        for name in ("run_vc", "addCompleteLog"):
            self.patch(Git, name, lambda *arguments: defer.succeed(seen.append(arguments[1:])))
        step.run_vc("main", "abc", (1, PATCH, ""))
        # The helpers put a method of their own on the object.
        Source.addCompleteLog(step, "patch", "text")
        Source.addCompleteLog(step, "log", "text")
        self.assertEqual(seen, [("main", "abc", None), ("log", "text")])
