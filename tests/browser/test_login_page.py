"""Logging in as people do it: a real master with people, its page in a real Chromium."""

import chromium
import pytest
from playwright.sync_api import expect
from running import Site

pytestmark = chromium.MARKS
VARIANT = "sample-local-gcc-bfd-ninja-full"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A master with people and without a connected worker, so that builds wait."""
    site = Site.make(tmp_path_factory.mktemp("people"), workers="there: {board: local}\n")
    site.write_site("people: [ada]")
    started = site.arm_ci("start")
    try:
        assert started.returncode == 0, started.stderr
        yield site
    finally:
        site.arm_ci("stop", "--state", str(site.state))


@pytest.fixture
def page(site, tmp_path):
    """A tab whose user types these credentials when the browser asks for some."""
    password = (site.state / "secrets" / "person-ada").read_text().strip()
    with chromium.opened(tmp_path / "chromium", http_credentials={"username": "ada", "password": password}) as browser:
        yield browser.new_page()


def force(site, page):
    page.goto(f"http://localhost:{site.web_port}/#/builders/{chromium.builder_id(site, VARIANT)}")
    page.get_by_text("Force a build of sample", exact=True).first.click()
    page.locator(".modal-footer").get_by_text("Start Build").click()


def test_without_a_login_the_force_dialog_says_what_to_do(site, page, tmp_path):
    force(site, page)
    expect(page.locator(".modal-dialog")).to_contain_text("only people of this site start, stop and change things here")
    page.screenshot(path=str(tmp_path / "refused.png"))
    assert site.get("buildrequests")["buildrequests"] == []


def test_a_person_logs_in_forces_and_logs_out(site, page, tmp_path):
    page.goto(f"http://localhost:{site.web_port}/#/builders")
    bar = page.locator(".bb-loginbar-dropdown-nav")
    bar.get_by_text("Anonymous").click()
    bar.get_by_text("Login").click()
    expect(bar).to_contain_text("ada")
    expect(page).to_have_url(f"http://localhost:{site.web_port}/#/builders")
    force(site, page)
    expect(page.locator(".modal-dialog")).to_have_count(0)
    page.screenshot(path=str(tmp_path / "forced.png"))
    assert len(site.get("buildrequests")["buildrequests"]) == 1
    page.locator("#bb-loginbar-dropdown").click()
    page.get_by_text("Logout").click()
    expect(bar).to_contain_text("Anonymous")
