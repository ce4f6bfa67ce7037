"""Starting and stopping a master, and what is said when that cannot be."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request

import pytest
from running import ROOT, Site
from waiting import limit, wait_for

SUCCESS, RETRY = 0, 5
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


def test_a_master_that_does_not_come_up_shows_the_end_of_its_log(tmp_path):
    site = Site.make(tmp_path)
    # The web server's own log: found out only when everything else is there.
    (site.state / "http.log").mkdir(parents=True)
    done = site.arm_ci("start")
    assert done.returncode == 3, done.stdout
    lines = done.stderr.splitlines()
    assert lines[0] == f"arm-ci: the master did not come up; the end of {site.state}/twistd.log:"
    assert any("http.log" in line for line in lines[1:])
    assert site.arm_ci("stop").stdout == f"master in {site.state}: not running\n"


def test_a_running_master_that_refuses_a_configuration_goes_on_with_the_old_one(tmp_path):
    site = Site.make(tmp_path)
    patches = site.config / "patches" / "sample"
    try:
        assert site.arm_ci("start").returncode == 0
        patches.mkdir(parents=True)
        (patches / "series.yaml").write_text("patches: 7\n")
        done = site.arm_ci("start")
        assert done.returncode == 3
        lines = done.stderr.splitlines()
        log = f"{site.state}/twistd.log"
        assert lines[0] == f"arm-ci: the running master did not take the configuration; the end of {log}:"
        assert any(f"{patches}/series.yaml:1:10: patches: expected a list, found `7`" in line for line in lines[1:])
        assert site.get("masters")["masters"][0]["active"]
        # Mistakes elsewhere do not keep anybody from stopping it.
        (site.config / "projects.yaml").write_text("{")
        assert site.arm_ci("stop").stdout == f"master in {site.state}: stopped\n"
    finally:
        site.arm_ci("stop", "--state", str(site.state))


def test_a_master_on_ipv6_builds_and_names_the_board_that_is_not_there(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    site = Site.make(tmp_path, workers="there: {board: local}\n")
    listening = f"web: {{port: {site.web_port}, host: '::1'}}\nworkers: {{port: {site.worker_port}, host: '::1'}}\n"
    listening += "state: ../state\nsecrets: ../state/secrets\n"
    (site.config / "site.yaml").write_text(listening)
    variant = "sample-local-gcc-bfd-ninja-full"
    try:
        started = site.arm_ci("start")
        assert started.returncode == 0, started.stderr
        command = [sys.executable, "-u", "-m", "arm_ci", "force", "--variant", variant, "--wait"]
        with subprocess.Popen(
            [*command, "--site", str(site.config)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as waiting:
            assert waiting.stdout is not None
            line = waiting.stdout.readline()
            assert line == f"  {variant}: waiting for a worker of board `local`: none is connected\n"
            api = f"http://[::1]:{site.web_port}/api/v2"
            with urllib.request.urlopen(f"{api}/buildsets") as answer:
                (buildset,) = json.load(answer)["buildsets"]
            assert re.search(r": a person asked \[arm-ci [0-9a-f]{8}\]$", buildset["reason"])
            cancel = {"jsonrpc": "2.0", "method": "cancel", "id": 1, "params": {"reason": "enough"}}
            request = urllib.request.Request(
                f"{api}/buildrequests/1", json.dumps(cancel).encode(), {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request).close()
            out, _ = waiting.communicate(timeout=limit(60))
        assert waiting.returncode == 1
        assert out.splitlines()[1].split() == [
            variant,
            "cancelled",
            "-",
            "-",
            f"http://localhost:{site.web_port}/#/buildrequests/1",
        ]
    finally:
        site.arm_ci("stop", "--state", str(site.state))


def test_a_build_that_runs_when_the_master_stops_is_built_again(tmp_path):
    site = Site.make(tmp_path)
    variant = "sample-local-gcc-bfd-ninja-full"
    try:
        assert site.arm_ci("start").returncode == 0
        assert site.arm_ci("force", "--variant", variant).returncode == 0
        wait_for(
            lambda: "build" in {step["name"] for step in site.get("builds/1/steps")["steps"] if step["started_at"]}
        )
        assert site.arm_ci("stop").returncode == 0
        assert site.arm_ci("start").returncode == 0
        (request,) = wait_for(lambda: [r for r in site.get("buildrequests")["buildrequests"] if r["complete"]])
        assert request["results"] == SUCCESS
        builds = site.get(f"buildrequests/{request['buildrequestid']}/builds")["builds"]
        assert [build["results"] for build in builds] == [RETRY, SUCCESS]
    finally:
        site.arm_ci("stop", "--state", str(site.state))


def test_the_shipped_master_cfg_starts_nothing_but_the_configurator():
    lines = [line for line in (ROOT / "master.cfg").read_text().splitlines() if line.strip()]
    assert len(lines) <= 12
