"""An apply that dies is finished or undone by the next one: killed at every system call, by exception and for real."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from patch_trees import NUMBERS, changed, diff, read_tree, series, states, write_tree

from arm_ci.patches import engine, paths, transaction

BEFORE = {"a": NUMBERS, "dir/b": "x\n", "gone": "bye\n"}
PATCH = (
    diff("a", NUMBERS, changed(15, "fifteen"))
    + diff("dir/b", "x\n", "y\n")
    + diff("gone", "bye\n", None)
    + diff("sub/new", None, "hello\n")
)
AFTER = {"a": changed(15, "fifteen").encode(), "dir/b": b"y\n", "sub/new": b"hello\n"}
CALLS = ("mkdir", "makedirs", "open", "write", "fchmod", "fsync", "close", "rename", "unlink", "rmdir", "listdir")
ANY = engine.Context()
NOBODY = 65534


class DeathError(BaseException):
    """The process is gone: nothing of ours may catch it."""


class Os:
    """The module os with a failure at one of the calls that change something."""

    def __init__(self, fail_at: int, failure: Callable[[], BaseException | None]) -> None:
        self.left = fail_at
        self.failure = failure

    def __getattr__(self, name: str) -> Any:
        value = getattr(os, name)
        return self.failing(name, value) if name in CALLS else value

    def failing(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if name == "write":
                    function(arguments[0], arguments[1][: len(arguments[1]) // 2])
                if name == "close":
                    function(*arguments)  # as the end of a process would; the lock goes with it
                failure = self.failure()
                if failure:
                    raise failure
            return function(*arguments, **options)

        return call


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_tree(tmp_path / "tree", BEFORE)
    (tmp_path / "tree/a").chmod(0o640)
    return tmp_path / "tree"


def whole(tree: Path) -> bool:
    """Whether the patch is in, True or False; anything between fails."""
    now = read_tree(tree)
    assert now in (AFTER, {name: text.encode() for name, text in BEFORE.items()})
    assert (tree / "a").stat().st_mode & 0o777 == 0o640
    assert not (tree / paths.JOURNAL_DIRECTORY).exists()
    return now == AFTER


def attempts(tree: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[[], BaseException]) -> list[bool]:
    """For a failure at call 1, 2, ...: the tree after the next check. Ends when an apply gets through."""
    outcomes = []
    for fail_at in range(1, 1000):
        for path in sorted(tree.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        write_tree(tree, BEFORE)
        (tree / "a").chmod(0o640)
        with monkeypatch.context() as patching:
            patching.setattr(transaction, "os", Os(fail_at, failure))
            try:
                engine.apply(series(PATCH), str(tree), ANY)
                return outcomes
            except (DeathError, transaction.SourceError):
                pass
        after_check = engine.check(series(PATCH), str(tree), ANY)
        outcomes.append(whole(tree))
        assert states(after_check) == ["already upstream" if outcomes[-1] else "applies"]
        engine.apply(series(PATCH), str(tree), ANY)
        assert whole(tree)
    raise AssertionError("never got through")


def test_death_at_any_call_leaves_a_tree_that_the_next_check_finishes_or_undoes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
):
    outcomes = attempts(tree, monkeypatch, DeathError)
    assert outcomes == sorted(outcomes), "once finished, a later death must not undo"
    assert {True, False} == set(outcomes)
    assert len(outcomes) > 40


def test_an_error_at_any_call_leaves_a_tree_that_the_next_check_finishes_or_undoes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
):
    assert {True, False} == set(attempts(tree, monkeypatch, disk_full))


def test_an_error_before_the_commit_record_is_undone_at_once(tree: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patching:
        patching.setattr(transaction, "os", Os(4, disk_full))
        with pytest.raises(transaction.SourceError) as failed:
            engine.apply(series(PATCH), str(tree), ANY)
    assert str(failed.value) == f"{tree}/.arm_ci-patches/0: No space left on device"
    assert not whole(tree)


def test_a_death_while_recovering_is_recovered_from(tree: Path, monkeypatch: pytest.MonkeyPatch):
    die_in_the_middle(tree, monkeypatch)
    for fail_at in range(1, 200):
        with monkeypatch.context() as patching:
            patching.setattr(transaction, "os", Os(fail_at, DeathError))
            try:
                engine.check(series(PATCH), str(tree), ANY)
                break
            except DeathError:
                pass
    assert whole(tree)


def die_in_the_middle(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a tree with a commit record and some files replaced."""

    def replace_one(source: str, target: str) -> None:
        if (tree / "a").read_bytes() == AFTER["a"]:
            raise DeathError
        os.rename(source, target)

    with monkeypatch.context() as patching:
        fake = Os(-1, DeathError)
        fake.rename = replace_one  # type: ignore[attr-defined]
        patching.setattr(transaction, "os", fake)
        with pytest.raises(DeathError):
            engine.apply(series(PATCH), str(tree), ANY)
    assert (tree / paths.JOURNAL_DIRECTORY / transaction.JOURNAL).exists()


