"""The master.cfg that docs/use-the-steps.md shows is one: Buildbot takes it, and its builder builds."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ROOT, free_port
from waiting import limit, wait_for

from arm_ci.cli import repositories
from arm_ci.cli.rest import Master

pytestmark = pytest.mark.integration
BUILDER = "sample-local-gcc-bfd-ninja-full"
PROJECTS = """\
sample:
  cmake:
    options: [-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB=100, -DHUNGRY_LINK_MB=30]
"""


def shown(language: str, file: str) -> str:
    """The block of the page that is a file."""
    page = (ROOT / "docs" / "use-the-steps.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"```{language}\n# {re.escape(file)}\n(.*?)```", page, re.DOTALL)
    return str(found)


def buildbot(*words: str | Path) -> None:
    command = [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit(300))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """The master of the page, with ports that are free and a repository that is here."""
    port = free_port()
    repository = tmp_path / "sample.git"
    repositories.update(repository, ROOT / "samples" / "hungry", "main", "the sample")
    buildbot("create-master", tmp_path)
    text = shown("python", "master.cfg")
    for old, new in (
        ("https://git.example.org/sample.git", str(repository)),
        ("8010", str(port)),
        ("9989", str(free_port())),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "master.cfg").write_text(text)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "workers.yaml").write_text(shown("yaml", "workers.yaml"))
    (tmp_path / "site" / "projects.yaml").write_text(PROJECTS)
    buildbot("checkconfig", tmp_path)
    buildbot("start", f"--start_timeout={limit(120):.0f}", tmp_path)
    yield Master(f"http://127.0.0.1:{port}/")
    buildbot("stop", tmp_path)


def test_the_master_of_the_page_builds_with_our_steps(master: Master, tmp_path: Path) -> None:
    request = master.force("force", BUILDER, {"branch": "main"})
    wait_for(lambda: master.request(request)["complete"], 300)
    (build,) = master.builds_of(request)
    steps = {step["name"]: step["state_string"] for step in master.items(f"builds/{build['buildid']}/steps")}
    assert build["results"] == 0, steps
    assert steps["build"].startswith("built all, ")
    assert steps["learn-peaks"].startswith("learned the peaks of ")
    assert build["properties"]["tests_passed"][0] > 0
    assert (tmp_path / "peaks" / f"{BUILDER}.json").is_file()
    assert list((tmp_path / "artefacts" / BUILDER).rglob("hungry"))
    assert {each["name"] for each in master.items("workers")} == {"here", "guest"}
