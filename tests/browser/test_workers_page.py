"""The page of the workers says why one of them is paused."""

import chromium
from connecting import ConnectingWorker
from playwright.sync_api import expect
from running import Site
from waiting import wait_for

pytestmark = chromium.MARKS
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
        with chromium.opened(tmp_path / "chromium") as browser:
            page = browser.new_page()
            page.goto(f"{site.url}#/workers")
            expect(page.get_by_role("cell", name=REASON)).to_be_visible()
    finally:
        if worker is not None:
            worker.kill()
        site.arm_ci("stop", "--state", str(site.state))
