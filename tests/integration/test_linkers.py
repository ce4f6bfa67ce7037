"""The linker that a variant names is the one that links: asked of the linked program itself."""

import os
import shutil
import subprocess

import pytest
from running import PROJECTS, ROOT, Site, environment

pytestmark = pytest.mark.integration

ALL = PROJECTS.replace("[gcc]", "[gcc, clang]").replace("[bfd]", "[bfd, gold, lld, mold, mclinker]")
# What each linker leaves in what it links.
TRACES = {
    "bfd": lambda sections, comment: ".note.gnu.gold-version" not in sections and not {"LLD", "mold"} & comment,
    "gold": lambda sections, comment: ".note.gnu.gold-version" in sections,
    "lld": lambda sections, comment: "LLD" in comment,
    "mold": lambda sections, comment: "mold" in comment,
    # MCLinker is packaged nowhere any more; gold stands in for it, found through -B and not through -fuse-ld.
    "mclinker": lambda sections, comment: ".note.gnu.gold-version" in sections,
}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("linker", TRACES)
def test_the_chosen_linker_links(linker, compiler, tmp_path, monkeypatch):
    programs = {"gcc": "g++", "clang": "clang++"}[compiler], f"ld.{'gold' if linker == 'mclinker' else linker}"
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    site = Site.make(tmp_path, ALL)
    stand_in = tmp_path / "bin"
    stand_in.mkdir()
    (stand_in / "ld.mcld").symlink_to(shutil.which("ld.gold"))
    monkeypatch.setenv("PATH", f"{stand_in}:{os.environ['PATH']}")
    source = tmp_path / "hungry"
    shutil.copytree(ROOT / "samples" / "hungry", source)
    variant = f"sample-local-{compiler}-{linker}-ninja-full"
    done = site.arm_ci("build", "--variant", variant, "--source", str(source), "--directory", str(tmp_path / "b"))
    assert done.returncode == 0, done.stdout + done.stderr
    hungry = tmp_path / "b" / "build" / "hungry"
    sections = _readelf("--wide", "--sections", hungry)
    comment = set(_readelf("--string-dump=.comment", hungry).split())
    assert TRACES[linker](sections, comment), f"{sections}\n{comment}"


def _readelf(*words):
    return subprocess.run(["readelf", *words], capture_output=True, text=True, check=True, env=environment()).stdout
