"""A worker as workers/bootstrap.sh starts it on a board, without the board: its buildbot.tac under twistd."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from running import ROOT

_SCRIPT = (ROOT / "workers" / "bootstrap.sh").read_text(encoding="utf-8")
_TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


@dataclass
class BoardWorker:
    """The worker of a board, in a directory."""

    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(
        cls, directory: Path, port: int, name: str, password: str, certificate: Path | None, silence_seconds: int = 20
    ) -> BoardWorker:
        """Writes what bootstrap.sh writes into /etc, with the certificate to trust."""
        (directory / "trusted").mkdir(parents=True)
        (directory / "work").mkdir()
        if certificate is not None:
            (directory / "trusted" / "master.pem").write_bytes(certificate.read_bytes())
        (directory / "secret").write_text(f"{password}\n")
        body = _SCRIPT.partition("cat <<'TAC'\n")[2].partition("\nTAC\n")[0]
        assert "SILENCE_SECONDS = 20\n" in body
        body = body.replace("SILENCE_SECONDS = 20\n", f"SILENCE_SECONDS = {silence_seconds}\n")
        head = f'host, port, name = "127.0.0.1", {port}, "{name}"\ndirectory = "{directory}"\n'
        (directory / "buildbot.tac").write_text(f"{head}{body}\n")
        return cls(directory)

    def start(self) -> None:
        """Starts it as the unit does."""
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*_TWISTD, "--nodaemon", "--no_save", "--pidfile=", f"--python={self.directory}/buildbot.tac"],
                cwd=self.directory / "work",
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
