"""`arm-ci build` with compilers and build tools that are shell scripts: the real command line in milliseconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIANT = "sample-local-gcc-bfd-ninja-full"

TOOL = """\
#!/bin/sh
case "$*" in *--version*) echo "$(basename "$0") 99.1.0"; exit 0;; esac
echo "$(basename "$0") LC_ALL=$LC_ALL"
case "$(basename "$0")" in
  ninja) echo "[1/2] one"; {ninja};;
  ctest) echo "1/2 Test #1: adds ...   Passed    0.01 sec"; echo "2/2 Test #2: links ...{second}   0.01 sec";;
esac
"""


@pytest.fixture
def build(tmp_path):
    """Runs the command on a copy of the sample with fake tools; returns what it printed."""
    source = tmp_path / "hungry"
    shutil.copytree(ROOT / "samples" / "hungry", source)
    tools = tmp_path / "tools"
    tools.mkdir()

    def run(*more, ninja="true", second="   Passed", variant=VARIANT, without=()):
        for name in {"gcc", "g++", "ld.bfd", "git", "cmake", "ninja", "ctest", "make"} - set(without):
            (tools / name).write_text(TOOL.format(ninja=ninja, second=second))
            (tools / name).chmod(0o755)
        for name in ("sh", "basename", "dpkg"):
            (tools / name).symlink_to(shutil.which(name)) if shutil.which(name) else None
        command = [sys.executable, "-m", "arm_ci", "build", "--variant", variant, "--source", str(source), *more]
        environment = {**os.environ, "PATH": str(tools)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)

    return run


def test_stages_run_in_order_and_the_end_is_said(build):
    done = build()
    assert done.returncode == 0, done.stderr
    stages = [line for line in done.stdout.splitlines() if line.startswith("=== ")]
    assert stages[:-1] == [
        "=== check this machine",
        "=== patch set",
        "=== prerequisites",
        "=== configure",
        "=== build",
        "=== tests",
    ]
    assert stages[-1].startswith(f"=== {VARIANT}: done in ")
    assert "ninja LC_ALL=C" in done.stdout
    assert "hungry: 2 passed" in done.stdout


def test_a_failed_build_ends_with_the_tools_own_line(build):
    done = build(ninja="echo 'ninja: error: no rule'; exit 1")
    assert (done.returncode, done.stderr) == (1, f"=== {VARIANT}: ninja: error: no rule\n")


def test_a_failed_test_is_named(build):
    done = build(second="***Failed")
    assert (done.returncode, done.stderr) == (1, f"=== {VARIANT}: hungry: 1 passed, 1 failed: links\n")


def test_a_missing_tool_ends_it_before_anything_is_touched(build):
    done = build(without=("ninja",))
    assert done.returncode == 1
    assert "`ninja` is not on this machine (" in done.stderr
    assert "=== patch set" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--variant", "sample-local-gcc-bfd-nina-full"),
            "--variant: there is no variant `sample-local-gcc-bfd-nina-full`; "
            "did you mean `sample-local-gcc-bfd-ninja-full`? (`arm-ci matrix` lists them)",
        ),
        (("--source", "/no/such"), "--source: `/no/such` is not a directory"),
        (("--jobs=-1",), "--jobs: a number of edges at once was expected, not -1"),
        (
            ("--targets", "a b=c"),
            "--targets: `b=c` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
            "starting with a letter, digit or `_`",
        ),
    ],
)
def test_wrong_arguments_are_answered_with_one_line(build, words, message):
    done = build(*words)
    assert (done.returncode, done.stderr) == (2, f"arm-ci: {message}\n")
