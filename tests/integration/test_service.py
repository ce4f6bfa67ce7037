"""Starting and stopping a master, and what is said when that cannot be."""

import os
import socket

import pytest
from running import ROOT, Site

pytestmark = pytest.mark.integration


def test_a_port_that_is_taken_is_named_with_the_key_that_changes_it(tmp_path):
    site = Site.make(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", site.web_port))
        taken.listen()
        done = site.arm_ci("start")
    assert done.returncode == 3
    assert done.stderr == (
        f"arm-ci: port {site.web_port} of 127.0.0.1 for the web UI cannot be had (Address already in use): "
        f"set `web: {{port: ...}}` in {site.config}/site.yaml\n"
    )


def test_stopping_what_does_not_run_is_no_error(tmp_path):
    site = Site.make(tmp_path)
    done = site.arm_ci("stop")
    assert (done.returncode, done.stdout) == (0, f"master in {site.state}: not running\n")


def test_a_stale_process_id_is_not_taken_for_the_master(tmp_path):
    site = Site.make(tmp_path)
    site.state.mkdir()
    (site.state / "twistd.pid").write_text(str(os.getpid()))
    assert site.arm_ci("stop").stdout == f"master in {site.state}: not running\n"


def test_forcing_without_a_master_says_how_to_start_one(tmp_path):
    site = Site.make(tmp_path)
    done = site.arm_ci("force", "--variant", "sample-local-gcc-bfd-ninja-full")
    assert done.returncode == 3
    assert done.stderr == (
        f"arm-ci: no master answers at {site.url} ([Errno 111] Connection refused): `arm-ci start` starts it\n"
    )


def test_a_misspelt_variant_is_answered_with_the_nearest(tmp_path):
    site = Site.make(tmp_path)
    done = site.arm_ci("force", "--variant", "sample-local-gcc-bfd-ninja-ful")
    assert done.returncode == 2
    assert done.stderr == (
        "arm-ci: --variant: there is no variant `sample-local-gcc-bfd-ninja-ful`; "
        "did you mean `sample-local-gcc-bfd-ninja-full`? (`arm-ci matrix` lists them)\n"
    )


def test_the_shipped_master_cfg_starts_nothing_but_the_configurator():
    lines = [line for line in (ROOT / "master.cfg").read_text().splitlines() if line.strip()]
    assert len(lines) <= 12
