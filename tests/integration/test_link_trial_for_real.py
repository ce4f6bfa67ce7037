"""Real linkers that run out of memory: the trial finds what fits, under the limits of the build that failed."""

import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arm_ci.agent.link_trial.trial_result import FITS, TrialResult
from arm_ci.agent.machine.visibility import visibility_here
from arm_ci.diagnosis.advice.link_trial_advice import best_rows, result_words, trial_advice
from arm_ci.plan.archives import agent

ROOT = Path(__file__).parents[2]
MB = 1 << 20
# Between what bfd needs for this link and what mold and lld do; between gold's addresses with and without its maps.
MEMORY_BYTES = 150_000_000
ADDRESSES_BYTES = 229 * MB

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(shutil.which(name) for name in ("cmake", "ninja", "g++", "ld.lld", "ld.mold", "ld.gold")),
        reason="needs cmake, ninja and four linkers",
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Directory of a build tree with a link of some 200 MB (bfd), and the command of that link."""
    place = tmp_path_factory.mktemp("large link")
    source, tree = place / "source", place / "tree"
    shutil.copytree(ROOT / "samples" / "hungry", source)
    patch = ROOT / "patches" / "sample" / "byproducts.patch"
    subprocess.run(["patch", "-s", "-p1", "-i", patch], cwd=source, check=True)
    dials = ("-DHUNGRY_SOURCES=1", "-DHUNGRY_COMPILE_MB=100", "-DHUNGRY_LINK_MB=200")
    subprocess.run(["cmake", "-G", "Ninja", *dials, "-S", source, "-B", tree], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    shown = subprocess.run(
        ["ninja", "-t", "commands", "hungry"], cwd=tree, check=True, stdout=subprocess.PIPE, text=True
    )
    command = re.fullmatch(r": && (.*) && :", shown.stdout.splitlines()[-1]).group(1)
    (place / "agent.pyz").write_bytes(agent().data)
    return tree, re.sub(r"^\S*/", "", command)


def run_agent(tree, *words, **options):
    command = [sys.executable, "-IS", str(tree.parent / "agent.pyz"), *words]
    return subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def tried(tree, *words):
    """The result of the trial; the tree must stay as it was."""
    before = sorted((path, path.stat().st_mtime_ns) for path in tree.rglob("*") if path.is_file())
    report, result = str(tree.parent / "report.json"), str(tree.parent / "result.json")
    done = run_agent(tree, "link-trial", "--report", report, "--result", result, *words)
    assert done.returncode == 0, done.stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in tree.rglob("*") if path.is_file()) == before
    return TrialResult.from_json(json.loads(Path(result).read_text())), done.stdout


def test_where_bfd_is_killed_for_memory_lld_and_mold_fit(built):
    if not visibility_here().cgroup:
        pytest.skip("no memory cgroup can be made here")
    tree, command = built
    limit = ("--memory", str(MEMORY_BYTES), "--swap", "0")
    report = str(tree.parent / "report.json")
    assert run_agent(tree, "run", "--report", report, *limit, "--", "sh", "-c", command).returncode != 0
    result, said = tried(tree)
    ways = {(row.linker, row.options): result_words(row) for row in result.rows}
    assert ways[("bfd", ())] == "oom-kill"
    assert ways[("lld", ())] == ways[("mold", ())] == "fits"
    assert result.limits.memory_bytes // 4096 == MEMORY_BYTES // 4096
    assert result.rows[0].as_built
    assert "1/16 as in the build (bfd): failed" in said
    best = best_rows(result)[0]
    assert best.linker == "mold"
    assert 0 < best.peak_anonymous_swap_bytes < MEMORY_BYTES
    assert trial_advice(result)[0].text.startswith("Link hungry with mold")


def test_the_advised_setting_then_succeeds_where_addresses_are_few(built):
    tree, command = built
    report = str(tree.parent / "report.json")

    def few_addresses():
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))

    failing = command.replace("c++ ", "c++ -fuse-ld=gold ", 1)
    words = ("run", "--report", report, "--", "sh", "-c")
    assert run_agent(tree, *words, failing, preexec_fn=few_addresses).returncode == 1
    # The trial itself runs without that limit: it takes it from the report.
    result, _ = tried(tree, "--only", "gold")
    ways = {row.options: result_words(row) for row in result.rows}
    assert ways[()] == ways[("-S",)] == "address-space"
    assert ways[("--no-map-whole-files", "--no-mmap-output-file")] == FITS
    (best, *_) = best_rows(result)
    advised = failing.replace(" ", " " + " ".join(f"-Wl,{option}" for option in best.options) + " ", 1)
    assert run_agent(tree, *words, advised, preexec_fn=few_addresses).returncode == 0
