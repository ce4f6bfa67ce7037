"""The patch set of Mesos against the real sources: states at 1.1.0, 1.11.0 and master, and git's own opinion.

Needs ARM_CI_MESOS_SOURCE: a Git checkout or bare repository of Mesos with its tags. Blobs that it lacks do not matter.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from patch_trees import read_tree

from arm_ci.patches import engine, series
from arm_ci.plan.patching import known_names

REPOSITORY = os.environ.get("ARM_CI_MESOS_SOURCE", "")
pytestmark = [
    pytest.mark.upstream,
    pytest.mark.skipif(not REPOSITORY, reason="ARM_CI_MESOS_SOURCE names no checkout of Mesos"),
]

PATCHES = Path(__file__).resolve().parents[2] / "patches" / "mesos"
BUNDLE = series.bundle("mesos", PATCHES, known_names(), "configure.ac", r"AC_INIT\(\[mesos\], \[([0-9.]+)\]\)")
SERIES = engine.load_bundle(BUNDLE)
VARIANTS = {
    "any": engine.Context(),
    "amd64 gcc-12 ninja": engine.Context(
        architecture="amd64", compiler="gcc", compiler_version="12", generator="ninja"
    ),
    "arm64 gcc-12 ninja": engine.Context(
        architecture="arm64", compiler="gcc", compiler_version="12", generator="ninja"
    ),
    "amd64 clang-14 ninja": engine.Context(
        architecture="amd64", compiler="clang", compiler_version="14", generator="ninja"
    ),
    "amd64 gcc-12 autotools": engine.Context(
        architecture="amd64", compiler="gcc", compiler_version="12", generator="autotools"
    ),
}
NAMES = [patch.name for patch in SERIES.patches]
NEEDED_AT_1_1_0 = {
    "any": set(NAMES) - {"configure-zlib-1.4"},
    "amd64 gcc-12 ninja": {"byproducts", "zookeeper-werror-cmake", "glog-cxx17", "sysmacros", "test-linkee"},
    "arm64 gcc-12 ninja": {
        "byproducts",
        "zookeeper-werror-cmake",
        "glog-cxx17",
        "sysmacros",
        "test-linkee",
        "glog-arm64",
        "leveldb-arm64",
        "clone-stack-arm64",
    },
    "amd64 clang-14 ninja": {"byproducts", "zookeeper-werror-cmake", "glog-cxx17", "sysmacros", "array", "test-linkee"},
    "amd64 gcc-12 autotools": {"zookeeper-werror-autotools", "sysmacros", "configure-zlib"},
}
EVERYWHERE = {"libdl-name"}
BY_CONTENT = {"byproducts", "zookeeper-werror-cmake", "zookeeper-werror-autotools"}


def checkout(revision: str, tree: Path) -> Path:
    """The files of a revision that the patch set looks at."""
    paths = {file.path for patch in SERIES.patches for file in patch.files} | {"configure.ac"}
    paths |= {marker.file for patch in SERIES.patches for marker in patch.upstream}
    for path in sorted(paths):
        shown = subprocess.run(
            ["git", "-C", REPOSITORY, "show", f"{revision}:{path}"], capture_output=True, check=False
        )
        if shown.returncode == 0:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(shown.stdout)
    return tree


def by_state(states: tuple[engine.PatchState, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for state in states:
        found.setdefault(state.state, set()).add(state.name)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_1_1_0_what_is_needed_applies_and_is_recognised_afterwards(variant: str, tmp_path: Path):
    tree = checkout("1.1.0", tmp_path)
    needed = NEEDED_AT_1_1_0[variant] | EVERYWHERE
    expected = {"applies": needed, "not needed": set(NAMES) - needed}
    assert by_state(engine.apply(SERIES, str(tree), VARIANTS[variant])) == expected
    once = read_tree(tree)
    again = by_state(engine.apply(SERIES, str(tree), VARIANTS[variant]))
    assert again == {"already upstream": needed, "not needed": set(NAMES) - needed}
    assert read_tree(tree) == once


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("revision", "wants"), [("1.11.0", {"configure-zlib-1.4"}), ("master", set())])
def test_later_versions_have_their_own_fixes(revision: str, wants: set[str], variant: str, tmp_path: Path):
    wants = (wants if variant in ("any", "amd64 gcc-12 autotools") else set()) | EVERYWHERE
    expected = {"applies": wants, "already upstream": BY_CONTENT, "not needed": set(NAMES) - BY_CONTENT - wants}
    assert by_state(engine.check(SERIES, str(checkout(revision, tmp_path)), VARIANTS[variant])) == expected


def test_git_makes_the_same_of_1_1_0(tmp_path: Path):
    ours, theirs = checkout("1.1.0", tmp_path / "ours"), checkout("1.1.0", tmp_path / "theirs")
    states = engine.apply(SERIES, str(ours), engine.Context())
    for name in engine.applied(states):
        subprocess.run(
            ["git", "apply", str(PATCHES / f"{name}.patch")],
            cwd=theirs,
            check=True,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)},
        )
    assert read_tree(ours) == read_tree(theirs)


@pytest.mark.parametrize(
    ("revision", "conflicting"),
    [
        ("1.0.4", {"clone-stack-arm64"}),
        ("1.1.3", set()),
        ("1.2.3", set()),
        ("1.3.2", {"byproducts", "zookeeper-werror-cmake"}),
        ("1.4.3", {"byproducts"}),
        ("1.5.3", set()),
        ("1.8.1", set()),
        ("1.10.0", set()),
    ],
)
def test_where_a_patch_is_needed_but_does_not_fit_it_says_so(revision: str, conflicting: set[str], tmp_path: Path):
    states = engine.check(SERIES, str(checkout(revision, tmp_path)), engine.Context())
    assert by_state(states).get("conflicts", set()) == conflicting
