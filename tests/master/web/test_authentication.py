"""Names and passwords, without a web server; tests/integration/test_people.py has a real one."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from buildbot.www.authz.authz import Forbidden
from example import config as example_config
from sites import whole_site
from twisted.python import log

from arm_ci.config.model import Site
from arm_ci.master.web.authentication import LoggedIn, OnlyPeople, PasswordFiles, seal, web_settings

ROOT = Path(__file__).resolve().parents[3]
MASTER = SimpleNamespace(www=SimpleNamespace(site=SimpleNamespace(session_secret="key")))


@pytest.fixture
def files(tmp_path):
    for name, content in (("ada", "geheim\n"), ("grace", ""), ("arm-ci", "terminal")):
        (tmp_path / f"person-{name}").write_text(content)
    return {name: tmp_path / f"person-{name}" for name in ("ada", "grace", "hopper", "arm-ci")}


@pytest.fixture
def said():
    lines = []

    def observe(event):
        lines.extend(str(line) for line in event["message"])

    log.addObserver(observe)
    yield lines
    log.removeObserver(observe)


def test_a_name_and_its_password_go_together(files, said):
    assert PasswordFiles(files).check_credentials(b"ada", b"geheim")
    assert said == []


@pytest.mark.parametrize(
    ("name", "given", "logged"),
    [
        (b"ada", b"", "wrong password for ada"),
        (b"ada", b"geheim\n", "wrong password for ada"),
        (b"ada", b"Geheim", "wrong password for ada"),
        (b"geheim", b"ada", "unknown name"),
        (b"\xff", b"\xff", "unknown name"),
        (b"grace", b"", "no password can be read from {}/person-grace; `arm-ci start` makes a missing one"),
        (b"hopper", b"", "no password can be read from {}/person-hopper; `arm-ci start` makes a missing one"),
    ],
)
def test_anything_else_is_refused_and_the_log_does_not_say_what_was_typed(files, said, tmp_path, name, given, logged):
    assert not PasswordFiles(files).check_credentials(name, given)
    assert said == [f"login refused: {logged.format(tmp_path)}"]


def roles(files, **user):
    matcher = LoggedIn(files)
    matcher.master = MASTER
    return matcher.getRolesFromUser(user)


def test_a_login_counts_as_long_as_the_person_and_the_password_do(files):
    login = {"username": "ada", "seal": seal(MASTER, "ada", b"geheim")}
    assert roles(files, **login) == ["person"]
    files["ada"].write_text("another")
    assert roles(files, **login) == []
    files["ada"].write_text("geheim")
    assert roles({"grace": files["grace"]}, **login) == []
    files["ada"].unlink()
    assert roles(files, **login) == []


@pytest.mark.parametrize(
    "user",
    [
        {"anonymous": True},
        {"username": "ada"},
        {"username": "ada", "seal": None},
        {"username": "ada", "seal": ""},
        {"username": ["ada"], "seal": "x"},
        {"username": "grace", "seal": seal(MASTER, "grace", b"")},
        {"username": "ada", "seal": seal(MASTER, "grace", b"geheim")},
    ],
)
def test_nobody_else_has_a_role(files, user):
    assert roles(files, **user) == []


def test_looking_is_free_and_all_else_is_for_people(files):
    authz = OnlyPeople(files)
    authz.setMaster(MASTER)
    for action in ("get", "GET", "HEAD"):
        assert authz.assertUserAllowed(("builders",), action, {}, {"anonymous": True}).result is None
    for action in ("force", "stop", "anything"):
        refused = authz.assertUserAllowed(("builders",), action, {}, {"anonymous": True})
        failure = refused.result
        refused.addErrback(lambda _: None)
        assert failure.check(Forbidden)
        assert failure.value.message == (
            b"only people of this site start, stop and change things here: log in (top right), then try again"
        )


def test_the_terminal_is_a_person_too(tmp_path):
    config = replace(example_config(tmp_path), site=Site(people=("ada",), secrets="secrets"))
    assert web_settings(config)["auth"].files == {
        "ada": tmp_path / "secrets" / "person-ada",
        "arm-ci": tmp_path / "secrets" / "person-arm-ci",
    }


@pytest.mark.real
def test_a_master_where_nobody_logs_in_is_as_before(tmp_path):
    code = (
        "import sys; from arm_ci.master import ArmCi; config = {}; ArmCi(sys.argv[1]).configure(config); "
        "print('auth' in config['www'], 'arm_ci.master.web.authentication' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(whole_site(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
