"""The small configuration without mistakes, as files and read."""

from pathlib import Path

import pytest
from small_configuration import read, write_files

from arm_ci.config import Config


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A configuration without mistakes."""
    return write_files(tmp_path / "config", {})


@pytest.fixture
def config(directory: Path) -> Config:
    """The same, read."""
    return read(directory)
