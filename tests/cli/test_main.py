"""What `arm-ci` says and returns when a command ends with an error."""

from __future__ import annotations

import argparse

import pytest

from arm_ci import cli
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
    ],
)
def test_an_error_is_one_line_and_an_exit_status(monkeypatch, capsys, error, status, message):
    def fail(_: argparse.Namespace) -> int:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=fail)
    monkeypatch.setattr(cli, "make_parser", lambda: parser)
    assert cli.main([]) == status
    assert capsys.readouterr().err == message
