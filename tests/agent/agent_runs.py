"""For tests: the agent as a worker runs it, out of its archive and in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from waiting import limit

from arm_ci.agent.report import Edge, Report
from arm_ci.plan import archives

LIMIT_SECONDS = 60


class Agent:
    """The agent in a directory of its own; what it watches runs in `work`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.work = directory / "work"
        self.work.mkdir(parents=True)
        self.report_path = directory / "report.json"
        self.journal_path = directory / "report.json.journal"
        self.archive = directory / archives.agent().name
        self.archive.write_bytes(archives.agent().data)
        self.python = os.path.realpath(sys.executable)
        self.before: tuple[str, ...] = ()
        """What the agent is started by: `setpriv ...`."""
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "ARM_CI_"))
        }

    def argv(self, *words: str) -> list[str]:
        return [*self.before, self.python, str(self.archive), *words]

    def start(self, *command: str, options: tuple[str, ...] = (), **more) -> subprocess.Popen:
        words = ("run", "--report", str(self.report_path), *options, "--", *command)
        settings = {
            "cwd": self.work,
            "env": self.environment,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(self.argv(*words), **{**settings, **more})

    def run(self, *command: str, options: tuple[str, ...] = (), **more) -> subprocess.CompletedProcess:
        process = self.start(*command, options=options, **more)
        out, err = process.communicate(timeout=limit(LIMIT_SECONDS))
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def collect_report(self) -> subprocess.CompletedProcess:
        words = self.argv("collect-report", "--report", str(self.report_path))
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)

    def report(self) -> Report:
        return Report.from_text(self.report_path.read_text())

    def edges(self) -> dict[str, Edge]:
        """The report's edges by their outputs."""
        return {edge.output: edge for edge in self.report().edges}

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file in `work`."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path


def lives(pid: int) -> bool:
    """Whether a process runs: not gone, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
