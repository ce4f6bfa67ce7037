"""Which code a running master has: it writes that down when it starts, and `arm-ci` compares it with what is installed.

Python reads a module once. So a master that runs goes on with what it began with, whatever was installed since.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import arm_ci

_FILE = "running-code.json"


@dataclass(frozen=True)
class Code:
    """A state of the package."""

    version: str
    digest: str
    """Of every file of the package, the catalogue that ships with it included."""


@dataclass(frozen=True)
class RunningCode:
    """What the master of a state directory runs."""

    state: Path

    def note(self) -> None:
        """Writes down what is installed; called by the master when it starts (see buildbot.tac in instance.py)."""
        code = self.installed
        text = json.dumps({"process": os.getpid(), "version": code.version, "digest": code.digest})
        (self.state / _FILE).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def installed(self) -> Code:
        """What is installed now."""
        package = Path(arm_ci.__file__).parent
        digest = hashlib.sha256()
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(package)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        return Code(arm_ci.__version__, digest.hexdigest())

    def running(self, process_id: int) -> Code | None:
        """What the master runs that is this process; None when it did not say, as before version 0.2.0."""
        try:
            noted = json.loads((self.state / _FILE).read_text(encoding="utf-8"))
            code = Code(str(noted["version"]), str(noted["digest"]))
            return code if noted["process"] == process_id else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def difference(self, process_id: int) -> str:
        """One sentence when the master that is this process runs other code than is installed; else empty."""
        running, installed = self.running(process_id), self.installed
        if running == installed:
            return ""
        if running is None:
            which = f"code from before arm_ci {installed.version}"
        elif running.version != installed.version:
            which = f"arm_ci {running.version}, installed is {installed.version}"
        else:
            which = f"an arm_ci {running.version} that was changed since"
        return f"the running master has {which}: `arm-ci restart` puts the new code in force and loses no build"
