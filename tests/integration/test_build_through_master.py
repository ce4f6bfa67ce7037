"""A real master, a real worker, git, compilers: from a forced build to its results."""

import json
import re
import select
import socket
import subprocess
import sys

import pytest
from running import WORKERS, Site
from waiting import wait_for

pytestmark = pytest.mark.integration

NINJA = "sample-local-gcc-bfd-ninja-full"
MAKE = "sample-local-gcc-bfd-make-full"
SUCCESS, FAILURE = 0, 2
CONNECTING_WORKER = "pc-1: {board: local}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site.make(tmp_path_factory.mktemp("site"), workers=WORKERS + CONNECTING_WORKER)
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    assert "stopped" in site.arm_ci("stop").stdout


def force(site, variant, *more):
    return site.arm_ci("force", "--variant", variant, "--wait", *more)


@pytest.fixture(scope="module")
def built(site):
    done = force(site, NINJA)
    return done, site.last_build(NINJA)


def test_the_sample_is_patched_built_and_tested(site, built):
    done, build = built
    assert done.returncode == 0, done.stdout + done.stderr
    assert build["results"] == SUCCESS
    steps = site.steps(build)
    assert steps["patch-set"]["state_string"] == "upstream version unknown: 1 of 1 patches applied"
    assert re.fullmatch(r"hungry: \d+ passed", steps["tests"]["state_string"])
    assert re.fullmatch(r"hungry \d+ (KB|MB)", steps["artefacts"]["state_string"])


def test_the_terminal_shows_result_tests_and_page(built):
    done, _ = built
    last = [line for line in done.stdout.splitlines() if line.startswith(NINJA)][-1]
    assert re.fullmatch(rf"{NINJA} +success +\d+ s +\d+ +http://localhost:\d+/#/builders/\d+/builds/1", last)


def test_the_machine_of_a_build_is_listed_and_judged_with_what_was_seen_there(site, built):
    rows = {row["name"]: row for row in json.loads(site.arm_ci("worker", "list", "--json").stdout)}
    assert (rows["local"]["probed"], rows["local"]["state"]) == (True, "connected")
    assert rows["local"]["last_seen"] >= built[1]["complete_at"]
    assert (rows["pc-1"]["probed"], rows["pc-1"]["state"]) == (False, "never seen")
    checked = site.arm_ci("worker", "check", "local")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "fit")
    assert checked.stdout.startswith("local, board local: as it was at its last build, ")


def test_the_artefact_lies_on_the_master(site, built):
    artefact = site.state / "artefacts" / NINJA / "1" / "hungry"
    assert artefact.read_bytes()[:4] == b"\x7fELF"


def test_each_patch_and_its_state_stand_in_the_build(site, built):
    patches = site.log(site.steps(built[1])["patch-set"], "patches")
    assert re.search(r"^applies +byproducts +changes CMakeLists.txt$", patches, re.M)


def test_every_test_is_a_test_result_of_buildbot(site, built):
    (results,) = site.get(f"builds/{built[1]['buildid']}/test_result_sets")["test_result_sets"]
    assert results["description"] == "hungry"
    assert results["tests_passed"] == built[1]["properties"]["tests_passed"][0] > 0
    assert results["tests_failed"] == 0


def test_the_page_shows_the_command_that_repeats_the_build(site, built):
    command = site.steps(built[1])["summary"]["state_string"].removeprefix("repeat it: ")
    assert re.fullmatch(rf"arm-ci build --variant {NINJA} --source DIR --jobs \d+", command)


def test_that_command_runs_the_same_commands_without_a_master(site, built, tmp_path):
    source = tmp_path / "hungry"
    subprocess.run(["git", "clone", "-q", site.state / "sources" / "sample.git", source], check=True)
    done = site.arm_ci("build", "--variant", NINJA, "--source", str(source))
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line.split(" && ", 1)[1] for line in done.stdout.splitlines() if line.startswith("$ ")]
    places = {str(tmp_path / f"hungry-{NINJA}"): "ROOT", str(source): "ROOT/source"}
    terminal = [_with(places, line) for line in shown]
    steps = site.steps(built[1])
    root = built[1]["properties"]["builddir"][0]
    master = [
        _with({root: "ROOT"}, line)
        for name in ("configure", "build", "tests")
        for line in _commands(site.log(steps[name], "stdio"))
    ]
    assert [line.split() for line in terminal] == [line.split() for line in master]


