"""What `arm-ci` says and returns when a command ends with an error."""

from __future__ import annotations

import argparse
import sys

import pytest

from arm_ci.cli.ending import run
from arm_ci.patches.diffs import BundleError
from arm_ci.patches.series import SeriesError
from arm_ci.patches.transaction import SourceError


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (PermissionError(13, "Permission denied", "/a/file"), 3, "arm-ci: /a/file: Permission denied\n"),
        (FileNotFoundError(2, "No such file or directory", b"/a"), 3, "arm-ci: /a: No such file or directory\n"),
        (OSError(28, "No space left on device"), 3, "arm-ci: No space left on device\n"),
        (OSError("odd"), 3, "arm-ci: odd\n"),
        (SourceError("/a: no such directory"), 3, "arm-ci: /a: no such directory\n"),
        (BundleError("`version`: wrong"), 2, "arm-ci: `version`: wrong\n"),
        (SeriesError(("a:1:1: wrong", "b:1:1: wrong")), 2, "a:1:1: wrong\nb:1:1: wrong\n"),
        (KeyboardInterrupt(), 1, "arm-ci: interrupted\n"),
        (
            ModuleNotFoundError("No module named 'cryptography'", name="cryptography.x509"),
            3,
            "arm-ci: this needs the Python module `cryptography`, which is not installed; "
            f"run: {sys.executable} -m pip install 'arm_ci[master]'\n",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_status(capsys, error, status, message):
    def fail(_: argparse.Namespace) -> int:
        raise error

    assert run(argparse.Namespace(run=fail)) == status
    assert capsys.readouterr().err == message


def test_a_module_of_ours_that_is_missing_is_our_fault_and_shown_as_such():
    def fail(_: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'arm_ci.nothing'", name="arm_ci.nothing")

    with pytest.raises(ModuleNotFoundError):
        run(argparse.Namespace(run=fail))
