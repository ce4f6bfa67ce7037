"""The patch sets in patches/ are well-formed, and what their headers say agrees with their conditions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arm_ci.patches import engine, parsing, series
from arm_ci.plan.patching import known_names

PATCHES = Path(__file__).resolve().parents[2] / "patches"
SETS = sorted(path.name for path in PATCHES.iterdir() if (path / series.SERIES).exists())
ALL = [(name, patch) for name in SETS for patch in series.read(PATCHES / name, known_names()).patches]


def test_mesos_has_a_patch_set():
    assert "mesos" in SETS


@pytest.mark.parametrize("name", SETS)
def test_a_shipped_patch_set_loads(name: str):
    loaded = engine.load_bundle(series.bundle(name, PATCHES / name, known_names()))
    assert loaded.patches


@pytest.mark.parametrize(("project", "patch"), ALL, ids=[f"{name}/{patch.name}" for name, patch in ALL])
def test_a_header_names_every_condition_of_its_patch(project: str, patch: series.PatchFile):
    prose = patch.header["Needed for"]
    needed = patch.needed_for
    versions = re.findall(r"[0-9]+(?:\.[0-9]+)+", needed.get("versions", ""))
    words = [*versions, *needed.get("architectures", ()), *needed.get("generators", ()), *needed.get("os", ())]
    words += [word for family, wanted in needed.get("compilers", {}).items() for word in (family, wanted)]
    assert [word for word in words if word not in prose] == []


@pytest.mark.parametrize(("project", "patch"), ALL, ids=[f"{name}/{patch.name}" for name, patch in ALL])
def test_a_header_names_no_axis_that_its_patch_does_not_ask(project: str, patch: series.PatchFile):
    prose = set(re.findall(r"[a-z0-9]+", patch.header["Needed for"]))
    for key in ("architectures", "compilers"):
        assert prose & set(getattr(known_names(), key)) <= set(patch.needed_for.get(key, ()))


@pytest.mark.parametrize(("project", "patch"), ALL, ids=[f"{name}/{patch.name}" for name, patch in ALL])
def test_a_patch_brings_no_more_context_than_it_needs(project: str, patch: series.PatchFile):
    for file in parsing.parse_patch(patch.text.encode("utf-8", "surrogateescape")):
        for hunk in file.hunks:
            edges = "".join(operation for operation, _ in hunk.lines)
            assert max(len(edges) - len(edges.lstrip(" ")), len(edges) - len(edges.rstrip(" "))) <= 3
