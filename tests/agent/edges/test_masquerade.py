"""The directory of launchers: for which programs, and that it stays right while compilers come and go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from arm_ci.agent import unpack
from arm_ci.agent.edges import masquerade


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("g++", "arm-linux-gnueabihf-gcc-12", "ar", "ld.lld", "c++filt", "gcov", "make"):
        (directory / name).write_text("#!/bin/sh\necho $0\n")
        (directory / name).chmod(0o755)
    (directory / "clang").write_text("not executable")
    (directory / "gcc").mkdir()
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.name.startswith(".")}


def test_compilers_archivers_and_linkers_get_a_launcher_and_nothing_else(tmp_path, programs):
    made = masquerade.make(str(tmp_path / "m"), f"{programs}:relative::/no/such/place")
    assert names(tmp_path / "m") == set(made) == {"g++", "arm-linux-gnueabihf-gcc-12", "ar", "ld.lld"}


def test_the_first_of_a_name_in_path_is_the_one_that_is_known(tmp_path, programs):
    other = tmp_path / "other"
    other.mkdir()
    (other / "g++").symlink_to("/bin/true")
    assert masquerade.programs(f"{other}:{programs}", "/nowhere")["g++"] == str(other / "g++")


def test_the_directory_itself_in_path_does_not_count(tmp_path, programs):
    place = tmp_path / "m"
    masquerade.make(str(place), str(programs))
    assert masquerade.make(str(place), f"{place}/:{programs}")["g++"] == str(programs / "g++")


def test_a_launcher_is_left_alone_until_its_compiler_changes(tmp_path, programs):
    # ccache tells compilers apart by the time of this file.
    place = tmp_path / "m"
    masquerade.make(str(place), str(programs))
    before = {name: (place / name).stat().st_mtime_ns for name in names(place)}
    masquerade.make(str(place), str(programs))
    assert {name: (place / name).stat().st_mtime_ns for name in names(place)} == before
    os.utime(programs / "g++", ns=(1, 1))
    masquerade.make(str(place), str(programs))
    assert (place / "g++").stat().st_mtime_ns != before["g++"]
    assert (place / "ar").stat().st_mtime_ns == before["ar"]


def test_a_compiler_that_has_gone_takes_its_launcher_with_it(tmp_path, programs):
    place = tmp_path / "m"
    masquerade.make(str(place), str(programs))
    (place / "notes").write_text("somebody's")
    (programs / "g++").unlink()
    masquerade.make(str(place), str(programs))
    assert "g++" not in names(place)
    assert "notes" in names(place)


def test_an_interpreter_that_does_not_fit_the_first_line_is_started_by_a_shell(tmp_path, programs, monkeypatch):
    far = tmp_path / ("with blank" + "x" * 120)
    far.mkdir()
    interpreter = far / "python3"
    interpreter.symlink_to(unpack.interpreter())
    monkeypatch.setattr(masquerade, "interpreter", lambda: str(interpreter))
    masquerade.make(str(tmp_path / "m"), f"{programs}:/usr/bin:/bin")
    assert (tmp_path / "m" / "g++").read_text().startswith("#!/bin/sh\n")
    done = subprocess.run([tmp_path / "m" / "g++"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{programs}/g++\n", "")


def test_a_place_that_cannot_be_written_is_an_error_with_its_name(tmp_path, programs):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory") as caught:
        masquerade.make(str(tmp_path / "file" / "m"), str(programs))
    assert caught.value.filename.startswith(str(tmp_path / "file"))
