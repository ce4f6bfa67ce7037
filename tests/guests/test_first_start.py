"""What a machine is told at its first start; nothing that cannot be told gets that far."""

from pathlib import Path

import pytest
from first_starts import CERTIFICATE, PASSWORD, SCRIPTS, first_start

from arm_ci.guests.errors import ImageError
from arm_ci.guests.first_start import SECRET, read_scripts

ROOT = Path(__file__).parents[2]
COMMAND = (
    "sh /var/lib/arm-ci-start/first-start.sh --master 10.0.2.2:9989 --name Guest_1 --swap none "
    "--secret-file /var/lib/arm-ci-start/secret"
)


def test_the_command_names_files_and_holds_no_secret():
    command = first_start().command
    assert " ".join(command) == f"{COMMAND} --certificate /var/lib/arm-ci-start/master.pem --projects mesos"
    assert " ".join(first_start(certificate="", options=()).command) == COMMAND


def test_only_root_reads_the_secret():
    assert dict(first_start().files) == {
        "/var/lib/arm-ci-start/first-start.sh": (SCRIPTS["first-start.sh"], 0o700),
        "/var/lib/arm-ci-start/bootstrap.sh": (SCRIPTS["bootstrap.sh"], 0o700),
        SECRET: (PASSWORD + "\n", 0o600),
        "/var/lib/arm-ci-start/master.pem": (CERTIFICATE, 0o644),
    }


def test_secrets_are_not_in_what_a_log_would_show():
    shown = repr(first_start())
    assert PASSWORD not in shown and "MIIB" not in shown


@pytest.mark.parametrize(("worker", "hostname"), [("Guest_1", "guest-1"), ("a.b", "a.b"), ("-x+", "x")])
def test_the_machine_is_called_as_the_worker(worker, hostname):
    assert first_start(worker=worker).hostname == hostname


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worker": "a b"}, "`a b` is no name of a worker that a machine can have, too"),
        ({"worker": ""}, "`` is no name of a worker that a machine can have, too"),
        ({"master": "10.0.2.2"}, "master: found `10.0.2.2`, expected HOST:PORT"),
        ({"master": "h:0"}, "master: found `h:0`, expected HOST:PORT"),
        ({"master": "h:70000"}, "master: found `h:70000`, expected HOST:PORT"),
        ({"master": "h h:1"}, "master: found `h h:1`, expected HOST:PORT"),
        ({"password": ""}, "a password of one line was expected"),
        ({"password": "a\nb"}, "a password of one line was expected"),
        ({"scripts": {"first-start.sh": ""}}, "the script bootstrap.sh is missing"),
    ],
)
def test_what_cannot_be_told_is_refused(changes, message):
    with pytest.raises(ValueError, match=r".+") as raised:
        first_start(**changes)
    assert str(raised.value) == message


def test_a_key_that_would_be_ignored_is_refused():
    with pytest.raises(ImageError):
        first_start(public_keys=("ssh-ecdsa AAAA",))


def test_the_scripts_are_those_of_the_repository(tmp_path):
    assert "podman" in (ROOT / "workers" / "first-start.sh").read_text()
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    assert read_scripts(tmp_path) == SCRIPTS
