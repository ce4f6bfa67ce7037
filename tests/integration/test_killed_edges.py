"""Edges, waiting launchers and the agent are killed at random: no build hangs, none says that it is well and is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from killed_edges import Builds
from scarcity import need_root

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("generator", "seed"), [("Ninja", 11), ("Unix Makefiles", 12)])
def test_builds_with_random_kills_end_and_tell_the_truth(tmp_path: Path, generator: str, seed: int) -> None:
    need_root()  # the builds run in a limited cgroup
    builds = Builds(tmp_path, generator)
    builds.clean()
    chance = random.Random(seed)
    for victims in (("compiler",), ("waiting launcher",), ("running launcher",), ("agent",)):
        ended = builds.killed(chance, victims, kills=2)
        assert ended.findings == [], f"{victims}: {ended}"
