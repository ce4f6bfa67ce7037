"""A file is written whole, or stays as it was."""

import os

import pytest

from arm_ci.agent.whole_file import write_whole


def test_a_new_file_takes_the_place_of_the_old_one_with_its_own_permissions(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    write_whole(str(path), b"new", 0o640)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(str(path), b"new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
