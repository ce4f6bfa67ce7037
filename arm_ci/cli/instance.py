"""The master on this machine: its state directory, starting it, stopping it.

Everything it writes is below the state directory. Talking to a running master is rest.py's business.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from arm_ci.cli.options import OUTSIDE, CommandError
from arm_ci.config import Config

_TAC = """\
# Written by `arm-ci start`; the next start writes it again.
import os

from buildbot.master import BuildMaster
from twisted.application import service
from twisted.python.log import FileLogObserver, ILogObserver
from twisted.python.logfile import LogFile

basedir = {state!r}
configfile = {master_cfg!r}
os.environ["ARM_CI_CONFIG"] = {config!r}

# The line below is how Buildbot recognises a master's directory.
application = service.Application('buildmaster')
logfile = LogFile.fromFullPath(os.path.join(basedir, "twistd.log"), rotateLength=10000000, maxRotatedFiles=10)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)
master = BuildMaster(basedir, configfile, 0o077)
master.setServiceParent(application)
master.log_rotation.rotateLength = 10000000
master.log_rotation.maxRotatedFiles = 10
"""

_START_SECONDS = 120
_STOP_SECONDS = 60
_POLL_SECONDS = 0.2
_GIT_IDENTITY = ("-c", "user.name=arm_ci", "-c", "user.email=arm_ci@localhost")


@dataclass(frozen=True)
class Instance:
    """A master's state directory and what runs in it."""

    config: Config

    @property
    def state(self) -> Path:
        return self.config.path(self.config.site.state)

    @property
    def log(self) -> Path:
        return self.state / "twistd.log"

    @property
    def url(self) -> str:
        """The web UI as people are told."""
        site = self.config.site
        return site.url or f"http://localhost:{site.web.port}/"

    @property
    def local_url(self) -> str:
        """The web UI as this machine reaches it."""
        host = self.config.site.web.host
        return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{self.config.site.web.port}/"

    # -- state ------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Makes what a start needs and is not there yet; returns a line for each thing made."""
        made = []
        if not self.state.is_dir():
            made.append(f"state directory {self.state}")
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        made += self._secrets()
        self._sources()
        master_cfg = Path(__file__).resolve().parents[2] / "master.cfg"
        if not master_cfg.is_file():
            raise CommandError(f"{master_cfg} is missing: start the master from a checkout of arm_ci", OUTSIDE)
        tac = _TAC.format(state=str(self.state), master_cfg=str(master_cfg), config=str(self.config.directory))
        (self.state / "buildbot.tac").write_text(tac, encoding="utf-8")
        return made

    def _secrets(self) -> list[str]:
        """A password for every worker that connects and has none: random, readable by its owner only."""
        made = []
        for worker in self.config.workers.values():
            if worker.local:
                continue
            path = (
                self.config.path(worker.password_file)
                if worker.password_file
                else self.config.path(self.config.site.secrets) / f"worker-{worker.name}"
            )
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(secrets.token_urlsafe(24) + "\n", encoding="ascii")
            made.append(f"password of worker {worker.name}")
        return made

    def _sources(self) -> None:
        """Brings the repository of every project that is a plain directory up to date with it."""
        for project in self.config.projects.values():
            if not project.directory:
                continue
            directory = self.config.path(project.directory)
            repository = self.state / "sources" / f"{project.name}.git"
            branch = project.branches[0]
            if not repository.is_dir():
                repository.parent.mkdir(parents=True, exist_ok=True)
                _run("git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(repository))
            git = ("git", f"--git-dir={repository}", f"--work-tree={directory}", *_GIT_IDENTITY)
            _run(*git, "add", "--all", "--force", ".", directory=directory)
            unborn = subprocess.run([*git, "rev-parse", "--quiet", "--verify", "HEAD"], capture_output=True).returncode
            changed = subprocess.run([*git, "diff", "--cached", "--quiet"], cwd=directory).returncode
            if unborn or changed:
                _run(*git, "commit", "--quiet", "--message", f"{project.name} as it stands in {project.directory}")

    # -- process ----------------------------------------------------------------------------------------------

    def process_id(self) -> int | None:
        """The running master of this state directory, or None; a stale twistd.pid is nobody."""
        try:
            process_id = int((self.state / "twistd.pid").read_text(encoding="ascii"))
            os.kill(process_id, 0)
            command = Path(f"/proc/{process_id}/cmdline").read_bytes()
            where = Path(f"/proc/{process_id}/cwd").resolve()
        except (OSError, ValueError):
            return None
        # A number may have been given to somebody else since.
        return process_id if b"python" in command and where == self.state else None

    def start(self) -> bool:
        """Starts the master, or has a running one read its configuration again; False when it ran already."""
        running = self.process_id()
        if running is not None:
            self._reconfigure(running)
            return False
        self._refuse_busy_ports()
        (self.state / "twistd.pid").unlink(missing_ok=True)
        self._buildbot("upgrade-master", "--quiet", str(self.state))
        (self.state / "master.cfg.sample").unlink(missing_ok=True)
        self._buildbot("start", f"--start_timeout={_START_SECONDS}", str(self.state))
        self._wait_for_web()
        return True

    def _reconfigure(self, process_id: int) -> None:
        """Has a running master read its configuration again, and waits for what it says."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        os.kill(process_id, signal.SIGHUP)
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            with self.log.open("rb") as log:
                # A log that became shorter was rotated: what is new then stands at its beginning.
                log.seek(seen if self.log.stat().st_size >= seen else 0)
                said = log.read()
            if b"configuration update complete" in said:
                return
            if b"configuration update aborted" in said or b"configuration update partially applied" in said:
                break
            time.sleep(_POLL_SECONDS)
        raise CommandError(
            f"the running master did not take the configuration; the end of {self.log}:\n{_tail(self.log)}", OUTSIDE
        )

    def stop(self) -> str:
        """Stops the master and returns how: `stopped`, `killed`, or `not running`."""
        process_id = self.process_id()
        if process_id is None:
            return "not running"
        os.kill(process_id, signal.SIGTERM)
        if self._wait_for_end(_STOP_SECONDS):
            return "stopped"
        os.kill(process_id, signal.SIGKILL)
        self._wait_for_end(_STOP_SECONDS)
        return "killed"

    def _wait_for_end(self, limit_seconds: float) -> bool:
        end = time.monotonic() + limit_seconds
        while time.monotonic() < end:
            if self.process_id() is None:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _wait_for_web(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.local_url}api/v2/masters", timeout=10) as answer:
                    answer.read()
                    return
            except (urllib.error.URLError, OSError):
                if self.process_id() is None:
                    break
                time.sleep(_POLL_SECONDS)
        raise CommandError(f"the master did not come up; the end of {self.log}:\n{_tail(self.log)}", OUTSIDE)

    def _refuse_busy_ports(self) -> None:
        site = self.config.site
        for listen, key, purpose in ((site.web, "web", "the web UI"), (site.workers, "workers", "workers")):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((listen.host, listen.port))
                except OSError as error:
                    raise CommandError(
                        f"port {listen.port} of {listen.host} for {purpose} cannot be had ({error.strerror}): "
                        f"set `{key}: {{port: ...}}` in {self.config.directory / 'site.yaml'}",
                        OUTSIDE,
                    ) from error

    def _buildbot(self, *words: str) -> None:
        command = [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", *words]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = (done.stdout + done.stderr).strip()
            raise CommandError(f"`buildbot {' '.join(words)}` failed:\n{said[-4000:]}", OUTSIDE)


def _run(*argv: str, directory: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise CommandError(f"`{argv[0]}` failed: {done.stderr.strip()}", OUTSIDE)


def _tail(path: Path, most_lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-most_lines:])
    except OSError:
        return "(there is no log)"
