"""Makes something scarce for real, for as long as a block runs: memory of a cgroup, addresses, commit, room on a disk.

Everything is put back by a shell of its own that waits for the end of the block, so also when the tests are killed.
Where a machine cannot do it, the test is skipped with the reason.
"""

from __future__ import annotations

import mmap
import os
import resource
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import wait_for

_CGROUPS = Path("/sys/fs/cgroup")
_OVERCOMMIT = Path("/proc/sys/vm")
_SPARE_BYTES = 2 << 30
UNPRIVILEGED = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
"""Words that start a command without the right to what the kernel keeps back for administrators."""


def need_root() -> None:
    """Skips the test for an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("only root may take memory or disk from others")


@contextmanager
def put_back(script: str) -> Iterator[None]:
    """Runs a script of sh when the block ends or this process does, however that ends."""
    keeper = subprocess.Popen(
        ["setsid", "sh", "-c", f"read -r line\n{script}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
    )
    try:
        yield
    finally:
        said, _ = keeper.communicate()
        assert keeper.returncode == 0, f"was not put back: {said.decode()}"


# -- memory -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MemoryCgroup:
    """A memory cgroup with a limit."""

    version: int
    path: Path
    """Its directory."""

    @property
    def name(self) -> str:
        """As the kernel log names it (`oom_memcg=`)."""
        return f"/{self.path.name}"

    def put(self, pid: int) -> None:
        """Puts a process there; what it starts from now on is there too, what it holds already is not charged."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def command(self, *words: str | Path) -> list[str]:
        """A command that runs there."""
        script = f'echo $$ >{shlex.quote(str(self.path))}/cgroup.procs && exec "$@"'
        return ["sh", "-c", script, "sh", *map(str, words)]

    def lift(self) -> None:
        """Takes the limit away."""
        names = ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes") if self.version == 1 else ("memory.max",)
        for name in names:
            (self.path / name).write_text("-1" if self.version == 1 else "max")

    def oom_kills(self) -> int:
        """How many processes were killed for its limit."""
        file = "memory.oom_control" if self.version == 1 else "memory.events"
        fields = dict(line.split() for line in (self.path / file).read_text().splitlines())
        return int(fields["oom_kill"])


@contextmanager
def memory_cgroup(limit_bytes: int, swap_bytes: int | None = 0) -> Iterator[MemoryCgroup]:
    """A cgroup with that much RAM, and that much swap; None: as much swap as there is. Version 1 or 2, as is here."""
    need_root()
    name = f"arm-ci-scarcity-{os.getpid()}-{limit_bytes >> 20}"
    if (_CGROUPS / "memory").is_dir():
        version, path = 1, _CGROUPS / "memory" / name
        settings = [("memory.limit_in_bytes", limit_bytes)]
        if swap_bytes is not None:
            settings.append(("memory.memsw.limit_in_bytes", limit_bytes + swap_bytes))
    else:
        version, path = 2, _CGROUPS / name
        controllers = _CGROUPS / "cgroup.subtree_control"
        if not controllers.exists() or "memory" not in controllers.read_text().split():
            pytest.skip("no memory controller of cgroups can be used here")
        settings = [("memory.max", limit_bytes)]
        if swap_bytes is not None:
            settings.append(("memory.swap.max", swap_bytes))
    # Children first; what still runs there belongs to the test.
    away = f"""\
for directory in $(find {path} -depth -type d); do
  for try in 1 2 3 4 5 6 7 8 9 10; do
    for pid in $(cat $directory/cgroup.procs); do kill -KILL $pid; done
    rmdir $directory 2>/dev/null && break
    sleep 0.2
  done
done
! [ -d {path} ]
"""
    with put_back(away):
        path.mkdir()
        for file, value in settings:
            if not (path / file).exists():
                pytest.skip(f"this kernel does not count swap in cgroups: no {file}")
            (path / file).write_text(str(value))
        yield MemoryCgroup(version, path)


@contextmanager
def swap_file(directory: Path, size_bytes: int) -> Iterator[Path]:
    """Swap on a file."""
    need_root()
    path = directory / "swap"
    with put_back(f"swapoff {shlex.quote(str(path))}; rm -f {shlex.quote(str(path))}"):
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={size_bytes >> 20}"], check=True, capture_output=True
        )
        path.chmod(0o600)
        subprocess.run(["mkswap", path], check=True, capture_output=True)
        done = subprocess.run(["swapon", path], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no swap on a file can be had here: {done.stderr.strip()}")
        yield path


@contextmanager
def strict_commit(room_bytes: int) -> Iterator[int]:
    """Overcommit mode 2 for the whole machine; gives the limit.

    Whoever was started by `UNPRIVILEGED` has room for that much more than is committed now. All others have some
    gigabytes more, so that the machine does not fall over its limit.
    """
    need_root()
    need("setpriv")
    names = ("overcommit_memory", "overcommit_ratio", "overcommit_kbytes", "admin_reserve_kbytes")
    mode, ratio, kilobytes, reserve = ((_OVERCOMMIT / name).read_text().strip() for name in names)
    # Setting the ratio makes kbytes 0, and the other way round.
    file, value = ("kbytes", kilobytes) if kilobytes != "0" else ("ratio", ratio)
    # Never touched. It makes the room small beside what is committed, as on a machine that is full of promises.
    with mmap.mmap(-1, 3 * _SPARE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        committed, swap = (int(meminfo[field].split()[0]) << 10 for field in ("Committed_AS", "SwapTotal"))
        limit_bytes = committed + room_bytes + _SPARE_BYTES
        with put_back(
            f"cd {_OVERCOMMIT} && echo {mode} >overcommit_memory && echo {value} >overcommit_{file}\n"
            f"echo {reserve} >admin_reserve_kbytes"
        ):
            (_OVERCOMMIT / "admin_reserve_kbytes").write_text(str(_SPARE_BYTES >> 10))
            (_OVERCOMMIT / "overcommit_kbytes").write_text(str(max(limit_bytes - swap, 0) >> 10))
            (_OVERCOMMIT / "overcommit_memory").write_text("2")
            yield limit_bytes


def set_oom_score(pid: int, score: int) -> None:
    """How soon the kernel takes a process when memory is out: from 0 (by its size) to 1000 (first). It may be gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(score))


def limit_addresses(pid: int, limit_bytes: int) -> None:
    """RLIMIT_AS of a running process, and of all that it starts from now on."""
    resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))


# -- disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def small_tmpfs(path: Path, size_bytes: int) -> Iterator[Path]:
    """A tmpfs of that size at a new directory."""
    need_root()
    path.mkdir()
    with put_back(f"umount -l {shlex.quote(str(path))}; rmdir {shlex.quote(str(path))}"):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=1777", "small", path],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        yield path


# -- processes ----------------------------------------------------------------------------------------------------


def processes(name: str, below: int) -> list[int]:
    """Processes of a name (`cc1plus`, as the kernel knows it) among the descendants of a process."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                text = (directory / "stat").read_text()
            except OSError:
                continue
            before, _, after = text.rpartition(")")
            pid = int(directory.name)
            names[pid] = before.partition("(")[2]
            parents[pid] = int(after.split()[1])

    def descends(pid: int) -> bool:
        while pid in parents and pid != below:
            pid = parents[pid]
        return pid == below

    return [pid for pid, its_name in names.items() if its_name == name and pid != below and descends(pid)]


def wait_for_process(name: str, below: int) -> int:
    """The first process of a name among the descendants of a process, as soon as it is there."""
    return int(wait_for(lambda: processes(name, below), f"{name} below process {below}")[0])


def need(*programs: str) -> None:
    """Skips the test when one of the programs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
