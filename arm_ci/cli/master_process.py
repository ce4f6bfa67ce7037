"""The master as a process on this machine: it is found by its state directory alone, started and stopped.

What the state directory must hold before a start is instance.py's business.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arm_ci.cli.options import OUTSIDE, CommandError

START_SECONDS = 120
_STOP_SECONDS = 60.0
_PROGRESS_SECONDS = 10.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class MasterProcess:
    """What runs in a state directory (absolute, without symbolic links)."""

    state: Path

    @property
    def log(self) -> Path:
        return self.state / "twistd.log"

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

    def start(self) -> None:
        """Brings the database up to date and starts the master."""
        (self.state / "twistd.pid").unlink(missing_ok=True)
        upgrade = _buildbot("upgrade-master", "--quiet", str(self.state))
        if upgrade.returncode:
            raise CommandError(f"`buildbot upgrade-master {self.state}` failed:\n{_said(upgrade)}", OUTSIDE)
        (self.state / "master.cfg.sample").unlink(missing_ok=True)
        started = _buildbot("start", f"--start_timeout={START_SECONDS}", str(self.state))
        if started.returncode:
            raise self.did_not_come_up(_said(started))

    def did_not_come_up(self, said: str = "") -> CommandError:
        """The error of a start that failed; `said` counts when there is no log."""
        return CommandError(f"the master did not come up; the end of {self.log}:\n{_tail(self.log, said)}", OUTSIDE)

    def reconfigure(self, process_id: int) -> None:
        """Has a running master read its configuration again, and waits for what it says."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        os.kill(process_id, signal.SIGHUP)
        end = time.monotonic() + START_SECONDS
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

    def stop(self, say: Callable[[str], None]) -> str:
        """Stops the master and returns how: `stopped`, `killed`, or `not running`; `say` is told when it takes long."""
        process_id = self.process_id()
        if process_id is None:
            return "not running"
        os.kill(process_id, signal.SIGTERM)
        if self._wait_for_end(f"process {process_id} has not ended, it is killed after {_STOP_SECONDS:.0f} s", say):
            return "stopped"
        os.kill(process_id, signal.SIGKILL)
        if self._wait_for_end(f"process {process_id} was killed and has not ended", say):
            return "killed"
        raise CommandError(f"process {process_id} does not end, not even when it is killed", OUTSIDE)

    def stop_when_idle(self, tell: Callable[[], None]) -> None:
        """Has the master stop when the builds that run have ended; begins none. `tell` is called while that takes."""
        process_id = self.process_id()
        if process_id is None:
            return
        os.kill(process_id, signal.SIGUSR1)
        while self.process_id() == process_id:
            tell()
            time.sleep(_POLL_SECONDS)

    def _wait_for_end(self, problem: str, say: Callable[[str], None]) -> bool:
        started = told = time.monotonic()
        while (now := time.monotonic()) < started + _STOP_SECONDS:
            if self.process_id() is None:
                return True
            if now - told >= _PROGRESS_SECONDS:
                told = now
                say(f"{problem} ({now - started:.0f} s so far)")
            time.sleep(_POLL_SECONDS)
        return False


def _buildbot(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", *words]
    return subprocess.run(command, capture_output=True, text=True, errors="replace")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stdout + done.stderr).strip()[-4000:]


def _tail(path: Path, otherwise: str = "", most_lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-most_lines:])
    except OSError:
        return otherwise or "(there is no log)"
