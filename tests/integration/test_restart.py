"""`arm-ci restart` of a real master that builds: no build is lost, and what waited is built by the new one."""

import json
import re
import urllib.request

import pytest
from running import PROJECTS, Site
from waiting import limit, wait_for

import arm_ci

pytestmark = pytest.mark.integration

NINJA = "sample-local-gcc-bfd-ninja-full"
MAKE = "sample-local-gcc-bfd-make-full"
SUCCESS, RETRY = 0, 5
# One compile long enough that the build still runs when the master is asked to stop.
SLOW = PROJECTS.replace("-DHUNGRY_COMPILE_MB=100", "-DHUNGRY_COMPILE_MB=300")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site.make(tmp_path_factory.mktemp("site"), projects=SLOW)
    assert site.arm_ci("start").returncode == 0
    yield site
    site.arm_ci("stop", "--state", str(site.state))
    assert "Traceback" not in site.everything_written()


def process(site):
    return int((site.state / "twistd.pid").read_text())


def builds(site, variant):
    (builder,) = site.get(f"builders?name={variant}")["builders"]
    return site.get(f"builders/{builder['builderid']}/builds?order=number")["builds"]


def wait_until_it_builds(site, variant, number):
    """Until build `number` of a variant compiles."""

    def compiles():
        newest = builds(site, variant)[-1:]
        if not newest or newest[0]["number"] != number:
            return False
        step = site.steps(newest[0]).get("build")
        return step is not None and step["started_at"] and not step["complete"]

    wait_for(compiles, f"build {number} of {variant} compiles")


def results(site, variant):
    """How the builds of a variant ended, once none runs or waits."""
    wait_for(lambda: not site.get("buildrequests?complete=false")["buildrequests"], "every request is built")
    return [build["results"] for build in builds(site, variant)]


def other_code(site):
    """As if the package had been changed since the master was started."""
    file = site.state / "running-code.json"
    noted = json.loads(file.read_text())
    file.write_text(json.dumps({**noted, "digest": "that of other files"}))


def test_a_start_says_that_the_running_master_has_other_code(site):
    assert "the running master" not in site.arm_ci("start").stdout
    other_code(site)
    said = (
        f"  the running master has an arm_ci {arm_ci.__version__} that was changed since: "
        "`arm-ci restart` puts the new code in force and loses no build"
    )
    assert said in site.arm_ci("start").stdout.splitlines()


def test_a_build_that_runs_ends_and_one_that_waits_is_built_by_the_new_master(site):
    before = process(site)
    other_code(site)
    assert site.arm_ci("force", "--variant", NINJA).returncode == 0
    wait_until_it_builds(site, NINJA, 1)
    # The one worker builds one at a time. Of requests that come together Buildbot chooses, so this one comes later.
    assert site.arm_ci("force", "--variant", MAKE).returncode == 0
    done = site.arm_ci("restart")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"master in {site.state} ..."
    assert re.fullmatch(rf"  waiting for {NINJA}: \w.*", lines[1])
    assert lines[-2:] == ["  stopped", f"running, 1 build to do: http://localhost:{site.web_port}/"]
    assert process(site) != before
    assert (results(site, NINJA), results(site, MAKE)) == ([SUCCESS], [SUCCESS])
    assert "the running master" not in site.arm_ci("start").stdout


def test_without_waiting_a_build_that_runs_is_stopped_and_built_again(site):
    assert site.arm_ci("force", "--variant", NINJA).returncode == 0
    wait_until_it_builds(site, NINJA, 2)
    done = site.arm_ci("restart", "--now")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"running, 1 build to do: http://localhost:{site.web_port}/"
    assert results(site, NINJA) == [SUCCESS, RETRY, SUCCESS]
    assert builds(site, NINJA)[1]["state_string"] == "interrupted: the master stopped; built again when it runs"


def test_a_faulty_configuration_leaves_the_running_master_alone(site):
    before = process(site)
    text = (site.config / "site.yaml").read_text()
    (site.config / "site.yaml").write_text(text + "no_such_key: 1\n")
    done = site.arm_ci("restart")
    (site.config / "site.yaml").write_text(text)
    assert (done.returncode, process(site)) == (2, before)
    assert site.get("masters")["masters"][0]["active"]


def test_the_page_about_and_the_terminal_name_the_same_version(site):
    with urllib.request.urlopen(f"{site.url}config", timeout=limit(30)) as answer:
        versions = json.loads(re.search(r"\{.*\}", answer.read().decode(), re.DOTALL)[0])["versions"]
    assert ["arm_ci", arm_ci.__version__] in versions
    assert site.arm_ci("--version").stdout == f"arm-ci {arm_ci.__version__}\n"


def test_a_master_that_does_not_run_is_started(site):
    site.arm_ci("stop")
    assert site.arm_ci("restart").stdout == (
        f"master in {site.state} ...\n  not running\nrunning: http://localhost:{site.web_port}/\n"
    )
