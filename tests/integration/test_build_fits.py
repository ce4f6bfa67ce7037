"""Edges that do not fit beside one another: what memory killed runs again alone, and what they took is learned."""

import re

import pytest
import scarcity
from provoking import MIB, Provoked, worker
from running import ROOT, Site

from arm_ci.agent.peaks import Peaks
from arm_ci.diagnosis.judging.second_tries import memory_kills, tries

pytestmark = pytest.mark.integration

JOBS = 4
LIMIT_MB = 420
# Two of the sources must be far beyond the limit together, and one far below: what ends just at a limit reads its file
# pages again and again, for minutes.
_PROJECT = """\
{name}:
  directory: {sample}
  branches: [main]
  admission: {admission}
  cmake:
    options: [-DHUNGRY_SOURCES=3, -DHUNGRY_COMPILE_MB=260, -DHUNGRY_LINK_MB=60]
    targets: [all]
  matrix: {{boards: [local], compilers: [gcc], linkers: [bfd], generators: [ninja, make]}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    scarcity.need_root()
    directory = tmp_path_factory.mktemp("site")
    sample = ROOT / "samples" / "hungry"
    projects = "".join(
        _PROJECT.format(name=name, sample=sample, admission=admission)
        for name, admission in (("plain", "false"), ("admitted", "true"))
    )
    names = "".join(f"pc-{number}: {{board: local}}\n" for number in range(4))
    site = Site.make(directory, projects=projects.replace("{", "{{").replace("}", "}}"), workers=names)
    patches = directory / "patches"
    patches.mkdir()
    for name in ("plain", "admitted"):
        (patches / name).symlink_to(ROOT / "patches" / "sample")
    site.write_site(f"patches: {patches}")
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    yield site
    site.arm_ci("stop")


def build(site, variant):
    """Builds a variant with four edges at once at most."""
    site.arm_ci("force", "--variant", variant, "--jobs", str(JOBS), "--wait")
    return Provoked(site, site.last_build(variant))


def kept(site, variant):
    """What the master keeps of a variant's edges; after a build of its own where there was none yet."""
    file = site.state / "peaks" / f"{variant}.json"
    if not file.exists():
        build(site, variant)
    return Peaks.from_text(file.read_text())


# Between the first kill and the second it reads its file pages again and again, for seconds or for many minutes.
@pytest.mark.slow
def test_four_edges_at_once_die_where_they_are_not_let_in_one_by_one(site):
    with scarcity.memory_cgroup(LIMIT_MB * MIB) as cgroup, worker(site, 0, cgroup.command()):
        found = build(site, "plain-local-gcc-bfd-ninja-full")
    kind, scope, confidence, program, _ = found.said()
    assert (kind, scope, confidence, program) == ("oom-kill", "cgroup", "certain", "cc1plus"), found.sentence


def check_is_whole(found):
    """A build that became whole, and says how."""
    again = len({edge.output for edge in tries(found.report)})
    assert found.sentence == "build successful"
    said = found.site.steps(found.build)["build"]["state_string"]
    assert re.fullmatch(r"built all, 4 edges at once at most(, \d+ edges)?(, \d+ ran again)?", said), said
    assert said.endswith(f", {again} ran again") == bool(again)
    assert found.said()[:3] == ("ok", None, "certain")
    assert ("ran again alone" in found.verdict["sentence"]) == bool(again)
    assert found.report.admission.cores == JOBS
    assert found.report.kernel.cgroup_oom_kills == len(memory_kills(found.report))
    learned = found.site.steps(found.build)["learn-peaks"]["state_string"]
    assert re.fullmatch(r"learned the peaks of \d+ edges", learned), learned


@pytest.mark.parametrize(("number", "generator"), [(1, "ninja"), (2, "make")])
def test_with_admission_it_is_built_and_the_next_time_nothing_is_killed(site, number, generator):
    variant = f"admitted-local-gcc-bfd-{generator}-full"
    with scarcity.memory_cgroup(LIMIT_MB * MIB) as cgroup, worker(site, number, cgroup.command()):
        first, second = build(site, variant), build(site, variant)
    for found in (first, second):
        check_is_whole(found)
    assert first.report.admission.learned == 0
    assert re.fullmatch(r"gcc \d+, ld\.bfd \d+", kept(site, variant).toolchain)
    # What the first build has shown was handed over, and nothing is killed any more.
    assert second.report.admission.learned > 0
    assert {edge.expected_by for edge in second.report.edges if "feed_" in edge.output} == {"history"}
    assert tries(second.report) == []


def test_sources_that_have_grown_since_are_killed_once_and_run_again_alone(site):
    variant = "admitted-local-gcc-bfd-ninja-full"
    with scarcity.memory_cgroup(LIMIT_MB * MIB) as cgroup, worker(site, 3, cgroup.command()):
        peaks = kept(site, variant)
        small = tuple(edge._replace(need_bytes=40 * MIB) for edge in peaks.edges)
        (site.state / "peaks" / f"{variant}.json").write_text(peaks._replace(edges=small).to_text())
        found = build(site, variant)
    check_is_whole(found)
    assert tries(found.report)
    assert all("feed_" in edge.output for edge in tries(found.report))
    last = {edge.output: edge for edge in found.report.edges}
    assert all(last[edge.output].alone and not last[edge.output].failed for edge in tries(found.report))
    # And it is known from now on.
    assert all(edge.need_bytes > 180 * MIB for edge in kept(site, variant).edges if "feed_" in edge.output)
