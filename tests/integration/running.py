"""A real master for integration tests: a configuration of its own, free ports, started and stopped by `arm-ci`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import limit

ROOT = Path(__file__).resolve().parents[2]

PROJECTS = """\
sample:
  directory: {sample}
  branches: [main]
  cmake:
    options: [-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB=100, -DHUNGRY_LINK_MB=30]
    targets: [all]
    tests:
      - {{name: hungry, kind: ctest}}
    artefacts: [hungry]
  matrix:
    boards: [local]
    compilers: [gcc]
    linkers: [bfd]
    generators: [ninja, make]
    debug_info: [full]
    include: []
    exclude: []
    tiers: {{commit: [], nightly: []}}
"""

WORKERS = """\
local: {board: local, local: true}
"""


def free_port() -> int:
    """A TCP port of loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A site in a directory, and the master that runs it."""

    directory: Path
    web_port: int
    worker_port: int

    @classmethod
    def make(cls, directory: Path, projects: str = PROJECTS, workers: str = WORKERS) -> Site:
        """Writes a site: the shipped boards and toolchains, the sample project with small dials."""
        config = directory / "config"
        config.mkdir(parents=True)
        (config / "projects.yaml").write_text(projects.format(sample=ROOT / "samples" / "hungry"))
        (config / "workers.yaml").write_text(workers)
        site = cls(directory, free_port(), free_port())
        site.write_site()
        return site

    @property
    def config(self) -> Path:
        return self.directory / "config"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}/"

    def write_site(self, *lines: str) -> None:
        """Writes site.yaml: the ports, the state directory beside the site, and these lines."""
        text = f"web: {{port: {self.web_port}}}\nworkers: {{port: {self.worker_port}}}\n"
        text += "state: ../state\nsecrets: ../state/secrets\n"
        (self.config / "site.yaml").write_text("".join((text, *(f"{line}\n" for line in lines))))

    def arm_ci(self, *words: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
        """Runs `arm-ci` on this configuration."""
        command = [sys.executable, "-m", "arm_ci", *words, "--site", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit(timeout), cwd=self.directory)

    def get(self, path: str) -> Any:
        """The JSON at a path of the REST API."""
        with urllib.request.urlopen(f"{self.url}api/v2/{path}", timeout=limit(30)) as answer:
            return json.load(answer)

    def last_build(self, variant: str) -> dict[str, Any]:
        """The newest build of a variant, with its properties."""
        (builder,) = self.get(f"builders?name={variant}")["builders"]
        builds = self.get(f"builders/{builder['builderid']}/builds?order=-number&limit=1&property=*")["builds"]
        return dict(builds[0])

    def steps(self, build: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The steps of a build by name."""
        return {step["name"]: step for step in self.get(f"builds/{build['buildid']}/steps")["steps"]}

    def log(self, step: dict[str, Any], name: str) -> str:
        """A log of a step, whole."""
        content = self.get(f"steps/{step['stepid']}/logs/{name}/contents")["logchunks"][0]["content"]
        return "".join(line[1:] if step_is_stdio else line for step_is_stdio, line in _lines(name, content))

    def everything_written(self) -> str:
        """All that this site's master wrote into logs."""
        return "".join(path.read_text(errors="replace") for path in self.state.glob("*.log*"))


def _lines(name: str, content: str) -> list[tuple[bool, str]]:
    return [(name == "stdio", line) for line in content.splitlines(keepends=True)]


def environment(**more: str) -> dict[str, str]:
    """This process's environment with some variables replaced."""
    return {**os.environ, **more}
