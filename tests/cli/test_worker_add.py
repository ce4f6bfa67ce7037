"""`arm-ci worker add` and `arm-ci worker kit`, without a master."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from arm_ci.cli.options import CommandError
from arm_ci.cli.worker import address_of
from arm_ci.config import load
from arm_ci.plan.kit import Address, kit, projects_of

TLS = "web: {port: 1}\ntls: {name: ci.example.org}\n"


def test_a_worker_is_added_behind_the_others_and_nothing_else_changes(directory, run) -> None:
    before = (directory / "workers.yaml").read_text()
    status, out, err = run("add", "rpi4-2", "--board", "rpi4", "--owner", "Grace: ask first")
    assert (status, err) == (0, "")
    assert (directory / "workers.yaml").read_text() == (
        f"{before}\nrpi4-2:\n  board: rpi4\n  owner: 'Grace: ask first'\n"
    )
    secret = directory / "state" / "secrets" / "worker-rpi4-2"
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
        f"    ssh ada@ci.example.org '/srv/arm_ci/.venv/bin/arm-ci worker kit rpi4-2 --site {directory}' | sudo sh",
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
        "Then, on this machine:\n\n    /srv/arm_ci/.venv/bin/arm-ci worker kit pc-2 --site "
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
    assert not (directory / "state").exists()


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


@pytest.mark.parametrize("host", ["localhost", "localhost.localdomain", "127.0.1.1", "::1"])
def test_no_kit_sends_a_machine_elsewhere_to_itself(directory, run, monkeypatch, host) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: host)
    (directory / "site.yaml").write_text("web: {port: 1}\ntls: {}\n")
    before = (directory / "workers.yaml").read_text()
    refused = (
        2,
        "",
        f"arm-ci: at `{host}` a machine elsewhere finds itself, not the master: write `tls: {{name: NAME}}` into "
        f"{directory}/site.yaml, with the name or address under which boards reach this machine (for a worker on this "
        "machine: --master 127.0.0.1)\n",
    )
    assert run("add", "rpi4-2", "--board", "rpi4") == refused
    assert (directory / "workers.yaml").read_text() == before
    status, out, err = run("kit", "rpi4-1")
    assert (status, out, err.splitlines()[-1] + "\n") == refused
    assert run("add", "rpi4-2", "--board", "rpi4", "--master", "127.0.0.1")[0] == 0


def test_a_site_that_lives_from_the_catalogues_worker_keeps_it(directory, run) -> None:
    (directory / "workers.yaml").unlink()
    assert run("add", "rpi4-2", "--board", "rpi4")[0] == 0
    assert (directory / "workers.yaml").read_text() == (
        "local:\n  board: local\n  local: true\n\nrpi4-2:\n  board: rpi4\n"
    )


def test_a_file_that_was_not_there_is_not_there_when_nothing_was_added(directory, run) -> None:
    (directory / "workers.yaml").unlink()
    (directory / "site.yaml").write_text("{}\n")
    assert run("add", "rpi4-2", "--board", "rpi4")[0] == 2
    assert not (directory / "workers.yaml").exists()


def test_comments_and_layout_of_the_file_stay(directory, run) -> None:
    text = "# Ours.\nlocal: {board: local, local: true}  # the master\n\n\n# end"
    (directory / "workers.yaml").write_text(text)
    (directory / "projects.yaml").write_text("sample:\n")
    assert run("add", "rpi4-2", "--board", "rpi4")[0] == 0
    assert (directory / "workers.yaml").read_text() == f"{text}\n\nrpi4-2:\n  board: rpi4\n"


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
    (directory / "projects.yaml").write_text("llvm: {matrix: {boards: [rpi5]}}\n")
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


def test_a_kit_has_all_that_bootstrap_wants(directory, run) -> None:
    status, out, err = run("kit", "rpi4-1")
    assert status == 0
    secret = (directory / "state" / "secrets" / "worker-rpi4-1").read_text()
    assert f"<<'END_OF_FILE'\n{secret}END_OF_FILE\n" in out
    assert (directory / "state" / "secrets" / "tls-certificate.pem").read_text() in out
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
    (directory / "projects.yaml").write_text("mesos: {prerequisites: {debian: [libodd-dev, patch]}}\n")
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
