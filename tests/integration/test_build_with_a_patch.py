"""A real build with a patch of a person: it is built with it, or ends before anything is configured."""

import base64
import os
import re
import subprocess
from pathlib import Path

import pytest
from running import Site
from sample_patches import OWN_TEST, TESTS, Sample

from arm_ci.patches.paths import JOURNAL_DIRECTORY

pytestmark = pytest.mark.integration

NINJA = "sample-local-gcc-bfd-ninja-full"
MAKE = "sample-local-gcc-bfd-make-full"
SUCCESS, FAILURE = 0, 2


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site.make(tmp_path_factory.mktemp("site"))
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    assert "stopped" in site.arm_ci("stop").stdout


@pytest.fixture
def sample(tmp_path):
    return Sample.clone(tmp_path / "hungry")


def force(site, tmp_path, patch, *more, variant=NINJA):
    (tmp_path / "own.patch").write_text(patch, newline="")
    words = ("force", "--variant", variant, "--wait", "--patch", str(tmp_path / "own.patch"), *more)
    return site.arm_ci(*words), site.last_build(variant)


def test_a_patch_that_applies_is_built_and_tested(site, sample, tmp_path):
    sample.add_a_test()
    patch = sample.diff()
    done, build = force(site, tmp_path, patch)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = site.steps(build)
    assert steps["forced-patch"]["state_string"] == "2 files, 2 hunks"
    assert steps["patch-set"]["state_string"] == "upstream version unknown: 1 of 1 patches applied"
    assert steps["tests"]["state_string"] == f"hungry: {TESTS + 1} passed"
    assert site.log(steps["forced-patch"], "patch") == patch
    assert site.log(steps["forced-patch"], "applied") == "CMakeLists.txt: 1 hunk\nsrc/main.cpp: 1 hunk\n"
    assert build["properties"]["trigger"] == ["force", "Scheduler"]
    source = Path(build["properties"]["builddir"][0]) / "source"
    assert OWN_TEST in (source / "CMakeLists.txt").read_text()
    assert not {".buildbot-patched", ".buildbot-diff", JOURNAL_DIRECTORY} & set(os.listdir(source))


def test_the_command_on_its_page_repeats_it_without_a_master(site, sample, tmp_path):
    sample.add_a_test()
    _, build = force(site, tmp_path, sample.diff("--no-prefix"), "--strip", "0")
    command = site.steps(build)["summary"]["state_string"].removeprefix("repeat it: ")
    pattern = rf"arm-ci (build --variant {NINJA} --source )DIR( --jobs \d+ --patch )FILE( --strip 0)"
    words = "".join(re.fullmatch(pattern, command).group(1, 2, 3)).split()
    source = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", site.state / "sources" / "sample.git", source], check=True)
    places = {"--source": str(source), "--patch": str(tmp_path / "own.patch")}
    done = site.arm_ci(*(each for word in words for each in (word, places.get(word)) if each))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"hungry: {TESTS + 1} passed" in done.stdout


def test_the_next_build_of_the_variant_has_nothing_of_the_patch(site):
    done = site.arm_ci("force", "--variant", NINJA, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = site.steps(site.last_build(NINJA))
    assert steps["forced-patch"]["hidden"]
    assert steps["tests"]["state_string"] == f"hungry: {TESTS} passed"


def test_a_patch_that_does_not_apply_ends_the_build_before_anything_is_configured(site, sample, tmp_path):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 0.9.0")
    sample.commit("an older state")
    sample.edit("src/main.cpp", "hungry 0.9.0", "hungry 0.9.1")
    done, build = force(site, tmp_path, sample.diff())
    assert (done.returncode, build["results"]) == (1, FAILURE)
    found = 'std::printf("hungry 1.0.0: %zu hungry sources, %zu object...`'
    sentence = (
        f"patch-failed: src/main.cpp, hunk 1: expected `{found.replace('1.0.0', '0.9.0')} at line 79, found `{found}"
    )
    steps = site.steps(build)
    assert steps["forced-patch"]["state_string"] == sentence
    assert build["state_string"] == f"failed forced-patch: {sentence}"
    assert site.get(f"builds/{build['buildid']}/properties")["properties"][0]["verdict"][0] == "patch-failed"
    assert "Rebase the patch onto the revision that is built" in site.log(steps["forced-patch"], "verdict")
    assert not {"patch-set", "configure", "build"} & {name for name, step in steps.items() if step["started_at"]}
    assert sentence in done.stdout


def test_a_patch_that_is_there_already_says_so(site, sample, tmp_path):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 0.9.0")
    sample.commit("an older state")
    sample.edit("src/main.cpp", "hungry 0.9.0", "hungry 1.0.0")
    _, build = force(site, tmp_path, sample.diff())
    assert build["state_string"] == (
        "failed forced-patch: patch-failed: the whole patch stands in this revision already"
    )


def test_a_strip_level_that_would_fit_is_named(site, sample, tmp_path):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 1.0.1")
    _, build = force(site, tmp_path, sample.diff("--no-prefix"))
    assert build["state_string"] == (
        "failed forced-patch: patch-failed: main.cpp is not in the tree; with strip level 0 the file exists: "
        "src/main.cpp"
    )


def test_a_file_whose_name_is_not_utf8_is_named_in_the_build(site, tmp_path):
    patch = '--- "a/caf\\351.txt"\n+++ "b/caf\\351.txt"\n@@ -1 +1 @@\n-a\n+b\n'
    _, build = force(site, tmp_path, patch)
    sentence = r"caf\xe9.txt is not in the tree"
    assert build["state_string"] == f"failed forced-patch: patch-failed: {sentence}"
    assert site.log(site.steps(build)["forced-patch"], "problems") == f"{sentence}\n"


def test_a_patch_that_its_log_would_change_is_kept_exactly_beside_it(site, tmp_path):
    patch = "--- a/no\n+++ b/no\n@@ -1 +1 @@\n-a\r\n+b\x08ä\n"
    _, build = force(site, tmp_path, patch)
    steps = site.steps(build)
    assert base64.b64decode(site.log(steps["forced-patch"], "patch_base64")).decode() == patch
    assert site.log(steps["forced-patch"], "patch") == "--- a/no\n+++ b/no\n@@ -1 +1 @@\n-a\n+b\nä\n"
    file = re.search(r"^FILE +(.*)$", site.log(steps["summary"], "summary"), re.MULTILINE)
    assert file.group(1) == (
        "the log `patch.base64` of step forced-patch, decoded by `base64 -d`; `patch` is not exact"
    )


def test_one_form_builds_several_variants_in_one_build_set(site):
    from arm_ci.cli.rest import Master

    request = Master(site.url).force("force-sample", NINJA, {"main_branch": "main", "generators": ["ninja", "make"]})
    (asked,) = site.get(f"buildrequests/{request}")["buildrequests"]
    requests = site.get(f"buildrequests?buildsetid={asked['buildsetid']}")["buildrequests"]
    names = {site.get(f"builders/{each['builderid']}")["builders"][0]["name"] for each in requests}
    assert names == {NINJA, MAKE}
    (stamp,) = site.get(f"buildsets/{asked['buildsetid']}")["buildsets"][0]["sourcestamps"]
    assert (stamp["branch"], stamp["patch"]) == ("main", None)
