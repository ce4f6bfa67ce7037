"""A worker of its own process for integration tests, that can be killed, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from running import Site
from waiting import wait_for

RUNNER = [sys.executable, "-c", "from buildbot_worker.scripts.runner import run; run()"]


@dataclass
class ConnectingWorker:
    """The worker's directory and, when it runs, its process."""

    site: Site
    name: str
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, site: Site, name: str, password: str | None = None, place: Path | None = None) -> ConnectingWorker:
        """Makes the worker's directory in `place` (beside the site's); without a password, with the right one."""
        directory = (place or site.directory) / f"worker-{name}"
        address = f"127.0.0.1:{site.worker_port}"
        create = [*RUNNER, "create-worker", "--keepalive=5", "--maxdelay=1", directory, address, name, "PASSWORD"]
        subprocess.run(create, check=True, capture_output=True)
        if password is None:
            password = (site.state / "secrets" / f"worker-{name}").read_text().strip()
        tac = directory / "buildbot.tac"
        tac.write_text(tac.read_text().replace("PASSWORD", password))
        return cls(site, name, directory)

    def start(self, before: Sequence[str] = (), **variables: str) -> None:
        """Starts its process; a file of the process id that a killed one left is no obstacle.

        `before` are words that start it in their turn, such as `prlimit --as=N`; `variables` are added to its
        environment.
        """
        (self.directory / "twistd.pid").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*before, *RUNNER, "start", "--nodaemon", str(self.directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **variables},
        )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, when it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def state(self) -> dict[str, object]:
        """What the master says of it."""
        (worker,) = self.site.get(f"workers?name={self.name}")["workers"]
        return dict(worker)

    def wait_until_connected(self) -> None:
        wait_for(lambda: self.state()["connected_to"])

    def unpause(self) -> None:
        """What a person does on its page."""
        body = json.dumps({"jsonrpc": "2.0", "method": "unpause", "id": 1, "params": {}}).encode()
        address = f"{self.site.url}api/v2/workers/{self.state()['workerid']}"
        urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Type": "application/json"})).close()


def marked(directory: Path) -> dict[int, str]:
    """The processes that carry the mark of a build below a directory, each with its mark."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                variables = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            for variable in variables:
                if variable.startswith(b"ARM_CI_BUILD=" + os.fsencode(directory) + b"/"):
                    found[int(process.name)] = variable.decode().partition("=")[2]
    return found
