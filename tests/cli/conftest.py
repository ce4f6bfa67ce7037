"""A configuration whose workers are added, listed and checked."""

import sys
from pathlib import Path

import pytest
from sites import whole_site

from arm_ci.cli import main

TLS = "web: {port: 1}\ntls: {name: ci.example.org}\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A site with TLS that builds all that ships, and a port of the web UI where nobody listens."""
    return whole_site(tmp_path / "config", site=TLS)


@pytest.fixture
def run(directory, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/srv/arm_ci/.venv/bin/arm-ci"])
    monkeypatch.setattr("getpass.getuser", lambda: "ada")

    def call(*words: str) -> tuple[int, str, str]:
        status = main(["worker", *words, "--site", str(directory)])
        out, err = capsys.readouterr()
        return status, out, err

    return call
