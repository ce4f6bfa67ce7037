"""The file that applies a forced patch on a worker, alone, as a step runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from patch_trees import NUMBERS, changed, diff, write_tree

from arm_ci.plan import archives

FIVE = diff("src/a.txt", NUMBERS, changed(5, "five"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", {"src/a.txt": NUMBERS})


@pytest.fixture
def alone(tmp_path: Path, tree: Path) -> Any:
    """Runs the file as a step does: one file, with nothing else."""
    directory = tmp_path / "support"
    directory.mkdir()
    (directory / "patches.pyz").write_bytes(archives.patch_engine().data)

    def run(text: str, *more: str, source: str = str(tree)) -> subprocess.CompletedProcess[str]:
        (directory / "forced.patch").write_text(text)
        words = ["-I", "-S", "patches.pyz", "forced", "--source", source, "--patch", "forced.patch", *more]
        return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=directory)

    return run


def test_the_file_alone_prints_what_it_did_as_json(alone: Any, tree: Path):
    done = alone(FIVE, "--strip", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "schema": 1,
        "files": ["src/a.txt: 1 hunk"],
        "problems": [],
        "sentence": "1 file, 1 hunk",
    }
    assert (tree / "src/a.txt").read_text() == changed(5, "five")


def test_the_file_alone_ends_with_1_when_the_patch_does_not_apply(alone: Any):
    done = alone(diff("nowhere", "one\n", "two\n"))
    assert done.returncode == 1
    assert json.loads(done.stdout)["sentence"] == "nowhere is not in the tree"


def test_the_file_alone_ends_with_2_for_a_bad_call(alone: Any, tree: Path):
    done = alone(FIVE, source=f"{tree}/no")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{tree}/no: no such directory\n")
    done = alone(FIVE, "--strip", "x")
    assert done.returncode == 2
    assert "`x` is not a strip level" in done.stderr
