"""The link of a really large program in the 925 MB of a Raspberry Pi 3: killed, tried in every way, and then done."""

import re
import subprocess
import sys

import pytest
import scarcity
from provoking import MIB, Provoked, worker
from running import ROOT, Site

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROJECT = """\
large:
  directory: {directory}
  branches: [main]
  timeout: 20m
  cmake:
    options: [-DLARGE_ARCHIVES={archives}]
    targets: [all]
    artefacts: [large]
  matrix:
    boards: [local]
    compilers: [gcc]
    linkers: [bfd]
    generators: [ninja]
"""
LIMIT_BYTES = 925 * MIB
PATIENCE_SECONDS = 60
"""For each way of the trial. What fits takes less than 10 s."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    scarcity.need_root()
    scarcity.need("ld.bfd", "ld.lld", "ld.mold")
    directory = tmp_path_factory.mktemp("site")
    large = directory / "large"
    subprocess.run([sys.executable, ROOT / "benchmarks" / "large_link.py", large], check=True)
    archives = large / "archives"
    assert sum(archive.stat().st_size for archive in archives.iterdir()) > 1_000_000_000
    text = PROJECT.format(directory=large / "project", archives=archives)
    site = Site.make(directory, projects=text, workers="".join(f"pc-{n}: {{board: local}}\n" for n in range(2)))
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def provoke(site, number, linker):
    """Links with a linker, in 925 MB without swap."""
    variant = f"large-local-gcc-{linker}-ninja-full"
    with scarcity.memory_cgroup(LIMIT_BYTES) as cgroup, worker(site, number, cgroup.command()):
        site.arm_ci("force", "--variant", variant, "--jobs", "1", "--wait", timeout=3600)
    return Provoked(site, site.last_build(variant))


def test_the_way_that_the_trial_finds_then_links_it(site):
    found = provoke(site, 0, "bfd")
    assert found.said() == ("oom-kill", "cgroup", "certain", "ld.bfd", "large"), found.sentence
    assert found.verdict["had_bytes"] == LIMIT_BYTES
    assert found.advice().startswith("Link with lld (-fuse-ld=lld -Wl,-S)"), found.advice()
    (report,) = (site.directory / "worker-pc-0").glob("*/support/report-build.json")
    words = ["--report", str(report), "--limit-seconds", str(PATIENCE_SECONDS), "--only", "bfd,lld,mold"]
    tried = subprocess.run(
        [sys.executable, "-m", "arm_ci", "link-trial", *words], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"^bfd +\(as in the build\) +oom-kill ", tried, re.M), tried
    # Their own memory would fit, but they read the archives again and again.
    assert re.search(r"^lld +too slow ", tried, re.M), tried
    assert re.search(r"^lld +-S +fits ", tried, re.M), tried
    # The setting that it prints, put where it says.
    entry = re.search(r"^in toolchains.yaml, under `linkers:`\n((?: .*\n?)+)", tried, re.M)
    assert entry, tried
    with (site.config / "toolchains.yaml").open("a") as toolchains:
        toolchains.write(f"\n{entry[1]}\n")
    name = entry[1].split(":")[0].strip()
    projects = site.config / "projects.yaml"
    projects.write_text(projects.read_text().replace("[bfd]", f"[bfd, {name}]"))
    assert site.arm_ci("start").returncode == 0
    again = provoke(site, 1, name)
    assert again.build["results"] == 0, again.sentence
    assert re.fullmatch(r"large \d+ MB", site.steps(again.build)["artefacts"]["state_string"])
