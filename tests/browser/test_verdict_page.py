"""The verdict's page inside a build's page, in a real Chromium: it can be seen, and spoils nothing around it."""

import re

import chromium
import pytest
from playwright.sync_api import expect
from running import PROJECTS, Site

pytestmark = chromium.MARKS

VARIANT = "hungry-local-gcc-bfd-ninja-full"
# The sample under a name that has no patch set: its link lacks a byproduct.
UNPATCHED = PROJECTS.replace("sample:", "hungry:")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running master with one build that failed."""
    site = Site.make(tmp_path_factory.mktemp("site"), projects=UNPATCHED)
    started = site.arm_ci("start")
    try:
        assert started.returncode == 0, started.stderr
        assert site.arm_ci("force", "--variant", VARIANT, "--wait").returncode == 1
        yield site
    finally:
        site.arm_ci("stop")


@pytest.fixture(scope="module")
def page(site, tmp_path_factory):
    """The page of that build, with its failed step open."""
    with chromium.opened(tmp_path_factory.mktemp("chromium")) as browser:
        page = browser.new_page()
        page.goto(f"http://localhost:{site.web_port}/#/builders/{chromium.builder_id(site, VARIANT)}/builds/1")
        yield page


def test_the_verdict_is_open_where_a_step_failed(site, page):
    sentence = site.last_build(VARIANT)["state_string"].removeprefix("failed build: ")
    expect(page.get_by_role("heading", name=sentence)).to_be_visible()
    expect(page.get_by_text("Evidence", exact=True)).to_be_visible()
    expect(page.locator("svg").filter(has_text=re.compile("Edges"))).to_be_visible()


def test_it_leaves_the_rest_of_the_page_as_it_was(page):
    header = page.locator(".bb-build-summary-step-line").first
    expect(header).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
