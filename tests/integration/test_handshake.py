"""A worker that dies within milliseconds of its log-in does not keep itself out for ever."""

import subprocess
import sys
from pathlib import Path

import pytest
from connecting import ConnectingWorker
from running import Site
from waiting import limit, wait_for

pytestmark = pytest.mark.integration


def test_a_worker_killed_during_hundreds_of_log_ins_builds_afterwards_and_the_master_stops(tmp_path):
    site = Site.make(tmp_path, workers="pc-1: {board: local}\n")
    worker = None
    try:
        assert site.arm_ci("start").returncode == 0
        password = (site.state / "secrets" / "worker-pc-1").read_text()
        dying = [sys.executable, Path(__file__).with_name("handshakes.py"), str(site.worker_port), "pc-1", "200", "3"]
        subprocess.run(dying, input=password, text=True, check=True, timeout=limit(120))
        worker = ConnectingWorker.make(site, "pc-1")
        worker.start()
        worker.wait_until_connected()
        # It came and went: what the page asks a person to do.
        wait_for(lambda: worker.state()["paused"])
        worker.unpause()
        done = site.arm_ci("force", "--variant", "sample-local-gcc-bfd-ninja-full", "--wait")
        assert done.returncode == 0, done.stdout
        assert "already connected" not in site.everything_written()
        assert site.arm_ci("stop").stdout == f"master in {site.state}: stopped\n"
    finally:
        if worker is not None:
            worker.kill()
        site.arm_ci("stop", "--state", str(site.state))
