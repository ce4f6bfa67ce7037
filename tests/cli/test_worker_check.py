"""`arm-ci worker check`, without a master."""

import time

import example
import pytest

from arm_ci.cli import worker_check
from arm_ci.cli.options import CommandError
from arm_ci.cli.worker_facts import Known
from arm_ci.config import load
from arm_ci.plan import Facts

MOMENT = time.strftime("%Y-%m-%d %H:%M", time.localtime(1790000000))


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
    answers.append(example.probe_answer(all_there(request_for_rpi4)))
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
    answers.append(example.probe_answer(all_there(request_for_rpi4, swap_bytes=0, programs=lacking, packages=packages)))
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
    answers.append(example.probe_answer(all_there(request_for_rpi4)))
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
    answer = example.probe_answer(all_there(request, **memory))
    known["guest-arm64-1"] = Known(facts=Facts.from_json(answer), answer=answer)
    status, out, _ = run("check", "guest-arm64-1")
    assert (status, out.splitlines()[-1]) == (0, "fit")


def test_one_that_is_paused_says_why(run, known, answers, request_for_rpi4) -> None:
    known["rpi4-1"] = Known(connected=True, paused="quarantined: it flaps")
    answers.append(example.probe_answer(all_there(request_for_rpi4)))
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
    answers.append({**example.probe_answer(all_there(request_for_rpi4)), "sight": {"unseen": unseen}})
    status, out, _ = run("check", "rpi4-1", "--here")
    assert status == 0
    assert out.splitlines()[2:] == [
        "note: the agent does not see the memory pressure on worker `rpi4-1`; it would with psi=1 in cmdline.txt",
        "fit",
    ]


def test_the_last_build_tells_what_it_was_asked(run, known, request_for_rpi4) -> None:
    answer = example.probe_answer(all_there(request_for_rpi4))
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


@pytest.mark.real
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
