"""systemd makes a cgroup for an agent that cannot. None runs in these tests: the systemd-run is of our own making."""

from __future__ import annotations

import os

import pytest
from agent_runs import Agent

from arm_ci.agent.machine import systemd_scope

# Notes what it is asked, and does as `systemd-run --scope` does: it becomes the command.
SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
OPTIONS = ["systemd-run", "--scope", "--quiet", "--collect", "--property=Delegate=yes"]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A directory first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def a_user(monkeypatch, tmp_path):
    """We are not root, and our systemd runs."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "bus").touch()


def put(directory, text: str) -> None:
    program = directory / "systemd-run"
    program.write_text(text)
    program.chmod(0o755)


def test_root_asks_the_systemd_of_the_machine_where_it_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(systemd_scope, "_BOOTED", str(tmp_path))
    assert systemd_scope.command()[0] == OPTIONS
    monkeypatch.setattr(systemd_scope, "_BOOTED", str(tmp_path / "no"))
    assert systemd_scope.command()[0] == []
    assert systemd_scope.refusal() == "systemd does not run here for this user"


@pytest.mark.usefixtures("a_user")
def test_a_user_asks_the_systemd_of_its_own(tmp_path, monkeypatch):
    words, environment = systemd_scope.command()
    assert words == [*OPTIONS, "--user"]
    assert environment["ARM_CI_SCOPE"] == ""
    (tmp_path / "bus").unlink()
    assert systemd_scope.command()[0] == []


@pytest.mark.usefixtures("a_user")
def test_what_is_added_to_find_it_is_taken_away_again(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    _, environment = systemd_scope.command()
    assert environment["XDG_RUNTIME_DIR"] == "/run/user/1000"
    monkeypatch.setenv("XDG_RUNTIME_DIR", environment["XDG_RUNTIME_DIR"])
    monkeypatch.setenv("ARM_CI_SCOPE", environment["ARM_CI_SCOPE"])
    assert systemd_scope.arrive()
    assert "XDG_RUNTIME_DIR" not in os.environ
    assert "ARM_CI_SCOPE" not in os.environ


@pytest.mark.usefixtures("a_user")
def test_what_was_there_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("ARM_CI_SCOPE", "")
    assert systemd_scope.arrive()
    assert os.environ["XDG_RUNTIME_DIR"] == str(tmp_path)
    assert not systemd_scope.arrive()


@pytest.mark.usefixtures("a_user")
@pytest.mark.parametrize(
    ("script", "refusal"),
    [
        ("#!/bin/sh\necho first; echo Access denied >&2; exit 1\n", "systemd-run: Access denied"),
        ("#!/bin/sh\nexit 1\n", "systemd-run: exit status 1"),
        ("#!/no/such/interpreter\n", "systemd-run: No such file or directory"),
    ],
)
def test_a_systemd_that_refuses_is_quoted(programs, script, refusal, monkeypatch):
    monkeypatch.setenv("PATH", str(programs))
    put(programs, script)
    assert systemd_scope.refusal() == refusal
    assert systemd_scope.enter(["true"]) == refusal


@pytest.mark.usefixtures("a_user")
def test_a_systemd_that_does_not_answer_is_not_waited_for(programs, monkeypatch):
    put(programs, "#!/bin/sh\nexec sleep 600\n")
    monkeypatch.setattr(systemd_scope, "_PATIENCE_SECONDS", 0.1)
    assert systemd_scope.refusal() == "systemd-run: no answer in 0.1 s"


@pytest.mark.usefixtures("a_user")
def test_the_agent_becomes_systemd_run_with_itself(programs, monkeypatch):
    log = programs / "log"
    put(programs, SYSTEMD_RUN.format(log=log))
    became = []
    monkeypatch.setattr(os, "execvpe", lambda *words: became.append(words))
    systemd_scope.enter(["python3", "start.py", "run"])
    assert log.read_text() == "--scope --quiet --collect --property=Delegate=yes --user -- true\n"
    ((program, words, environment),) = became
    assert (program, words) == ("systemd-run", [*OPTIONS, "--user", "--", "python3", "start.py", "run"])
    assert environment["ARM_CI_SCOPE"] == ""


def test_an_agent_in_a_scope_says_so_and_the_command_sees_nothing_of_it(tmp_path):
    agent = Agent(tmp_path / "agent")
    agent.environment["ARM_CI_SCOPE"] = ""
    done = agent.run("sh", "-c", "env")
    assert b"ARM_CI_SCOPE" not in done.stdout
    visibility = agent.report().visibility
    assert visibility.cgroup in ("", "systemd scope (v1)", "systemd scope (v2)")
