"""The web UI as people see it: a real master, its pages in a real Chromium.

Looks at what is ours on Buildbot's pages: names, tags, sentences, the force dialog; not at Buildbot's own looks.
"""

import re

import chromium
import pytest
from playwright.sync_api import expect
from running import PROJECTS, Site

pytestmark = chromium.MARKS

PATCHED = "sample-local-gcc-bfd-ninja-full"
# The same sources under a name that has no patch set.
UNPATCHED = "unpatched-local-gcc-bfd-ninja-full"
SENTENCE = "missing-byproduct: ninja knows no rule that makes third_party/ledger/lib/libledger.a: hungry needs it"
TAGS_COLUMN = 2
# Buildbot 4.3's own: its grid view asks for a stylesheet that its package does not have; every page asks for
# an icon with one slash too many.
KNOWN_MISSING = re.compile(r"/plugins/grid_view/styles\.css$|//icon\.(?:png|svg)$")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running master whose two builds have ended: one green, one red."""
    projects = PROJECTS + PROJECTS.replace("sample:", "unpatched:", 1)
    site = Site.make(tmp_path_factory.mktemp("site"), projects=projects)
    started = site.arm_ci("start")
    try:
        assert started.returncode == 0, started.stderr
        done = site.arm_ci("force", "--variant", PATCHED, "--variant", UNPATCHED, "--wait")
        assert done.returncode == 1, done.stdout + done.stderr
        yield site
    finally:
        site.arm_ci("stop")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with a user directory of its own."""
    with chromium.opened(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A fresh tab."""
    page = browser.new_page()
    yield page
    page.close()


def address(site):
    """The web UI as `arm-ci start` prints it. Buildbot refuses forms from pages of any other name of this machine."""
    return f"http://localhost:{site.web_port}/"


def build_page(site, variant, number=1):
    return f"{address(site)}#/builders/{chromium.builder_id(site, variant)}/builds/{number}"


def step(page, name):
    """The line of a step on a build's page."""
    return page.locator(".bb-build-summary-step-line").filter(has_text=re.compile(rf"^#\d+\s*{name}"))


def test_the_builders_page_has_the_builder_with_a_tag_for_each_axis(site, page):
    page.goto(f"{address(site)}#/builders")
    row = page.locator("tr").filter(has_text=PATCHED)
    expect(row).to_have_count(1)
    tags = row.locator("td").nth(TAGS_COLUMN)
    for tag in ("sample", "local", "gcc", "bfd", "ninja", "debug-full"):
        expect(tags.get_by_text(tag, exact=True)).to_have_count(1)


def test_a_tag_narrows_the_builders_page(site, page):
    page.goto(f"{address(site)}#/builders")
    row = page.locator("tr").filter(has_text=PATCHED)
    row.locator("td").nth(TAGS_COLUMN).get_by_text("ninja", exact=True).click()
    expect(page.locator("tr").filter(has_text="sample-local-gcc-bfd-make-full")).to_have_count(0)
    expect(row).to_have_count(1)


def test_a_good_builds_steps_are_green_and_each_says_how_it_went(site, page):
    page.goto(build_page(site, PATCHED))
    expect(page.locator(".card-header .results_SUCCESS")).to_have_text("SUCCESS")
    for name in ("check-worker", "source", "patch-set", "configure", "build", "tests", "artefacts", "summary"):
        expect(step(page, name).locator(".bb-badge-round")).to_have_class(re.compile("results_SUCCESS"))
    expect(step(page, "check-worker")).to_contain_text(re.compile(r"local: \w+, [\w.-]+, g\+\+ [\d.]+, ld\.bfd [\d.]+"))
    expect(step(page, "patch-set")).to_contain_text("upstream version unknown: 1 of 1 patches applied")
    expect(step(page, "tests")).to_contain_text(re.compile(r"hungry: \d+ passed"))
    expect(step(page, "artefacts")).to_contain_text(re.compile(r"hungry \d+ (KB|MB)"))


def test_a_builds_page_shows_the_command_that_repeats_it(site, page):
    page.goto(build_page(site, PATCHED))
    expect(step(page, "summary")).to_contain_text(
        re.compile(rf"repeat it: arm-ci build --variant {PATCHED} --source DIR --jobs \d+\s*$")
    )


def test_the_patches_log_opens_and_lists_each_patch_with_its_state(site, page):
    page.goto(build_page(site, PATCHED))
    step(page, "patch-set").click()
    page.get_by_text("patches", exact=True).click()
    expect(page.locator("body")).to_contain_text(re.compile(r"applies\s+byproducts\s+changes CMakeLists\.txt"))


def test_a_failed_builds_summary_is_the_verdict(site, page):
    page.goto(build_page(site, UNPATCHED))
    # Those of the logs that the page shows by itself come later.
    header = page.locator(".card-header").first
    expect(header).to_contain_text(SENTENCE)
    expect(header.locator(".results_FAILURE")).to_have_text("FAILURE")
    expect(step(page, "summary")).to_contain_text(f"arm-ci build --variant {UNPATCHED}")


def open_force_dialog(site, page):
    page.goto(f"{address(site)}#/builders/{chromium.builder_id(site, PATCHED)}")
    page.get_by_role("button", name="Force a build of sample").click()
    dialog = page.locator(".modal-content")
    for label in ("Branch or tag", "Revision (empty: the newest)", "Targets (empty: the usual ones)"):
        expect(dialog.get_by_text(label)).to_be_visible()
    expect(dialog.get_by_text("Jobs (0: the board's)")).to_be_visible()
    return dialog


def field(dialog, name):
    return dialog.locator(f"[data-bb-test-id=force-field-{name}]")


def test_a_word_that_is_no_target_is_refused_in_the_dialog_with_our_sentence(site, page):
    dialog = open_force_dialog(site, page)
    field(dialog, "targets").fill("-f/etc/passwd")
    dialog.get_by_role("button", name="Start build").click()
    expect(dialog).to_contain_text(
        "`-f/etc/passwd` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
        "starting with a letter, digit or `_`"
    )


def test_a_build_forced_in_the_dialog_builds_those_targets_with_those_jobs(site, page):
    dialog = open_force_dialog(site, page)
    expect(field(dialog, "main_branch")).to_have_text("main")
    field(dialog, "targets").fill("hungry")
    field(dialog, "jobs").fill("1")
    dialog.get_by_role("button", name="Start build").click()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"#/builders/{chromium.builder_id(site, PATCHED)}/builds/2"))
    expect(page.locator(".card-header .results_SUCCESS")).to_have_text("SUCCESS")
    expect(step(page, "build")).to_contain_text("built hungry, 1 edge at once at most")
    expect(step(page, "summary")).to_contain_text(
        f"arm-ci build --variant {PATCHED} --source DIR --jobs 1 --targets hungry"
    )


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("grid", "Grid View needs a changesource to be setup"),
        ("console", "Console View needs a changesource to be setup"),
        ("waterfall", PATCHED),
        ("builders", PATCHED),
        ("workers", "local"),
    ],
)
def test_the_page_loads_without_an_error_in_the_browser(site, page, view, shown):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda answer: errors.append(answer.url) if answer.status >= 400 else None)
    # A missing file is said twice; the line without an address is left out.
    page.on("console", lambda line: errors.append(line.text) if is_error(line) else None)
    page.goto(f"{address(site)}#/{view}")
    expect(page.locator("body")).to_contain_text(shown)
    page.wait_for_load_state("networkidle")
    assert [error for error in errors if not KNOWN_MISSING.search(error)] == []


def is_error(line):
    return line.type == "error" and "Failed to load resource" not in line.text
