"""The kernel's log while a command runs: from /dev/kmsg, dmesg or the journal; only what came since then."""

from __future__ import annotations

import errno
import os
from typing import List, Optional

_LONGEST_RECORD = 8192
_MOST_LINES = 20000
_DMESG_SECONDS = 10


def _run(argv: List[str]) -> Optional[str]:
    # Imported late: most machines do not need it, and the agent shall stay small.
    import subprocess

    environment = dict(os.environ, LC_ALL="C")
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_DMESG_SECONDS,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


class KernelLog:
    """Lines of the kernel since a moment. `source` is `kmsg`, `dmesg`, `journal`, or empty: unreadable."""

    def __init__(self, device: str = "/dev/kmsg", since: Optional[float] = None) -> None:
        """`since` in seconds after boot; None: from now on."""
        self.source = ""
        self.refusal = ""
        """Why there is none, when there is none."""
        self._lines: List[str] = []
        self._file = -1
        self._since = uptime_seconds() if since is None else since
        try:
            self._file = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._file, 0, os.SEEK_END if since is None else os.SEEK_SET)
        except OSError as error:
            self._give_up_device(error)
            self._choose_program()
            return
        self.source = "kmsg"

    def _give_up_device(self, error: OSError) -> None:
        self.refusal = "/dev/kmsg: {}".format(error.strerror)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _choose_program(self) -> None:
        if _run(["dmesg"]):
            self.source = "dmesg"
        elif _run(["journalctl", "--dmesg", "--lines=1", "--quiet"]):
            self.source = "journal"

    def fileno(self) -> int:
        """To be told when there is something new; -1 when the kernel cannot tell."""
        return self._file

    def read_new(self) -> None:
        """Takes what is there."""
        while self._file >= 0:
            try:
                record = os.read(self._file, _LONGEST_RECORD)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue  # the kernel has overwritten what we had not read yet
                return
            if not record:
                return
            text = record.decode("utf-8", "replace").rstrip("\n")
            if not self._is_older(text):
                self._lines.append(text)
            if len(self._lines) > _MOST_LINES:
                del self._lines[: _MOST_LINES // 2]

    def _is_older(self, record: str) -> bool:
        # `6,1234,98765432,-;text`: level, number, microseconds since boot (Documentation/ABI/testing/dev-kmsg).
        stamp = record.partition(";")[0].split(",")[2:3]
        return bool(stamp) and stamp[0].isdigit() and int(stamp[0]) / 1e6 < self._since

    def lines(self) -> List[str]:
        """Every line since the start."""
        if self.source == "kmsg":
            self.read_new()
            return list(self._lines)
        if self.source == "dmesg":
            return [line for line in (_run(["dmesg"]) or "").splitlines() if self._is_new(line)]
        if self.source == "journal":
            text = _run(["journalctl", "--dmesg", "--quiet", "--output=short-monotonic"]) or ""
            return [line for line in text.splitlines() if self._is_new(line)]
        return []

    def _is_new(self, line: str) -> bool:
        stamp = line.partition("]")[0].strip("[ ")
        try:
            return float(stamp) >= self._since
        except ValueError:
            return False


def uptime_seconds() -> float:
    """Seconds since boot, as the kernel's log counts them; 0 where nobody says."""
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            return float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
