"""Each patch and its state stand in the build."""

import json

import example
from buildbot.process.results import FAILURE, SUCCESS
from step_case import StepCase, download, shell, shipped

from arm_ci.plan.archives import patch_engine
from arm_ci.steps import PatchSet

ARGV = (
    "python3", patch_engine().name, "apply", "--source", "/w/b/source", "--bundle", "patches.json",
    "--architecture", "amd64", "--compiler", "gcc", "--compiler-version", "12.2.0", "--generator", "ninja",
    "--os", "debian-12",
)  # fmt: skip


def answer(patches, applied=(), version="1.1.0"):
    return json.dumps({"schema": 1, "version": version, "patches": patches, "applied": list(applied)})


def patch(name, state, reason):
    return {"name": name, "state": state, "reason": reason}


class PatchSetTest(StepCase):
    def patch_set(self, command):
        self.use(PatchSet(example.recipe()), compiler_version="12.2.0", os="debian-12")
        self.expect_commands(shipped(patch_engine()), download("patches.json", "/w/b/support").exit(0), command)

    def test_states_are_counted_and_listed(self):
        patches = [patch("byproducts", "applies", "changes a"), patch("arm", "not needed", "needed for arm64")]
        self.patch_set(shell(ARGV, "/w/b/support", timeout=1800).stdout(answer(patches, ["byproducts"])).exit(0))
        self.expect_outcome(SUCCESS, "upstream version 1.1.0: 1 of 2 patches applied, 1 not needed")
        self.expect_property("upstream_version", "1.1.0")
        self.expect_log_file(
            "patches",
            "upstream version 1.1.0\n\napplies     byproducts  changes a\nnot needed  arm         needed for arm64\n",
        )
        return self.run_step()

    def test_a_conflict_ends_the_build_and_names_file_and_hunk(self):
        reason = "CMakeLists.txt, hunk 1: line 3 is `b` where `a` was expected"
        self.patch_set(
            shell(ARGV, "/w/b/support", timeout=1800).stdout(answer([patch("p", "conflicts", reason)])).exit(1)
        )
        self.expect_outcome(FAILURE, f"patch-failed: p: {reason}")
        self.expect_verdict("patch-failed")
        return self.run_step()

    def test_an_error_of_the_engine_is_shown_as_it_says_it(self):
        self.patch_set(
            shell(ARGV, "/w/b/support", timeout=1800).stderr("/w/b/source: No space left on device\n").exit(3)
        )
        self.expect_outcome(FAILURE, "patch-failed: /w/b/source: No space left on device")
        self.expect_verdict("patch-failed")
        return self.run_step()

    def test_a_project_without_patches_still_tells_its_version(self):
        self.patch_set(shell(ARGV, "/w/b/support", timeout=1800).stdout(answer([])).exit(0))
        self.expect_outcome(SUCCESS, "upstream version 1.1.0: no patches")
        return self.run_step()
