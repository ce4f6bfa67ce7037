"""A person pastes a patch into the force form: a real Chromium, a real master, real builds."""

import re
import shutil

import chromium
import pytest
from playwright.sync_api import expect
from running import PROJECTS, Site
from sample_patches import TESTS, Sample

pytestmark = chromium.MARKS

NINJA = "sample-local-gcc-bfd-ninja-full"
MAKE = "sample-local-gcc-bfd-make-full"
PRINTF = 'std::printf("hungry {}: %zu hungry sources, %zu object...'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running master with the sample, in which a link leads out of the tree."""
    directory = tmp_path_factory.mktemp("site")
    sample = Sample.clone(directory / "hungry").directory
    shutil.rmtree(sample / ".git")
    (directory / "outside").mkdir()
    (sample / "out").symlink_to(directory / "outside")
    site = Site.make(directory, projects=PROJECTS.replace("{sample}", str(sample)))
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    assert list((directory / "outside").iterdir()) == []
    site.arm_ci("stop")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium.opened(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(site, browser):
    """The force form of the ninja variant."""
    address = f"http://localhost:{site.web_port}"
    browser.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page = browser.new_page()
    page.goto(f"{address}/#/builders/{chromium.builder_id(site, NINJA)}")
    page.get_by_role("button", name="Force a build of sample").click()
    expect(page.locator(".modal-content").get_by_text("A patch of your own (empty: none)")).to_be_visible()
    yield page
    page.close()


@pytest.fixture
def sample(tmp_path):
    return Sample.clone(tmp_path / "hungry")


def field(page, name):
    return page.locator(f"[data-bb-test-id=force-field-{name}]")


def paste(page, text):
    """The text goes through the clipboard, as a person's does."""
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    field(page, "main_patch_body").click()
    page.keyboard.press("Control+V")


def start(page):
    page.get_by_role("button", name="Start build").click()


def step(page, name):
    """The line of a step on a build's page."""
    return page.locator(".bb-build-summary-step-line").filter(has_text=re.compile(rf"^#\d+\s*{name}"))


def expect_result(page, result):
    expect(page).to_have_url(re.compile(r"#/builders/\d+/builds/\d+"))
    expect(page.locator(f".card-header .results_{result}")).to_have_text(result)


def expect_refusal(page, sentence, at="main_patch_body"):
    """The one sentence of the form, above the field that it is about; nothing was started."""
    error = page.locator(".bb-force-build-modal-field-error")
    expect(error).to_have_text([sentence])
    expect(page.locator(".form-group", has=field(page, at)).locator(error)).to_be_visible()
    expect(page.locator(".modal-content")).to_be_visible()


# -- patches that are built, or not ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_pasted_patch_is_applied_and_built(page, sample, end):
    sample.add_a_test()
    paste(page, sample.diff().replace("\n", end))
    start(page)
    expect_result(page, "SUCCESS")
    expect(step(page, "forced-patch")).to_contain_text("2 files, 2 hunks")
    expect(step(page, "tests")).to_contain_text(f"hungry: {TESTS + 1} passed")
    expect(step(page, "summary")).to_contain_text(re.compile(r"--jobs \d+ --patch FILE --strip 1"))
    step(page, "forced-patch").click()
    page.get_by_text("applied", exact=True).click()
    expect(page.locator("body")).to_contain_text("src/main.cpp: 1 hunk")


def test_a_pasted_mail_of_git_is_a_patch_too(page, sample):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 1.0.1")
    sample.commit("Count\n\nBecause it grew.")
    paste(page, sample.git("format-patch", "--stdout", "-1"))
    field(page, "targets").fill("hungry")
    start(page)
    expect_result(page, "SUCCESS")
    expect(step(page, "forced-patch")).to_contain_text("1 file, 1 hunk")


def test_a_patch_that_does_not_apply_fails_with_file_and_hunk_before_anything_is_configured(page, sample):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 0.9.0")
    sample.commit("an older state")
    sample.edit("src/main.cpp", "hungry 0.9.0", "hungry 0.9.1")
    paste(page, sample.diff())
    start(page)
    expect_result(page, "FAILURE")
    expect(page.locator(".card-header").first).to_contain_text(
        f"failed forced-patch: patch-failed: src/main.cpp, hunk 1: expected `{PRINTF.format('0.9.0')}` at line 79, "
        f"found `{PRINTF.format('1.0.0')}`"
    )
    for name in ("patch-set", "configure", "build"):
        expect(step(page, name)).to_have_count(0)


