"""Artefacts come to the master with their sizes; the summary shows how to repeat the build."""

import shutil
import tempfile
from pathlib import Path

import example
from buildbot.process.remotetransfer import FileWriter
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS, WARNINGS
from buildbot.test.steps import ExpectGlob, ExpectRemoteRef, ExpectUploadFile
from step_case import StepCase

from arm_ci.steps import Artefacts, Summary


def glob(pattern, *files):
    return ExpectGlob(path=f"/w/b/build/{pattern}", log_environ=False).files(list(files)).exit(0)


def upload(path):
    return ExpectUploadFile(
        blocksize=256 * 1024, workersrc=path, workdir="/w/b/build", writer=ExpectRemoteRef(FileWriter), keepstamp=False
    )


class ArtefactsTest(StepCase):
    def use_artefacts(self, **properties):
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.use(Artefacts(example.recipe(), str(self.directory)), **properties)

    def test_files_are_kept_per_build_with_their_sizes(self):
        self.use_artefacts()
        self.expect_commands(
            glob("app", "/w/b/build/app"),
            upload("/w/b/build/app").upload_string("x" * 3 * example.MEBIBYTE).exit(0),
            glob("lib*.a", "/w/b/build/libb.a"),
            upload("/w/b/build/libb.a").upload_string("y").exit(0),
        )
        self.expect_outcome(SUCCESS, "app 3 MB, libb.a 1 B")
        self.addCleanup(
            lambda: self.assertEqual((self.directory / "demo-pc-gcc-bfd-ninja-full/7/libb.a").read_text(), "y")
        )
        return self.run_step()

    def test_a_pattern_that_matches_nothing_is_a_warning(self):
        self.use_artefacts()
        self.expect_commands(glob("app"), glob("lib*.a"))
        self.expect_outcome(WARNINGS, "nothing matches app lib*.a")
        return self.run_step()

    def test_a_build_of_other_targets_need_not_have_them(self):
        self.use_artefacts(targets="other")
        self.expect_commands(glob("app"), glob("lib*.a"))
        self.expect_outcome(SKIPPED, "not among the targets")
        return self.run_step()

    def test_a_transfer_that_fails_fails_the_step(self):
        self.use_artefacts()
        self.expect_commands(glob("app", "/w/b/build/app"), upload("/w/b/build/app").exit(1))
        self.expect_outcome(FAILURE, "`app` could not be brought to the master, see the log")
        return self.run_step()


class SummaryTest(StepCase):
    def test_every_build_shows_the_command_that_repeats_it(self):
        self.use(Summary(example.recipe()), upstream_version="1.1.0", tests_passed=3, tests_failed=0, targets="app")
        command = "arm-ci build --variant demo-pc-gcc-bfd-ninja-full --source DIR --jobs 8 --targets app"
        self.expect_outcome(SUCCESS, f"repeat it: {command}")
        self.expect_log_file(
            "summary",
            "variant           demo-pc-gcc-bfd-ninja-full\n"
            "upstream version  1.1.0\n"
            "tests passed      3\n"
            "tests failed      0\n"
            f"repeat it         {command}\n",
        )
        return self.run_step()

    def test_the_command_of_a_build_with_a_patch_names_it(self):
        self.use(Summary(example.recipe()), patch_strip=0, forced_patch="1 file, 2 hunks")
        command = "arm-ci build --variant demo-pc-gcc-bfd-ninja-full --source DIR --jobs 8 --patch FILE --strip 0"
        self.expect_outcome(SUCCESS, f"repeat it: {command}")
        self.expect_log_file(
            "summary",
            "variant           demo-pc-gcc-bfd-ninja-full\n"
            "upstream version  1.0\n"
            "forced patch      1 file, 2 hunks\n"
            f"repeat it         {command}\n"
            "FILE              the log `patch` of step forced-patch\n",
        )
        return self.run_step()

    def test_a_patch_that_its_log_does_not_have_exactly_is_to_be_decoded(self):
        self.use(Summary(example.recipe()), patch_strip=1, patch_log="patch.base64", forced_patch="1 file")
        command = "arm-ci build --variant demo-pc-gcc-bfd-ninja-full --source DIR --jobs 8 --patch FILE --strip 1"
        self.expect_outcome(SUCCESS, f"repeat it: {command}")
        self.expect_log_file(
            "summary",
            "variant           demo-pc-gcc-bfd-ninja-full\n"
            "upstream version  1.0\n"
            "forced patch      1 file\n"
            f"repeat it         {command}\n"
            "FILE              the log `patch.base64` of step forced-patch, decoded by `base64 -d`; "
            "`patch` is not exact\n",
        )
        return self.run_step()
