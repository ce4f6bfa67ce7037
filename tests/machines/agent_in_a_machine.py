"""The agent in a virtual machine, with programs of a test's own instead of a compiler."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import virtual_machine

from arm_ci.agent.report import Report
from arm_ci.plan import archives

PLACE = "/var/tmp/agent"


class AgentInAMachine:
    """A directory for builds, `PLACE/built`, and programs in `PLACE/bin`."""

    def __init__(
        self, machine: virtual_machine.VirtualMachine, shared: Path, programs: Mapping[str, str], makefile: str
    ) -> None:
        """`shared` is a directory that the machine sees; `programs`: path below PLACE -> text."""
        self.machine = machine
        self.python = os.path.realpath(sys.executable)
        name = archives.agent().name
        (shared / name).write_bytes(archives.agent().data)
        self.archive = f"{PLACE}/{name}"
        self.sh(f"mkdir -p {PLACE}/bin {PLACE}/built; cp {shared / name} {self.archive}")
        for path, text in programs.items():
            self.sh(f"printf %s {shlex.quote(text)} > {PLACE}/{path}; chmod 755 {PLACE}/{path}")
        self.sh(f"printf %s {shlex.quote(makefile)} > {PLACE}/built/Makefile")

    def sh(self, script: str) -> str:
        """Runs it and returns what it said; it has to succeed."""
        done = self.machine.run(f"set -e\n{script}", 300)
        assert done.exit_status == 0, done.output
        return done.output

    def run(
        self, options: tuple[str, ...], *command: str, before: str = "", path: str = ""
    ) -> tuple[Report, virtual_machine.Done]:
        """Runs a command under the agent; `before` are shell words in front, `path` directories before PLACE's."""
        words = [self.python, self.archive, "run", "--report", f"{PLACE}/report.json", *options, "--", *command]
        done = self.machine.run(f"cd {PLACE}/built; PATH={path}{PLACE}/bin:$PATH {before} {shlex.join(words)}", 300)
        assert self.machine.run(f"test -s {PLACE}/report.json").exit_status == 0, done.output
        return Report.from_text(self.sh(f"cat {PLACE}/report.json; rm {PLACE}/report.json")), done
