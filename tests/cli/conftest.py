"""A configuration whose workers are added, listed and checked."""

import shutil
import sys
from pathlib import Path

import pytest

from arm_ci.cli import main

ROOT = Path(__file__).resolve().parents[2]
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
        status = main(["worker", *words, "--site", str(directory)])
        out, err = capsys.readouterr()
        return status, out, err

    return call
