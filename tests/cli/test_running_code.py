"""What is said of a running master's code, without a master."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import arm_ci
from arm_ci.cli import running_code
from arm_ci.cli.running_code import RunningCode

CURE = "`arm-ci restart` puts the new code in force and loses no build"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in place of ours."""
    package = tmp_path / "arm_ci"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(running_code.arm_ci, "__file__", str(package / "__init__.py"))
    return package


@pytest.fixture
def code(package: Path, tmp_path: Path) -> RunningCode:
    """Of a master that has just started."""
    RunningCode(tmp_path).note()
    return RunningCode(tmp_path)


def difference(code: RunningCode) -> str:
    return RunningCode(code.state).difference(os.getpid())


def test_nothing_is_said_of_a_master_that_has_what_is_installed(code, package):
    (package / "__pycache__" / "new.pyc").write_text("made by Python")
    assert difference(code) == ""


@pytest.mark.parametrize("name", ["__init__.py", "master/new.py", "static/styles.css"])
def test_a_file_that_was_changed_or_added_since_is_other_code(code, package, name):
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text("new")
    assert difference(code) == (f"the running master has an arm_ci {arm_ci.__version__} that was changed since: {CURE}")


def test_a_file_that_has_another_name_now_is_other_code(code, package):
    (package / "__init__.py").rename(package / "other.py")
    assert "changed since" in difference(code)


def test_another_version_is_named(code, monkeypatch):
    monkeypatch.setattr(running_code.arm_ci, "__version__", "9.9")
    old = json.loads((code.state / "running-code.json").read_text())["version"]
    assert difference(code) == f"the running master has arm_ci {old}, installed is 9.9: {CURE}"


@pytest.mark.parametrize(
    "noted", [None, "", "[]", '{"process": 1, "version": "0.1.0", "digest": ""}', '{"process": 1}']
)
def test_a_master_that_noted_nothing_is_older(code, noted):
    file = code.state / "running-code.json"
    if noted is None:
        file.unlink()
    else:
        file.write_text(noted)
    assert difference(code) == f"the running master has code from before arm_ci {arm_ci.__version__}: {CURE}"