def test_a_tree_that_was_checked_out_anew_meanwhile_is_left_as_it_is(tree: Path, monkeypatch: pytest.MonkeyPatch):
    die_in_the_middle(tree, monkeypatch)
    write_tree(tree, {"a": "another revision\n", "dir/b": "also\n"})
    assert states(engine.check(series(PATCH), str(tree), ANY)) == ["conflicts"]
    assert read_tree(tree) == {"a": b"another revision\n", "dir/b": b"also\n", "gone": b"bye\n"}


def test_a_half_applied_tree_that_somebody_changed_is_not_touched(tree: Path, monkeypatch: pytest.MonkeyPatch):
    die_in_the_middle(tree, monkeypatch)
    write_tree(tree, {"dir/b": "mine\n"})
    with pytest.raises(transaction.SourceError) as refused:
        engine.check(series(PATCH), str(tree), ANY)
    assert str(refused.value) == (
        f"dir/b was changed after an apply was interrupted; restore the sources and remove {tree}/.arm_ci-patches"
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": [{}]}', '{"files": [{"path": 1}]}', '{"files": [7]}'])
def test_a_damaged_journal_is_not_followed(tree: Path, content: str):
    write_tree(tree, {".arm_ci-patches/journal.json": content})
    with pytest.raises(transaction.SourceError, match=r"/.arm_ci-patches: unreadable journal .*; restore the sources"):
        engine.check(series(PATCH), str(tree), ANY)


def test_a_journal_that_came_with_the_sources_leads_nowhere_else(tree: Path, tmp_path: Path):
    entry = {"path": "../victim", "before": None, "after": None, "mode": None}
    done = {"path": "no", "before": "x", "after": None, "mode": None}
    write_tree(tmp_path, {"victim": "x\n"})
    write_tree(tree, {".arm_ci-patches/journal.json": json.dumps({"files": [entry, done]})})
    with pytest.raises(
        transaction.SourceError, match=r"unreadable journal .\.\./victim: expected a path inside the source"
    ):
        engine.check(series(PATCH), str(tree), ANY)
    assert (tmp_path / "victim").exists()


def test_a_journal_directory_that_is_a_link_is_refused(tree: Path, tmp_path: Path):
    write_tree(tmp_path / "elsewhere", {"keep": "x\n"})
    (tree / ".arm_ci-patches").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(transaction.SourceError) as refused:
        engine.check(series(PATCH), str(tree), ANY)
    assert str(refused.value) == f"{tree}/.arm_ci-patches: expected a directory of ours; remove it"
    assert (tmp_path / "elsewhere/keep").exists()


def test_an_error_after_the_commit_record_says_that_the_next_one_sees_to_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: str, **options: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    with monkeypatch.context() as patching:
        fake = Os(-1, DeathError)
        fake.makedirs = refuse  # type: ignore[attr-defined]
        patching.setattr(transaction, "os", fake)
        with pytest.raises(transaction.SourceError) as failed:
            engine.apply(series(PATCH), str(tree), ANY)
    assert str(failed.value) == (
        f"{tree}: Read-only file system; the apply is interrupted, the next check or apply finishes or undoes it"
    )
    engine.check(series(PATCH), str(tree), ANY)
    assert not whole(tree)


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may write everywhere, so root is nobody for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_tree_that_may_not_be_written_is_one_clear_message(tree: Path):
    # Outside pytest's own directory, which only its owner may enter.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        copy = shutil.copytree(tree, Path(directory) / "tree")
        copy.chmod(0o555)
        with not_as_root(), pytest.raises(transaction.SourceError) as failed:
            engine.apply(series(PATCH), str(copy), ANY)
        copy.chmod(0o755)
    assert str(failed.value) == f"{copy}/.arm_ci-patches: Permission denied"


def test_a_missing_tree_is_one_clear_message(tmp_path: Path):
    with pytest.raises(transaction.SourceError) as failed:
        engine.check(series(PATCH), str(tmp_path / "no"), ANY)
    assert str(failed.value) == f"{tmp_path}/no: no such directory"


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
import test_transaction as t
from patch_trees import series
from arm_ci.patches import engine, paths, transaction
transaction.os = t.Os(int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL))
engine.apply(series(t.PATCH), sys.argv[1], engine.Context())
"""


@pytest.mark.real
def test_a_real_sigkill_now_and_then_leaves_no_half_tree(tree: Path):
    program = KILLED.format(path=[str(Path(__file__).parent), *sys.path])
    killed = 0
    for fail_at in (2, 9, 20, 28, 33, 38, 43, 48, 53):
        done = subprocess.run([sys.executable, "-c", program, str(tree), str(fail_at)], check=False)
        assert done.returncode in (0, -signal.SIGKILL)
        killed += done.returncode != 0
        engine.check(series(PATCH), str(tree), ANY)
        if whole(tree):
            for name in ("sub/new", "sub"):
                (tree / name).rmdir() if name == "sub" else (tree / name).unlink()
            write_tree(tree, BEFORE)
    assert killed > 3