def test_a_patch_of_strip_level_0_is_built_with_0_in_the_field(page, sample):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 1.0.1")
    paste(page, sample.diff("--no-prefix"))
    field(page, "main_patch_level").fill("0")
    field(page, "targets").fill("hungry")
    start(page)
    expect_result(page, "SUCCESS")
    expect(step(page, "summary")).to_contain_text("--patch FILE --strip 0")


def test_with_1_in_the_field_its_build_says_that_0_would_fit(page, sample):
    sample.edit("src/main.cpp", "hungry 1.0.0", "hungry 1.0.1")
    paste(page, sample.diff("--no-prefix"))
    start(page)
    expect_result(page, "FAILURE")
    expect(page.locator(".card-header").first).to_contain_text(
        "patch-failed: main.cpp is not in the tree; with strip level 0 the file exists: src/main.cpp"
    )


def test_a_patch_through_a_link_of_the_tree_is_not_applied(page):
    paste(page, "--- /dev/null\n+++ b/out/file\n@@ -0,0 +1 @@\n+text\n")
    start(page)
    expect_result(page, "FAILURE")
    expect(page.locator(".card-header").first).to_contain_text(
        "patch-failed: out is a symbolic link, out/file is behind it"
    )


# -- patches that the form refuses ---------------------------------------------------------------------------------


def change(path):
    return f"--- {path}\n+++ {path}\n@@ -1 +1 @@\n-1\n+2\n"


def link(target):
    return (
        "diff --git a/link b/link\nnew file mode 120000\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n"
        f"+{target}\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("text", "level", "sentence"),
    [
        ("please build this", "1", "no diff in it: expected lines `--- a/FILE` and `+++ b/FILE`"),
        (change("a/../x"), "1", "line 1: ../x: expected a path inside the source tree, without `.` and `..`"),
        (change("/etc/passwd"), "0", "line 1: /etc/passwd: expected a path inside the source tree"),
        (change("/etc/passwd"), "1", "line 1: /etc/passwd: expected a path inside the source tree"),
        (change("a/.git/hooks/pre-commit"), "1", "line 1: .git/hooks/pre-commit: not a source file"),
        (link("/etc"), "1", "line 2: link would be a symbolic link to /etc, out of the source tree"),
        (link("../../x"), "1", "line 2: link would be a symbolic link to ../../x, out of the source tree"),
        (change("CMakeLists.txt"), "1", "line 1: strip level 1 leaves nothing of CMakeLists.txt"),
    ],
    ids=["no patch", "dots", "absolute", "absolute at 1", "git", "link", "link with dots", "nothing left"],
)
def test_a_patch_that_fits_no_tree_is_refused_in_the_form(page, text, level, sentence):
    paste(page, text)
    field(page, "main_patch_level").fill(level)
    start(page)
    expect_refusal(page, sentence)


def test_a_binary_patch_is_refused_in_the_form(page, sample):
    (sample.directory / "picture").write_bytes(bytes(range(256)))
    text = sample.diff("--binary")
    paste(page, text)
    start(page)
    expect_refusal(page, "line 4: picture: binary patches are not supported")


def test_a_strip_level_below_0_is_refused_at_its_field(page, sample):
    sample.add_a_test()
    paste(page, sample.diff())
    field(page, "main_patch_level").fill("-1")
    start(page)
    expect_refusal(
        page,
        "`-1` is not a strip level: how many leading parts of each path to leave out, 0, 1, 2, ...",
        at="main_patch_level",
    )


# -- variants ------------------------------------------------------------------------------------------------------


def test_other_variants_are_built_from_this_form(site, page):
    field(page, "generators").click()
    page.keyboard.type("make")
    page.keyboard.press("Enter")
    field(page, "targets").fill("hungry")
    start(page)
    expect_result(page, "SUCCESS")
    expect(page).to_have_url(re.compile(rf"#/builders/{chromium.builder_id(site, MAKE)}/builds/\d+"))