def _with(places, line):
    for place, word in places.items():
        line = line.replace(place, word)
    return line


def _commands(log):
    """The command lines of a step's log; Buildbot's header puts each in quotes of its own."""
    return [line for line in log.splitlines() if re.match(r"^python3 .* -- (cmake|ninja|ctest) ", line)]


def test_the_environment_is_not_in_the_logs(site, built):
    for step in site.steps(built[1]).values():
        for log in site.get(f"steps/{step['stepid']}/logs")["logs"]:
            assert "environment:" not in site.log(step, log["slug"])


def test_make_builds_the_sample_as_well(site):
    assert force(site, MAKE).returncode == 0


def test_without_the_patch_set_the_missing_byproduct_is_the_summary(site):
    projects = site.config / "projects.yaml"
    text = projects.read_text()
    projects.write_text(text.replace("sample:\n", "sample:\n  patch_set: none\n", 1))
    assert site.arm_ci("start").returncode == 0
    done = force(site, NINJA)
    projects.write_text(text)
    site.arm_ci("start")
    assert done.returncode == 1
    sentence = (
        "failed build: missing-byproduct: ninja knows no rule that makes third_party/ledger/lib/libledger.a: "
        "hungry needs it"
    )
    assert site.last_build(NINJA)["state_string"] == sentence
    assert sentence in done.stdout


def test_clients_that_hang_up_early_do_no_harm(site):
    for _ in range(5):
        for number in range(100):
            client = socket.create_connection(("127.0.0.1", site.web_port))
            client.sendall(b"GET /api/v2/builders HTTP/1.1\r\nHost: x\r\n\r\n")
            # At different moments of the answer, some of them while a thread encodes it.
            select.select([], [], [], 0.004 * (number % 5))
            client.close()
        for _ in range(20):
            assert site.get("masters")["masters"]


def test_a_word_that_is_no_target_is_refused(site):
    done = force(site, NINJA, "--targets=-C/")
    assert done.returncode == 2
    assert done.stderr == (
        "arm-ci: --targets: `-C/` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
        "starting with a letter, digit or `_`\n"
    )


def test_the_web_form_refuses_it_too(site):
    from arm_ci.cli.options import CommandError
    from arm_ci.cli.rest import Master

    with pytest.raises(CommandError, match="is not a target"):
        Master(site.url).force("force-sample", NINJA, {"main_branch": "main", "targets": "all -f/etc/passwd"})


@pytest.fixture
def connecting_worker(site, tmp_path):
    """Starts a worker of its own process with a given password; stops it afterwards."""
    started = []

    def start(password):
        worker = tmp_path / "worker"
        runner = [sys.executable, "-c", "from buildbot_worker.scripts.runner import run; run()"]
        address = f"127.0.0.1:{site.worker_port}"
        # The password goes into the file, not onto a command line, where every process could read it.
        create = [*runner, "create-worker", worker, address, "pc-1", "PASSWORD"]
        subprocess.run(create, check=True, capture_output=True)
        tac = worker / "buildbot.tac"
        tac.write_text(tac.read_text().replace("PASSWORD", password))
        process = subprocess.Popen(
            [*runner, "start", "--nodaemon", str(worker)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started.append(process)

    yield start
    for process in started:
        process.terminate()
        process.wait()


def connected(site):
    (worker,) = site.get("workers?name=pc-1")["workers"]
    return bool(worker["connected_to"])


def test_a_worker_connects_with_the_password_of_its_secret_file(site, connecting_worker):
    secret = site.state / "secrets" / "worker-pc-1"
    assert secret.stat().st_mode & 0o077 == 0
    password = secret.read_text().strip()
    connecting_worker(password)
    wait_for(lambda: connected(site))
    assert password not in site.everything_written()


def test_a_worker_with_another_password_stays_outside(site, connecting_worker):
    wait_for(lambda: not connected(site))
    connecting_worker("guess")
    wait_for(lambda: "invalid login from user 'pc-1'" in site.everything_written())
    assert not connected(site)
