"""Two hosts on this machine, a board and a helper: network namespaces with a cable between them, and distccd on one.

A namespace lives as long as a process in it, and that one no longer than this process: nothing has to be put back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BOARD, HELPER = "10.99.0.1", "10.99.0.2"
# RFC 7335 keeps these for nobody; the namespaces see no other network anyhow.
_LONGEST_SECONDS = 30
_USER = "distccd"


def need_two_hosts() -> None:
    """Skips the test where there can be no namespaces or no distcc, with the reason."""
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    for program, package in {
        "distcc": "distcc",
        "distccd": "distcc",
        "ip": "iproute2",
        "unshare": "util-linux",
        "setpriv": "util-linux",
    }.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not here: apt-get install {package}")
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"there can be no network namespace here: {tried.stderr.strip()}")


@dataclass(frozen=True)
class Host:
    """A network namespace, known by a process in it."""

    pid: int

    def command(self, *words: str | Path) -> list[str]:
        """A command that runs there."""
        return ["nsenter", "--target", str(self.pid), "--net", "--", *map(str, words)]

    def run(self, *words: str | Path) -> None:
        subprocess.run(self.command(*words), check=True)


@contextmanager
def _host() -> Iterator[Host]:
    words = ["unshare", "--net", "sh", "-c", "echo in; read -r line"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "in\n"
        yield Host(holder.pid)
        assert holder.stdin
        holder.stdin.close()


@contextmanager
def board_and_helper() -> Iterator[tuple[Host, Host]]:
    """A board with the address BOARD and a helper with HELPER."""
    with ExitStack() as stack:
        board, helper = (stack.enter_context(_host()) for _ in range(2))
        cable = ["ip", "link", "add", "eth0", "netns", str(board.pid), "type", "veth"]
        subprocess.run([*cable, "peer", "name", "eth0", "netns", str(helper.pid)], check=True)
        for host, address in ((board, BOARD), (helper, HELPER)):
            host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            host.run("ip", "link", "set", "eth0", "up")
            host.run("ip", "link", "set", "lo", "up")
        yield board, helper


class Distccd:
    """A distccd on a host, run by its own user as Debian's package has it."""

    def __init__(self, host: Host, log: Path) -> None:
        self._log = log
        words = ["setpriv", "--reuid", _USER, "--regid", "nogroup", "--clear-groups", "--pdeathsig", "TERM"]
        words += ["distccd", "--no-detach", "--daemon", "--listen", HELPER, "--allow", BOARD, "--jobs", "4"]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                host.command(*words, "--log-stderr", "--log-level", "info"), stderr=file, cwd="/"
            )
        self.wait_for("preforking daemon started")

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def compiled(self) -> list[str]:
        """`COMPILER SOURCE` of each compile that ended well."""
        return [line.split("ms ", 1)[1] for line in self.log.splitlines() if " COMPILE_OK " in line]

    def wait_for(self, text: str) -> None:
        """Waits until its log has this text."""
        limit = time.monotonic() + _LONGEST_SECONDS
        while text not in self.log:
            assert self._process.poll() is None and time.monotonic() < limit, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it, and what it compiles."""
        self._process.terminate()
        self._process.wait(_LONGEST_SECONDS)
