"""workers/bootstrap.sh without a machine to change: its shell, its options, its table, what it writes."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from arm_ci.config import load
from arm_ci.plan.packages import BOOTSTRAP, package_table, with_table

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = BOOTSTRAP.read_text(encoding="utf-8")
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
GOOD = ("--master", "ci.example.org:9990", "--name", "rpi4-1")


def run(*words: str, shell: str = "sh", given: str = "") -> subprocess.CompletedProcess[str]:
    start = [shell, "sh"] if shell == "busybox" else [shell]
    return subprocess.run([*start, str(BOOTSTRAP), *words], capture_output=True, text=True, input=given, check=False)


def heredoc(word: str) -> str:
    """What stands between the last `<<'WORD'` (or `<<WORD`) and WORD."""
    return re.split(rf"<<'?{word}'?\n", SCRIPT)[-1].partition(f"\n{word}\n")[0] + "\n"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not there")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", "--shell=sh", str(BOOTSTRAP)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_it(shell: str) -> None:
    assert run("--help", shell=shell).stdout.startswith("usage: sh bootstrap.sh --master HOST:PORT --name NAME")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "a"), "--master: HOST:PORT was expected, not ``"),
        (("--master", "ci", "--name", "a"), "--master: HOST:PORT was expected, not `ci`"),
        (("--master", "ci:x", "--name", "a"), "--master: HOST:PORT was expected, not `ci:x`"),
        (("--master", 'c"i:1', "--name", "a"), '--master: HOST:PORT was expected, not `c"i:1`'),
        (("--master", "ci:1"), "--name: the worker's name was expected, not ``"),
        (("--master", "ci:1", "--name", "a b"), "--name: the worker's name was expected, not `a b`"),
        ((*GOOD, "--swap", "12"), "--swap: auto, none or a size such as 12G was expected, not `12`"),
        ((*GOOD, "--swap", "xG"), "--swap: auto, none or a size such as 12G was expected, not `xG`"),
        ((*GOOD, "--certificate", "/none"), "--certificate: `/none` is not a file with a certificate (PEM)"),
        ((*GOOD, "--projects", "kernel"), "--projects: nothing is known of `kernel`; there are llvm mesos sample"),
        ((*GOOD, "--password", "x"), "unknown option `--password`"),
        ((*GOOD, "--swap"), "--swap: a value was expected after it"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_done(words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.splitlines()[-1].rstrip() == f"bootstrap: {said}"


def test_the_table_of_packages_is_that_of_the_shipped_configuration() -> None:
    table = package_table(load(None))
    assert with_table(SCRIPT, table) == SCRIPT, "run: python -m arm_ci.plan.packages"


def test_a_table_takes_the_place_of_another_and_nothing_else_changes() -> None:
    changed = with_table(SCRIPT, "app arm64 * gcc\n")
    assert "\napp arm64 * gcc\nTABLE\n" in changed
    assert with_table(changed, package_table(load(None))) == SCRIPT
    with pytest.raises(ValueError, match=r"this is not bootstrap\.sh: it has no table of packages"):
        with_table("echo\n", "")


def test_what_starts_the_worker_is_python_of_debian_11() -> None:
    ast.parse(heredoc("TAC"), feature_version=(3, 9))


def test_no_password_can_be_given_on_the_command_line() -> None:
    options = re.findall(r"^  (--[a-z-]+)(?: (.*?)  )?", run("--help").stdout, re.MULTILINE)
    assert dict(options)["--secret-file"] == "FILE"
    assert not [name for name, _ in options if name in ("--secret", "--password")]
