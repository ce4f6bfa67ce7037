"""Two hosts on this machine, a board and a helper: network namespaces with a cable between them, and distccd on one.

A namespace lives as long as a process in it, and that one no longer than this process: nothing has to be put back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import limit, wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "use-distcc.md"
BOARD, HELPER = "192.168.1.20", "192.168.1.10"
"""Their addresses in PAGE; the namespaces see no other network."""
_START = """\
mount --bind "$1/default" /etc/default/distcc && mount --bind "$1/log" /var/log && mount -t tmpfs none /run &&
/etc/init.d/distcc start && echo started && read -r line
"""


def need_two_hosts() -> None:
    """Skips the test where there can be no namespaces or no distcc, with the reason."""
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    for program, package in {
        "distcc": "distcc",
        "distccd": "distcc",
        "ip": "iproute2",
        "unshare": "util-linux",
    }.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not here: apt-get install {package}")
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"there can be no network namespace here: {tried.stderr.strip()}")


def documented_settings() -> str:
    """What PAGE says that /etc/default/distcc shall hold."""
    (text,) = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


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
    """A helper's distccd, set up as docs/use-distcc.md says: by Debian's script and its file, word for word."""

    def __init__(self, host: Host, directory: Path) -> None:
        self._log = directory / "log" / "distccd.log"
        self._log.parent.mkdir()
        self._log.parent.chmod(0o777)
        (directory / "default").write_text(documented_settings(), encoding="utf-8")
        # Whatever it starts ends with the first process of its namespace.
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _START, "sh"]
        self._process = subprocess.Popen(
            host.command(*words, directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )
        assert self._process.stdout
        assert "started\n" in iter(self._process.stdout.readline, "")

    @property
    def compiled(self) -> list[str]:
        """`COMPILER SOURCE` of each compile that ended well."""
        log = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return [line.split("ms ", 1)[1] for line in log.splitlines() if " COMPILE_OK " in line]

    @property
    def user(self) -> str:
        """As whom it runs."""
        return self._log.owner()

    def wait_for_a_compile(self) -> None:
        """Waits until the first compile has ended."""
        wait_for(lambda: self.compiled, "a compile on the helper")

    def stop(self) -> None:
        """Ends it, and what it compiles."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(limit(60))
        self._process.stdout.close()
