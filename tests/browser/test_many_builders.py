"""Buildbot's pages with the hundreds of builders of the shipped configuration: readable, in a real Chromium.

What is looked at is measured in the page: what wraps, what leaves the window, what covers what.
"""

import chromium
import pytest
from playwright.sync_api import expect
from running import Site, free_port
from sites import whole_site

from arm_ci.config import load, variants
from arm_ci.config.keys import AXES

pytestmark = chromium.MARKS

WIDTH = 1400
BUILDERS = len(variants(load(None)))

# Cells whose text needs more than one line, and elements that end right of the window.
WRAPPED = """cells => cells.filter(cell => {
    const line = parseFloat(getComputedStyle(cell).lineHeight) || 24;
    return cell.querySelector('a').getBoundingClientRect().height > 1.5 * line;
}).map(cell => cell.innerText)"""
OUTSIDE = "elements => elements.filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.innerText)"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The shipped configuration as it is, but for ports and for asking upstream."""
    directory = tmp_path_factory.mktemp("site")
    whole_site(directory / "config", projects="sample:\nmesos: {poll: never}\nllvm: {poll: never}\n")
    site = Site(directory, free_port(), free_port())
    site.write_site()
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium.opened(tmp_path_factory.mktemp("chromium"), width=WIDTH) as browser:
        yield browser.new_page()


def opened(page, site, path, ready):
    """Opens a page and waits for something on it."""
    page.goto(f"http://localhost:{site.web_port}/#/{path}")
    expect(page.locator(ready).first).to_be_visible()


def names(page):
    return page.locator('.bb-builders-view-container td[style*="width: 200px"]')


def test_all_builders_are_on_one_page(page, site):
    opened(page, site, "builders", "td a")
    expect(names(page)).to_have_count(BUILDERS)


def test_no_builders_name_is_broken_into_lines(page, site):
    opened(page, site, "builders", "td a")
    expect(names(page)).to_have_count(BUILDERS)
    assert names(page).evaluate_all(WRAPPED) == []


def test_every_builder_has_a_tag_for_each_axis_and_its_tier_inside_the_window(page, site):
    opened(page, site, "builders", "td a")
    tags = page.locator("tbody .bb-tag-filter-manager-tag")
    expect(tags).to_have_count(BUILDERS * (len(AXES) + 1))
    assert tags.evaluate_all(OUTSIDE) == []


def test_the_builders_page_fits_the_window(page, site):
    opened(page, site, "builders", "td a")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_tags_that_are_chosen_leave_the_builders_that_have_them_all(page, site):
    opened(page, site, "builders?tags=%2Bmesos&tags=%2Brpi3-arm64&tags=%2Blld&tags=%2Bninja&tags=%2Bclang", "td a")
    expect(names(page)).to_have_count(4)
    assert all("rpi3-arm64-clang-lld-ninja" in name for name in names(page).all_inner_texts())


def test_a_projects_page_has_its_builders_alone(page, site):
    opened(page, site, "projects", "text=sample")
    page.get_by_role("link", name="sample", exact=True).click()
    expect(page.get_by_text("A small project that is hard to build")).to_be_visible()
    cells = page.locator('td[style*="width: 200px"]')
    expect(cells.first).to_be_visible()
    texts = cells.all_inner_texts()
    assert texts and all(text.startswith("sample-") for text in texts)


def test_the_waterfalls_tags_stay_inside_the_window(page, site):
    opened(page, site, "waterfall", ".bb-waterfall-view .bb-tag-filter-manager-tag")
    assert page.locator(".bb-waterfall-view .bb-tag-filter-manager-tag").evaluate_all(OUTSIDE) == []
