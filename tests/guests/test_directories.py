"""Directories that do not outlive their owner, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arm_ci.guests.directories import RUN, private_directory, sweep

OWNER = """
import sys, time
from pathlib import Path
from arm_ci.guests.directories import RUN, private_directory
with private_directory(Path(sys.argv[1]), RUN) as directory:
    (directory / "disk").write_text("x")
    print(directory, flush=True)
    time.sleep(1000)
"""


@pytest.fixture()
def owner(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path / "runs"], stdout=subprocess.PIPE, text=True)
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_it_goes_with_the_block(tmp_path) -> None:
    with private_directory(tmp_path, RUN) as directory:
        (directory / "disk").write_text("x")
    assert not directory.exists()


def test_what_somebody_holds_stays(owner, tmp_path) -> None:
    _, theirs = owner
    with private_directory(tmp_path / "runs", RUN) as ours:
        assert ours != theirs
        assert (theirs / "disk").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_owner_left_is_removed_by_the_next(owner, tmp_path, number) -> None:
    process, theirs = owner
    process.send_signal(number)
    process.wait()
    assert theirs.exists()
    with private_directory(tmp_path / "runs", RUN):
        assert not theirs.exists()


def test_one_that_was_killed_before_it_had_a_lock_is_removed_too(tmp_path) -> None:
    (tmp_path / "run-half").mkdir()
    (tmp_path / "image").mkdir()
    sweep(tmp_path, RUN)
    assert not (tmp_path / "run-half").exists()
    assert (tmp_path / "image").exists()
