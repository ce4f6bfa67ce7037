"""The page of the workers says why one of them is paused."""

import shutil

import pytest
from connecting import ConnectingWorker
from playwright.sync_api import expect, sync_playwright
from running import Site, wait_for

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium"),
]
REASON = "quarantined: it was disconnected 5 times in 10 minutes; look at the machine, then unpause it here"


def test_a_worker_that_came_and_went_is_shown_with_the_reason_of_its_pause(tmp_path):
    site = Site.make(tmp_path, workers="pc-1: {board: local}\n")
    worker = None
    try:
        assert site.arm_ci("start").returncode == 0
        worker = ConnectingWorker.make(site, "pc-1")
        for _ in range(5):
            worker.start()
            worker.wait_until_connected()
            worker.kill()
            wait_for(lambda: not worker.state()["connected_to"])
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, headless=True, args=("--no-sandbox", "--disable-gpu")
            )
            page = browser.new_page(viewport={"width": 1400, "height": 600})
            page.set_default_timeout(60_000)
            page.goto(f"{site.url}#/workers")
            expect(page.get_by_role("cell", name=REASON)).to_be_visible(timeout=60_000)
            page.screenshot(path=tmp_path / "workers.png")
            browser.close()
    finally:
        if worker is not None:
            worker.kill()
        site.arm_ci("stop", "--state", str(site.state))
