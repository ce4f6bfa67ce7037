"""A master's state directory, addresses and repositories, without a master."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sites import whole_site

from arm_ci.cli import main, master_process, repositories
from arm_ci.cli.instance import Instance
from arm_ci.cli.master_process import MasterProcess
from arm_ci.cli.options import CommandError
from arm_ci.config import Config, load
from arm_ci.config.model import Listen

ROOT = Path(__file__).resolve().parents[2]
BESIDE = "state: ../state\nsecrets: ../state/secrets\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    projects = "sample: {directory: ../samples/hungry}\nmesos:\nllvm:\n"
    return load(whole_site(tmp_path / "config", site=BESIDE, projects=projects))


def free_port() -> int:
    """A TCP port of loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(config: Config, web: Listen, workers: Listen | None = None) -> Instance:
    site = replace(config.site, web=web, workers=workers or config.site.workers)
    return Instance(replace(config, site=site))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("::", "http://[::1]:80/"),
        ("localhost", "http://localhost:80/"),
    ],
)
def test_this_machine_reaches_the_web_ui_under_an_address(config, host, url):
    assert listening(config, Listen(80, host)).local_url == url


@pytest.mark.parametrize(
    ("host", "reason"),
    [("no.such.host.invalid", "Name or service not known"), ("192.0.2.1", "Cannot assign requested address")],
)
def test_a_host_that_is_not_here_names_the_key(config, monkeypatch, host, reason):
    look_up = socket.getaddrinfo

    def answer(name: str, *words: object, **more: int) -> object:
        if name == "no.such.host.invalid":
            raise socket.gaierror(-2, reason)
        return look_up(name, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(CommandError) as error:
        listening(config, Listen(free_port()), Listen(9989, host)).refuse_busy_ports()
    assert str(error.value) == (
        f"`{host}` is no address of this machine ({reason}): "
        f"set `workers: {{host: ...}}` in {config.directory}/site.yaml"
    )


def test_a_busy_port_of_ipv6_is_found(config):
    try:
        taken = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError) as error:
            listening(config, Listen(port, "::1")).refuse_busy_ports()
    assert str(error.value) == (
        f"port {port} of ::1 for the web UI cannot be had (Address already in use): "
        f"set `web: {{port: ...}}` in {config.directory}/site.yaml"
    )


def test_a_state_directory_that_is_a_file_is_said(config, capsys, tmp_path):
    (tmp_path / "state").touch()
    (config.directory / "site.yaml").write_text("state: ../state\nsecrets: ../secrets\n")
    assert main(["start", "--site", str(config.directory)]) == 3
    assert capsys.readouterr().err == (
        f"arm-ci: state directory {tmp_path}/state (`state` in {config.directory}/site.yaml): not a directory\n"
    )


def test_a_state_directory_that_cannot_be_written_is_said(config, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["start", "--site", str(config.directory)]) == 3
    assert capsys.readouterr().err == (
        f"arm-ci: state directory {tmp_path}/state (`state` in {config.directory}/site.yaml): not writable\n"
    )


def test_a_state_directory_that_cannot_be_made_is_said(config, capsys, tmp_path):
    (tmp_path / "file").touch()
    (config.directory / "site.yaml").write_text("state: ../file/state\n")
    assert main(["start", "--site", str(config.directory)]) == 3
    assert capsys.readouterr().err == (
        f"arm-ci: state directory {tmp_path}/file/state (`state` in {config.directory}/site.yaml): Not a directory\n"
    )


# -- secrets ------------------------------------------------------------------------------------------------------


def test_what_the_configuration_wants_kept_secret_is_made_once(config, tmp_path):
    secrets = tmp_path / "state" / "secrets"
    instance = Instance(replace(config, workers={}, site=replace(config.site, people=("ada",), github_webhook=True)))
    assert instance.prepare()[1:] == [
        f"password of ada: {secrets}/person-ada",
        f"password of `arm-ci force`: {secrets}/person-arm-ci",
        f"secret of GitHub's webhook: {secrets}/github-webhook",
    ]
    contents = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(contents.values())) == 3
    assert all(len(content.strip()) == 32 for content in contents.values())
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert instance.prepare() == []
    assert {path.name: path.read_text() for path in secrets.iterdir()} == contents


