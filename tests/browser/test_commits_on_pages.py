"""A commit and its builds on Buildbot's grid, console and waterfall, in a real Chromium with a narrow window."""

import re

import chromium
import pytest
from playwright.sync_api import expect
from running import WORKERS, Site
from upstream import COMMIT_VARIANTS, PROJECT, Upstream
from waiting import wait_for

pytestmark = chromium.MARKS

WIDTH = 600
MESSAGE = "Say in a long first line what the commit is about, as people do"
SCROLL_TO_THE_END = "table => { table.parentElement.scrollLeft = 100000; return table.parentElement.scrollLeft; }"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running master that has built a commit."""
    directory = tmp_path_factory.mktemp("site")
    upstream = Upstream.make(directory)
    site = Site.make(directory, projects=PROJECT.replace("REPOSITORY", str(upstream.repository)), workers=WORKERS)
    started = site.arm_ci("start")
    try:
        assert started.returncode == 0, started.stderr
        wait_for(lambda: "is looked at for commits after now on main, stable" in site.everything_written())
        upstream.commit({"demo.cpp": "int main() { return 0 * 1; }\n"}, MESSAGE)
        upstream.push()
        wait_for(lambda: ended(site) == len(COMMIT_VARIANTS))
        yield site
    finally:
        site.arm_ci("stop")


def ended(site):
    return sum(build["complete"] for build in site.get("builds")["builds"])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium.opened(tmp_path_factory.mktemp("chromium"), width=WIDTH) as browser:
        yield browser.new_page()


def opened(page, site, path):
    page.goto(f"http://localhost:{site.web_port}/#/{path}")


def test_the_grid_has_the_commit_above_its_green_builds(page, site):
    opened(page, site, "grid")
    expect(page.locator("th.change")).to_contain_text(MESSAGE)
    expect(page.locator("tbody .results_SUCCESS")).to_have_count(len(COMMIT_VARIANTS))


def test_the_console_has_the_commit_before_its_green_builds(page, site):
    opened(page, site, "console")
    row = page.locator(".bb-console tbody tr").filter(has_text=MESSAGE)
    expect(row.locator(".results_SUCCESS")).to_have_count(len(COMMIT_VARIANTS))


def test_the_consoles_commit_has_room_and_stays_in_sight(page, site):
    opened(page, site, "console")
    commit = page.locator(".bb-console tbody td").filter(has_text=MESSAGE)
    expect(commit).to_be_visible()
    assert commit.bounding_box()["width"] >= 250
    left = commit.bounding_box()["x"]
    assert page.locator(".bb-console table").evaluate(SCROLL_TO_THE_END) > 0
    assert abs(commit.bounding_box()["x"] - left) <= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_the_waterfall_has_a_column_for_each_builder_that_built(page, site):
    opened(page, site, "waterfall")
    for variant in COMMIT_VARIANTS:
        expect(page.locator(".bb-waterfall-view").get_by_text(variant)).to_be_visible()


def test_a_builds_page_names_the_commit_that_started_it(page, site):
    build = site.get("builds?limit=1")["builds"][0]
    opened(page, site, f"builders/{build['builderid']}/builds/{build['number']}")
    page.get_by_role("tab", name="Changes").click()
    expect(page.locator("body")).to_contain_text(re.compile(re.escape(MESSAGE)))
