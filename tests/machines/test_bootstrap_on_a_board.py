"""From a fresh Debian with systemd to a hardened worker that builds, with the one line that `arm-ci worker add` prints.

The board is a virtual machine; ARM_CI_TEST_IMAGES names a directory that keeps its image for the next run. An hour.
"""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
import systemd_board
from guest_images import kept_images, made_image, served_sample
from running import PROJECTS, Site, free_port
from systemd_board import Board
from virtual_machine import HOST_ADDRESS
from waiting import wait_for

from arm_ci.guests.image import Image

pytestmark = [pytest.mark.integration, pytest.mark.guest]

NAME = "board-1"
VARIANT = "sample-rpi4-gcc-bfd-ninja-full"
MEMORY_MB = 1024
SWAP_MB = 512
WORST_EXPOSURE = 2.1
UNIT = "arm-ci-worker.service"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if reason := systemd_board.missing():
        pytest.skip(reason)
    return made_image("debian-12-arm64-systemd", kept_images(tmp_path_factory.mktemp("images")))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_sample(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, repository: str) -> Iterator[Site]:
    """A master with TLS to which a board was added."""
    projects = PROJECTS.replace("boards: [local]", "boards: [rpi4]").replace("[ninja, make]", "[ninja]")
    projects = projects.replace("directory: {sample}", f"repository: {repository}\n  poll: never")
    projects = projects.replace("  cmake:\n", "  prerequisites: {{debian: [zlib1g-dev]}}\n  cmake:\n")
    made = Site.make(tmp_path_factory.mktemp("site"), projects, "{}\n")
    boards = made.config / "boards.yaml"
    boards.write_text(f"rpi4:\n  cores: 2\n  memory: {MEMORY_MB - 100}M\n  swap: {SWAP_MB}M\n")
    file = made.config / "site.yaml"
    file.write_text(f"{file.read_text()}tls: {{port: {free_port()}, host: 127.0.0.1, name: {HOST_ADDRESS}}}\n")
    added = made.arm_ci("worker", "add", NAME, "--board", "rpi4")
    assert added.returncode == 0, added.stderr
    started = made.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield made
    made.arm_ci("stop")


@pytest.fixture(scope="module")
def board(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with systemd_board.board(image, tmp_path_factory.mktemp("board") / "machine", MEMORY_MB) as made:
        yield made


def bootstrap(site: Site, board: Board, *options: str) -> subprocess.CompletedProcess[str]:
    """What the pasted line does: the kit comes over standard input."""
    kit = site.arm_ci("worker", "kit", NAME)
    assert kit.returncode == 0, kit.stderr
    return board.run(f"sh -s -- {' '.join(options)}", kit.stdout)


@pytest.fixture(scope="module")
def made(site: Site, board: Board) -> subprocess.CompletedProcess[str]:
    """The first run of the kit, with the worker attached after it."""
    done = bootstrap(site, board)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: site.get(f"workers?name={NAME}")["workers"][0]["connected_to"])
    return done


def test_nothing_is_there_before_and_a_dry_run_leaves_it_so(site: Site, board: Board) -> None:
    done = bootstrap(site, board, "--dry-run")
    assert done.returncode == 0
    assert re.search(r"^bootstrap: \d+ to change, nothing was$", done.stdout, re.MULTILINE)
    assert board.says("ls -d /etc/arm-ci-worker /opt/arm-ci-worker /var/lib/arm-ci-worker 2>/dev/null | wc -l") == "0"


def test_one_line_makes_the_board_a_worker(made) -> None:
    assert re.search(r"^bootstrap: \d+ changed$", made.stdout, re.MULTILINE)


def test_the_same_line_changes_nothing_the_second_time(made, site: Site, board: Board) -> None:
    done = bootstrap(site, board)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "bootstrap: nothing to change"
    assert "change: " not in done.stdout


def test_the_unit_is_hardened(made, board: Board) -> None:
    said = board.says(f"systemd-analyze security --no-pager {UNIT} | tail -n 1")
    exposure = re.search(r"Overall exposure level for arm-ci-worker\.service: (\d+\.\d+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= WORST_EXPOSURE
    assert board.says(f"systemd-analyze verify /etc/systemd/system/{UNIT} 2>&1 | grep arm-ci-worker || true") == ""


def test_the_kernel_spares_the_worker(made, board: Board) -> None:
    assert board.says(f"cat /proc/$(systemctl show -P MainPID {UNIT})/oom_score_adj") == "-500"


def test_the_swap_is_there_and_will_be(made, board: Board) -> None:
    assert int(board.says("awk '/SwapTotal/ { print $2 }' /proc/meminfo")) // 1024 >= SWAP_MB - 1
    assert board.says("grep -c arm-ci-worker /etc/fstab") == "1"


def test_the_password_is_in_no_log_and_no_list_of_processes(made, site: Site, board: Board) -> None:
    password = (site.state / "secrets" / f"worker-{NAME}").read_text().strip()
    seen = board.run("journalctl --no-pager; ps -eww -o args; cat ~/.*history 2>/dev/null").stdout
    assert password not in seen
    assert board.says("stat -c '%a %U:%G' /etc/arm-ci-worker/secret") == "640 root:arm-ci-worker"


def test_it_builds_and_the_agent_sees_all(made, site: Site, board: Board) -> None:
    done = site.arm_ci("force", "--variant", VARIANT, "--wait", timeout=7200)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(site.log(site.steps(site.last_build(VARIANT))["check-worker"], "facts"))
    assert facts["sight"]["cgroup"] == "own cgroup (v2)"
    assert facts["sight"]["kernel_log"] == "journal"
    assert facts["sight"]["unseen"] == []


def test_it_is_fit_and_listed(made, site: Site) -> None:
    (row,) = json.loads(site.arm_ci("worker", "list", "--json").stdout)
    assert (row["state"], row["probed"]) == ("connected", True)
    checked = site.arm_ci("worker", "check", NAME)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "fit")


def test_a_killed_worker_is_back_by_itself(made, site: Site, board: Board) -> None:
    board.says(f"systemctl kill --signal=KILL {UNIT}; sleep 1")
    wait_for(lambda: board.run(f"systemctl is-active --quiet {UNIT}").returncode == 0)
    wait_for(lambda: site.get(f"workers?name={NAME}")["workers"][0]["connected_to"])
