"""A person's patch is applied before anything else, or the build ends with the engine's own sentence."""

import json

import example
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS
from buildbot.steps.source.git import Git
from step_case import StepCase, download, shell
from twisted.internet import defer

from arm_ci.steps import ForcedPatch
from arm_ci.steps.source import Source, source_step

PATCH = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+\xe4\n"
ARGV = ("python3", "patches.pyz", "forced", "--source", "/w/b/source", "--patch", "forced.patch", "--strip", "2")


class Stamp:
    def __init__(self, patch=None):
        self.patch = patch


def answer(sentence, files=(), problems=()):
    return json.dumps({"schema": 1, "files": files, "problems": problems, "sentence": sentence})


class ForcedPatchTest(StepCase):
    def forced_patch(self, command=None, stamp=None):
        self.use(ForcedPatch(example.recipe()))
        self.build.getSourceStamp = lambda codebase="": stamp or Stamp((2, PATCH, ""))
        if command:
            names = ("patches.pyz", "forced.patch")
            self.expect_commands(*(download(name, "/w/b/support").exit(0) for name in names), command)

    def test_what_was_applied_is_said_and_listed_beside_the_patch(self):
        files = ["x: 1 hunk, hunk 1 at line 3, 2 lines below where the patch says"]
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stdout(answer("1 file, 1 hunk", files)).exit(0))
        self.expect_outcome(SUCCESS, "1 file, 1 hunk")
        self.expect_log_file("patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+\ufffd\n")
        self.expect_log_file("applied", files[0] + "\n")
        self.expect_property("patch_strip", 2)
        self.expect_property("forced_patch", "1 file, 1 hunk")
        return self.run_step()

    def test_a_patch_that_does_not_apply_ends_the_build_with_file_and_hunk(self):
        problems = ["x, hunk 1: expected `1` at line 1, found `2`", "y is not in the tree"]
        said = answer(f"{problems[0]}; and 1 more", problems=problems)
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stdout(said).exit(1))
        self.expect_outcome(FAILURE, "patch-failed: x, hunk 1: expected `1` at line 1, found `2`; and 1 more")
        self.expect_log_file("problems", "\n".join(problems) + "\n")
        return self.run_step()

    def test_an_error_of_the_system_is_shown_as_it_says_it(self):
        self.forced_patch(shell(ARGV, "/w/b/support", timeout=1800).stderr("/w/b/source: No space left\n").exit(3))
        self.expect_outcome(FAILURE, "patch-failed: /w/b/source: No space left")
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


class SourceWithPatchTest(StepCase):
    def test_buildbots_own_step_neither_applies_nor_shows_it(self):
        step = self.use(source_step(example.config(), example.PROJECT))
        seen = []
        for name in ("run_vc", "addCompleteLog"):
            self.patch(Git, name, lambda *arguments: defer.succeed(seen.append(arguments[1:])))
        step.run_vc("main", "abc", (1, PATCH, ""))
        # The helpers put a method of their own on the object.
        Source.addCompleteLog(step, "patch", "text")
        Source.addCompleteLog(step, "log", "text")
        self.assertEqual(seen, [("main", "abc", None), ("log", "text")])