def test_nothing_is_kept_secret_where_nobody_connects_or_logs_in(config, tmp_path):
    instance = Instance(replace(config, workers={}))
    instance.prepare()
    assert instance.login_file is None
    assert not (tmp_path / "state" / "secrets").exists()


# -- the repository of a plain directory -------------------------------------------------------------------------


def log(repository: Path, branch: str) -> list[str]:
    command = ["git", f"--git-dir={repository}", "log", "--format=%an %s", branch]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def show(repository: Path, name: str) -> bytes:
    command = ["git", f"--git-dir={repository}", "show", name]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    directory = tmp_path / "plain"
    directory.mkdir()
    (directory / "file").write_bytes(b"one\r\ntwo\r\n")
    return directory


def test_the_repository_does_not_depend_on_the_callers_git(tmp_path, plain, monkeypatch):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        "[commit]\n gpgsign = true\n[gpg]\n program = false\n[user]\n name = somebody\n"
        f"[core]\n hooksPath = {hooks}\n autocrlf = input\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    repository = tmp_path / "sources" / "p.git"
    repositories.update(repository, plain, "main", "p as it stands")
    monkeypatch.delenv("GIT_DIR")
    assert log(repository, "main") == ["arm_ci p as it stands"]
    assert show(repository, "main:file") == b"one\r\ntwo\r\n"
    assert not (tmp_path / "index").exists()


def test_only_a_change_makes_a_commit(tmp_path, plain):
    repository = tmp_path / "p.git"
    repositories.update(repository, plain, "main", "first")
    repositories.update(repository, plain, "main", "second")
    (plain / "file").write_text("new")
    repositories.update(repository, plain, "main", "third")
    assert log(repository, "main") == ["arm_ci third", "arm_ci first"]


def test_a_branch_can_be_renamed(tmp_path, plain):
    repository = tmp_path / "p.git"
    repositories.update(repository, plain, "main", "first")
    repositories.update(repository, plain, "trunk", "second")
    assert log(repository, "trunk")[0] == "arm_ci second"
    assert show(repository, "trunk:file") == b"one\r\ntwo\r\n"
    assert log(repository, "HEAD") == log(repository, "trunk")


def test_an_empty_directory_is_a_branch_too(tmp_path):
    (tmp_path / "empty").mkdir()
    repositories.update(tmp_path / "p.git", tmp_path / "empty", "main", "nothing")
    assert log(tmp_path / "p.git", "main") == ["arm_ci nothing"]


def test_what_git_says_is_passed_on(tmp_path, plain):
    repository = tmp_path / "p.git"
    repository.mkdir()
    with pytest.raises(CommandError) as error:
        repositories.update(repository, plain, "main", "x")
    assert str(error.value) == f"`git` failed: fatal: not a git repository: '{repository}'"


def test_a_projects_directory_that_was_deleted_is_said(config, capsys, tmp_path):
    shutil.rmtree(tmp_path / "samples")
    assert main(["start", "--site", str(config.directory)]) == 2
    assert "`directory`: there is no directory `../samples/hungry` beside the site's files\n" in capsys.readouterr().err


# -- the process -------------------------------------------------------------------------------------------------


def test_a_master_that_does_not_end_is_killed_and_that_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setattr(master_process, "_STOP_SECONDS", 1.0)
    monkeypatch.setattr(master_process, "_PROGRESS_SECONDS", 0.0)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as hanging:
        assert hanging.stdout is not None
        hanging.stdout.readline()
        (tmp_path / "twistd.pid").write_text(str(hanging.pid))
        said: list[str] = []
        assert MasterProcess(tmp_path).stop(said.append) == "killed"
        assert hanging.wait() == -9
    assert said[0] == f"process {hanging.pid} has not ended, it is killed after 1 s (0 s so far)"
