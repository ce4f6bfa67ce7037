"""`arm-ci worker add | kit | list | check`, without a master."""

import json
import re
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import example
import pytest

from arm_ci.cli import main, worker_check, worker_list
from arm_ci.cli.options import CommandError
from arm_ci.cli.worker import address_of
from arm_ci.cli.worker_facts import Known, known_workers
from arm_ci.config import Config, load
from arm_ci.plan import Facts
from arm_ci.plan.kit import Address, kit, projects_of

ROOT = Path(__file__).resolve().parents[2]
MOMENT = time.strftime("%Y-%m-%d %H:%M", time.localtime(1790000000))
TLS = "web: {port: 1}\ntls: {name: ci.example.org}\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, with TLS, and a port of the web UI where nobody listens."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "config" / "site.yaml").write_text(TLS)
    return tmp_path / "config"


@pytest.fixture
def run(directory, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/srv/arm_ci/.venv/bin/arm-ci"])
    monkeypatch.setattr("getpass.getuser", lambda: "ada")

    def call(*words: str) -> tuple[int, str, str]:
        status = main(["worker", *words, "--config", str(directory)])
        out, err = capsys.readouterr()
        return status, out, err

    return call


# -- add ---------------------------------------------------------------------------------------------------------------


def test_a_worker_is_added_behind_the_others_and_nothing_else_changes(directory, run) -> None:
    before = (directory / "workers.yaml").read_text()
    status, out, err = run("add", "rpi4-2", "--board", "rpi4", "--owner", "Grace: ask first")
    assert (status, err) == (0, "")
    assert (directory / "workers.yaml").read_text() == (
        f"{before}\nrpi4-2:\n  board: rpi4\n  owner: 'Grace: ask first'\n"
    )
    secret = directory.parent / "state" / "secrets" / "worker-rpi4-2"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    first, *rest = out.splitlines()
    assert first == f"added: rpi4-2, a machine of board rpi4, to {directory}/workers.yaml"
    assert f"made: password of worker rpi4-2: {secret}" in rest
    assert secret.read_text().strip() not in out


def test_what_to_do_on_the_board_is_one_line_without_a_password(directory, run) -> None:
    _, out, _ = run("add", "rpi4-2", "--board", "rpi4")
    end = out[out.index("\n`arm-ci start`") :].splitlines()
    fingerprint = end.pop()
    assert end == [
        "",
        "`arm-ci start` has the master read it.",
        "Then, on the board:",
        "",
        f"    ssh ada@ci.example.org '/srv/arm_ci/.venv/bin/arm-ci worker kit rpi4-2 --config {directory}' | sudo sh",
        "",
        "A board from which nobody may log in here: `arm-ci worker kit rpi4-2 >rpi4-2.sh`; bring that file there on a "
        "way that you trust, for it holds the password; there, `sudo sh rpi4-2.sh`.",
        "",
    ]
    assert re.fullmatch(r"It trusts this master alone: SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint)


def test_a_worker_on_the_masters_machine_needs_neither_ssh_nor_tls(directory, run) -> None:
    (directory / "site.yaml").write_text("{}\n")
    status, out, _ = run("add", "pc-2", "--board", "x86_64", "--master", "127.0.0.1")
    assert status == 0
    assert out.endswith(
        "Then, on this machine:\n\n    /srv/arm_ci/.venv/bin/arm-ci worker kit pc-2 --config "
        f"{directory} --master 127.0.0.1 | sudo sh\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("rpi4-1", "--board", "rpi4"),
            "worker `rpi4-1` is there already; `arm-ci worker kit rpi4-1` makes its kit once more",
        ),
        (("rpi4-2", "--board", "rpi44"), "--board: unknown `rpi44`; did you mean `rpi4`?"),
        (
            ("a b", "--board", "rpi4"),
            "NAME: found `a b`, expected a name of letters, digits, `.`, `_`, `+`, `-`, at most 50, the first a letter "
            "or digit",
        ),
        (("a", "--board", "rpi4", "--master", "x y"), "--master: HOST or HOST:PORT was expected, not `x y`"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_changes(directory, run, words, message) -> None:
    before = (directory / "workers.yaml").read_text()
    assert run("add", *words) == (2, "", f"arm-ci: {message}\n")
    assert (directory / "workers.yaml").read_text() == before
    assert not (directory.parent / "state").exists()


def test_a_guest_is_added_and_nothing_is_to_be_done_for_it(directory, run) -> None:
    (directory / "site.yaml").write_text("{}\n")
    assert run("add", "guest-2", "--board", "qemu-virt-arm64") == (
        0,
        f"added: guest-2, a machine of board qemu-virt-arm64, to {directory}/workers.yaml\n"
        "`arm-ci start` has the master read it, which starts this guest itself when there is something to build.\n",
        "",
    )
    assert run("kit", "guest-2") == (
        2,
        "",
        "arm-ci: worker `guest-2` is a guest, which the master starts itself: there is nothing to do for it\n",
    )


def test_boards_that_cannot_connect_are_not_added(directory, run) -> None:
    (directory / "site.yaml").write_text("{}\n")
    assert run("add", "rpi4-2", "--board", "rpi4") == (
        2,
        "",
        f"arm-ci: boards cannot connect: write `tls: {{}}` into {directory}/site.yaml, and restart the master (for a "
        "worker on this machine: --master 127.0.0.1)\n",
    )


def without_projects(directory: Path) -> None:
    (directory / "projects.yaml").write_text("{}\n")


def test_a_file_that_cannot_be_added_to_stays_and_the_lines_are_shown(directory, run) -> None:
    without_projects(directory)
    file = directory / "workers.yaml"
    file.write_text("{local: {board: local, local: true}}\n")
    status, out, err = run("add", "rpi4-2", "--board", "rpi4")
    assert (status, out) == (2, "")
    assert err.startswith(f"arm-ci: {file} cannot be added to ({file}:")
    assert err.endswith("); write this into it yourself:\nrpi4-2:\n  board: rpi4\n")
    assert file.read_text() == "{local: {board: local, local: true}}\n"


def test_a_mistake_elsewhere_is_told_and_nothing_is_added(directory, run) -> None:
    (directory / "site.yaml").write_text(f"{TLS}titel: x\n")
    before = (directory / "workers.yaml").read_text()
    status, out, err = run("add", "rpi4-2", "--board", "rpi4")
    assert (status, out) == (2, "")
    assert err == f"{directory}/site.yaml:3:1: unknown key `titel`; did you mean `title`?\n"
    assert (directory / "workers.yaml").read_text() == before


def test_the_first_worker_of_a_file_is_added(directory, run) -> None:
    without_projects(directory)
    (directory / "workers.yaml").write_text("{}\n")
    assert run("add", "on", "--board", "rpi4")[0] == 0
    assert (directory / "workers.yaml").read_text() == "'on':\n  board: rpi4\n"


def test_the_worker_that_a_board_of_a_matrix_still_lacks_is_added(directory, run) -> None:
    text = (directory / "workers.yaml").read_text()
    (directory / "workers.yaml").write_text(text.replace("rpi5-1:\n  board: rpi5\n", ""))
    assert run("list")[0] == 2
    assert run("add", "rpi5-7", "--board", "rpi5")[0] == 0
    assert run("list")[0] == 0


def test_a_file_elsewhere_is_added_to_there(directory, run) -> None:
    elsewhere = directory.parent / "elsewhere.yaml"
    (directory / "workers.yaml").rename(elsewhere)
    (directory / "workers.yaml").symlink_to(elsewhere)
    assert run("add", "rpi4-2", "--board", "rpi4")[0] == 0
    assert (directory / "workers.yaml").is_symlink()
    assert elsewhere.read_text().endswith("\n\nrpi4-2:\n  board: rpi4\n")


# -- kit ---------------------------------------------------------------------------------------------------------------


def test_a_kit_has_all_that_bootstrap_wants(directory, run) -> None:
    status, out, err = run("kit", "rpi4-1")
    assert status == 0
    secret = (directory.parent / "state" / "secrets" / "worker-rpi4-1").read_text()
    assert f"<<'END_OF_FILE'\n{secret}END_OF_FILE\n" in out
    assert (directory.parent / "state" / "secrets" / "tls-certificate.pem").read_text() in out
    assert (
        'sh "$kit/bootstrap.sh" --master ci.example.org:9990 --name rpi4-1 --swap 8192M --projects mesos,llvm '
        '--secret-file "$kit/secret" --certificate "$kit/certificate.pem" "$@" </dev/null\n'
    ) in out
    assert secret.strip() not in err


def test_a_kit_runs_from_standard_input_and_leaves_nothing_of_itself(directory, run, tmp_path) -> None:
    _, out, _ = run("kit", "rpi4-1")
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        ["sh", "-s", "--", "--help"],
        input=out,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path / "temporary")},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: sh bootstrap.sh --master HOST:PORT --name NAME")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_kit_that_came_in_part_does_nothing(directory, run) -> None:
    _, out, _ = run("kit", "rpi4-1")
    done = subprocess.run(["sh"], input=out[: len(out) - 12], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_a_kit_knows_the_projects_of_its_own_configuration(directory) -> None:
    config = load(directory)
    projects = (directory / "projects.yaml").read_text().replace("libapr1-dev", "libodd-dev")
    (directory / "projects.yaml").write_text(projects)
    text = kit(load(directory), config.workers["rpi4-1"], Address("192.0.2.1", 9990, ""), "x")
    assert "\nmesos * debian libodd-dev " in text
    assert "certificate.pem" not in text.rpartition("END_OF_FILE")[2]


def test_an_ipv6_address_is_in_brackets() -> None:
    assert str(Address("::1", 9990, "")) == "[::1]:9990"


def test_a_board_that_builds_nothing_has_no_projects(directory) -> None:
    config = load(directory)
    assert projects_of(config, "rpi-zero-2w") == ("mesos",)
    assert projects_of(config, "none") == ()


def test_a_kit_is_not_shown_on_a_terminal(directory, run, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("kit", "rpi4-1") == (
        2,
        "",
        "arm-ci: the kit holds the password of `rpi4-1`, which a terminal would show: write it into a file, "
        "`arm-ci worker kit rpi4-1 >rpi4-1.sh`\n",
    )


def test_there_is_no_kit_for_what_runs_inside_the_master(run) -> None:
    assert run("kit", "local") == (
        2,
        "",
        "arm-ci: worker `local` runs inside the master: there is nothing to do for it\n",
    )
    assert run("kit", "locl") == (2, "", "arm-ci: NAME: unknown worker `locl`; did you mean `local`?\n")


def test_a_master_may_be_reached_otherwise(directory) -> None:
    config = load(directory)
    assert address_of(config, "") == Address("ci.example.org", 9990, "")
    assert address_of(config, "10.0.2.2") == Address("10.0.2.2", 9990, "")
    assert address_of(config, "[fd00::1]:7") == Address("fd00::1", 7, "")


def test_without_tls_somebody_has_to_say_how_boards_reach_the_master(directory) -> None:
    (directory / "site.yaml").write_text("unencrypted_workers: true\n")
    with pytest.raises(CommandError, match="nobody knows how boards reach this machine; say it"):
        address_of(load(directory), "")
    assert address_of(load(directory), "10.0.0.1") == Address("10.0.0.1", 9989, "")


# -- list --------------------------------------------------------------------------------------------------------------


def facts(**more: object) -> Facts:
    return example.facts(**more)


def listed(config: Config, known: dict[str, Known] | None, *names: str) -> list[str]:
    rows = [worker_list.row(config, config.workers[name], known) for name in names]
    return worker_list.table(rows).splitlines()


def test_each_machine_has_a_line_with_what_was_seen_there(directory) -> None:
    known = {
        "rpi4-1": Known(connected=True, facts=facts(throttling=("undervoltage now",)), last_seen=1),
        "rpi5-1": Known(last_seen=1790000000, facts=facts()),
        "rpi-zero-2w-1": Known(connected=True, paused="quarantined: ..."),
    }
    names = ("rpi4-1", "rpi5-1", "rpi-zero-2w-1", "odroid-c2-1")
    assert listed(load(directory), known, *names) == [
        "worker         board        memory    swap      state                        builds             held back by",
        "rpi4-1         rpi4         8.0 GB    0 B       connected                    mesos 16, llvm 10  "
        "undervoltage now",
        f"rpi5-1         rpi5         8.0 GB    0 B       away since {MOMENT}  mesos 16, llvm 10  nothing",
        "rpi-zero-2w-1  rpi-zero-2w  (416 MB)  (4.0 GB)  paused, quarantined: ...     mesos 1            -",
        "odroid-c2-1    odroid-c2    (1.9 GB)  (8.0 GB)  never seen                   mesos 16           -",
        "4 workers",
        "In brackets: what the board's entry says; the machine has not built yet.",
    ]


def test_a_guest_that_does_not_run_is_neither_away_nor_never_seen(directory) -> None:
    config = load(directory)
    worker = config.workers["guest-arm64-1"]
    assert worker_list.row(config, worker, {})["state"] == "guest, started when needed"
    assert worker_list.row(config, worker, {worker.name: Known(connected=True)})["state"] == "connected"


def test_without_a_master_the_configuration_is_listed(run) -> None:
    status, out, err = run("list")
    assert status == 0
    assert re.search(r"^rpi4-1 +rpi4 +\(3\.7 GB\) ", out, re.MULTILINE)
    assert err.endswith(": `arm-ci start` starts it; below is what the configuration says\n")


def test_the_list_is_there_as_json(run) -> None:
    _, out, _ = run("list", "--json")
    (row,) = [each for each in json.loads(out) if each["name"] == "rpi4-1"]
    assert row["state"] == "unknown"
    assert row["variants"] == {"mesos": 16, "llvm": 10}
    assert row["probed"] is False


class FakeMaster:
    """A REST API with one worker and its builds."""

    def __init__(self, builds, data) -> None:
        self.builds, self.data = builds, data

    def items(self, path, **query):
        if path == "workers":
            worker = {"workerid": 4, "name": "rpi4-1", "connected_to": [], "workerinfo": {"last_seen": 50}}
            return [{**worker, "paused": True, "pause_reason": None}]
        assert path == "workers/4/builds"
        return self.builds

    def build_data(self, build_id, name):
        assert name == "probe"
        return self.data.get(build_id)


def probe_answer(found: Facts, **machine: object) -> dict[str, object]:
    return {**asdict(found), "machine_facts": machine, "sight": {"unseen": []}}


def test_the_newest_probe_counts_and_the_latest_sign_of_life() -> None:
    builds = [
        {"buildid": 9, "started_at": 90, "complete_at": None},
        {"buildid": 8, "started_at": 60, "complete_at": 80},
    ]
    found = known_workers(FakeMaster(builds, {8: probe_answer(facts())}))["rpi4-1"]
    assert (found.connected, found.paused, found.last_seen, found.probed_at) == (False, "by a person", 90, 60)
    assert found.facts == facts()


# -- check -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch):
    """What the master says of every worker."""
    workers: dict[str, Known] = {}
    monkeypatch.setattr(worker_check, "known_workers", lambda master: workers)
    return workers


@pytest.fixture
def answers(monkeypatch):
    """What the machine answers when it is asked."""
    found: list[dict[str, object]] = []
    monkeypatch.setattr(worker_check, "ask", lambda request, ssh: found[0])
    return found


def all_there(request: dict[str, object], **more: object) -> Facts:
    """Facts of a machine that has whatever is asked for."""
    programs = {name: {"path": f"/usr/bin/{name}", "version": "14.2.0"} for name in request["programs"]}
    wanted = {
        "architecture": "arm64",
        "cores": 4,
        "memory_bytes": 3792 * 1024**2,
        "swap_bytes": 8 * 1024**3,
        "free_disk_bytes": 50 * 1024**3,
        "programs": programs,
        "packages": dict.fromkeys(request["packages"], True),
        "links": {" ".join(each): True for each in request["links"]},
    }
    return example.facts(**(wanted | more))


@pytest.fixture
def request_for_rpi4(directory):
    config = load(directory)
    return worker_check.request_for(worker_check.recipes_of(config, "rpi4"))


def test_a_machine_that_has_everything_is_fit(run, known, answers, request_for_rpi4) -> None:
    known["rpi4-1"] = Known(connected=True)
    answers.append(probe_answer(all_there(request_for_rpi4)))
    assert run("check", "rpi4-1", "--ssh", "pi@rpi4") == (
        0,
        "rpi4-1, board rpi4: asked now through ssh pi@rpi4\n"
        "  arm64, debian-12, 4 cores, 3.7 GB of RAM, 8.0 GB of swap, 50.0 GB of disk free\n"
        "fit\n",
        "",
    )


def test_everything_that_is_missing_is_named_once_with_what_installs_it(run, known, answers, request_for_rpi4) -> None:
    there = all_there(request_for_rpi4, swap_bytes=0, free_disk_bytes=1024**3)
    lacking = {**there.programs, "clang": None, "clang++": None, "ld.mold": None}
    packages = {**there.packages, "libapr1-dev": False}
    answers.append(probe_answer(all_there(request_for_rpi4, swap_bytes=0, programs=lacking, packages=packages)))
    known["rpi4-1"] = Known(connected=True)
    status, out, _ = run("check", "rpi4-1", "--ssh", "pi@rpi4")
    assert status == 1
    assert out.splitlines()[2:] == [
        "missing: linker `ld.mold` is not on worker `rpi4-1` (debian-12): apt-get install mold",
        "missing: compiler `clang` is not on worker `rpi4-1` (debian-12): apt-get install clang",
        "missing: worker `rpi4-1` has 3.7 GB of RAM and 0 B of swap, project `llvm` needs 4.0 GB together: add at "
        "least 304 MB of swap",
        "missing: 1 package of its projects: apt-get install libapr1-dev",
        "note: worker `rpi4-1` has 0 B of swap, board `rpi4` says 8.0 GB",
        "note: its kit, run there once more, makes that swap: `arm-ci worker kit rpi4-1`",
        "not fit: 4 things missing",
    ]


def test_one_that_is_not_connected_is_not_fit(run, known, answers, request_for_rpi4) -> None:
    answers.append(probe_answer(all_there(request_for_rpi4)))
    status, out, _ = run("check", "rpi4-1", "--here")
    assert status == 1
    assert out.splitlines()[0] == "rpi4-1, board rpi4: asked now"
    assert out.splitlines()[2:] == [
        "missing: it is not connected: there, `systemctl status arm-ci-worker` and `journalctl -u arm-ci-worker` say "
        "why; `arm-ci worker kit rpi4-1` sets it up",
        "not fit: 1 thing missing",
    ]


def test_a_guest_need_not_run_to_be_fit(run, known, directory) -> None:
    config = load(directory)
    request = worker_check.request_for(worker_check.recipes_of(config, "qemu-virt-arm64"))
    memory = {"memory_bytes": 925 * 1024**2, "swap_bytes": 4 * 1024**3, "os": config.boards["qemu-virt-arm64"].os}
    answer = probe_answer(all_there(request, **memory))
    known["guest-arm64-1"] = Known(facts=Facts.from_json(answer), answer=answer)
    status, out, _ = run("check", "guest-arm64-1")
    assert (status, out.splitlines()[-1]) == (0, "fit")


def test_one_that_is_paused_says_why(run, known, answers, request_for_rpi4) -> None:
    known["rpi4-1"] = Known(connected=True, paused="quarantined: it flaps")
    answers.append(probe_answer(all_there(request_for_rpi4)))
    assert (
        "missing: it is paused (quarantined: it flaps): unpause it on the page Workers\n"
        in run("check", "rpi4-1", "--here")[1]
    )


def test_the_kernels_switches_are_told_and_what_only_a_session_lacks_is_not(
    run, known, answers, request_for_rpi4
) -> None:
    known["rpi4-1"] = Known(connected=True)
    unseen = [
        {"what": "memory pressure", "why": "", "cure": "psi=1 in cmdline.txt"},
        {"what": "kernel log", "why": "", "cure": "the worker's user in group adm"},
    ]
    answers.append({**probe_answer(all_there(request_for_rpi4)), "sight": {"unseen": unseen}})
    status, out, _ = run("check", "rpi4-1", "--here")
    assert status == 0
    assert out.splitlines()[2:] == [
        "note: the agent does not see the memory pressure on worker `rpi4-1`; it would with psi=1 in cmdline.txt",
        "fit",
    ]


def test_the_last_build_tells_what_it_was_asked(run, known, request_for_rpi4) -> None:
    answer = probe_answer(all_there(request_for_rpi4))
    known["rpi4-1"] = Known(connected=True, facts=Facts.from_json(answer), answer=answer, probed_at=1790000000)
    status, out, _ = run("check", "rpi4-1")
    assert (status, out.splitlines()[0]) == (0, f"rpi4-1, board rpi4: as it was at its last build, {MOMENT}")


def test_one_that_never_built_is_to_be_asked_itself(run, known) -> None:
    known["rpi4-1"] = Known(connected=True)
    assert run("check", "rpi4-1") == (
        3,
        "",
        "arm-ci: worker `rpi4-1` has not built yet, so nothing is known of it: ask it with --ssh [USER@]HOST\n",
    )


def test_without_a_master_the_machine_is_to_be_asked_itself(run) -> None:
    status, out, err = run("check", "rpi4-1")
    assert (status, out) == (3, "")
    assert err.endswith("`arm-ci start` starts it; or ask the machine itself with --ssh [USER@]HOST\n")


def test_a_machine_that_is_this_one_is_asked_for_real(directory) -> None:
    request = worker_check.request_for(worker_check.recipes_of(load(directory), "rpi4"))
    found = Facts.from_json(worker_check.ask(request, ""))
    assert found.memory_bytes > 0
    assert "clang++" in found.programs


def test_what_ssh_says_is_passed_on(directory, monkeypatch, tmp_path) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'ssh: connect to host rpi4 port 22: No route to host' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CommandError) as error:
        worker_check.ask({}, "pi@rpi4")
    assert (str(error.value), error.value.status) == (
        "ssh pi@rpi4: ssh: connect to host rpi4 port 22: No route to host",
        3,
    )


def test_a_far_machine_gets_the_agent_and_its_request_over_standard_input(directory, monkeypatch, tmp_path) -> None:
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nexec sh -c "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    request = {"directory": "/", "programs": ["sh"], "packages": [], "links": []}
    found = worker_check.ask(request, "pi@rpi4")
    assert found["programs"]["sh"]["path"].endswith("/sh")
