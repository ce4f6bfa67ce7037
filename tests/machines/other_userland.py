"""A 32-bit Debian in a directory, and a worker in it: there a process really has no more than 4 GB of addresses.

i386 runs on the kernel of an x86-64 machine as it is; armhf needs qemu-user (package qemu-user-static, its binfmt
registered). Nothing is installed on this machine, but root is needed: mmdebstrap unpacks, chroot and mounts of a
namespace of their own do the rest.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from connecting import marked
from running import Site
from scarcity import need, need_root
from waiting import wait_for

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_PACKAGES = (
    "base-files base-passwd bash coreutils dash findutils grep mawk sed tar util-linux "
    "cmake g++ gcc git libc6-dev lld make mold ninja-build "
    # As old as the one that such boards have; this checkout's has parts that are compiled for this machine.
    "buildbot-worker python3"
)


@dataclass(frozen=True)
class Userland:
    """A Debian in a directory."""

    root: Path
    architecture: str

    @classmethod
    def make(cls, root: Path, architecture: str) -> Userland:
        """Unpacks one, some 500 MB; takes half a minute or more. Its packages are not configured."""
        need_root()
        need("mmdebstrap", "unshare")
        if architecture == "armhf" and not (_BINFMT / "qemu-arm").exists():
            pytest.skip("armhf programs do not run here: qemu-user-static must be installed and its binfmt enabled")
        words = ["mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--architectures={architecture}"]
        words += [f"--include={_PACKAGES.replace(' ', ',')}", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
        words += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "locale", "man")]
        release, mirror = _debian()
        done = subprocess.run([*words, release, root, mirror], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        # Nothing was configured, so nobody chose what these names mean.
        for name, program in (("cc", "gcc"), ("c++", "g++"), ("awk", "mawk")):
            link = root / "usr" / "bin" / name
            if not link.exists():
                link.symlink_to(program)
        shutil.copy("/etc/passwd", root / "etc" / "passwd")
        for name in ("srv", "tmp"):
            (root / name).mkdir(exist_ok=True)
        return cls(root, architecture)

    def command(self, *words: str | Path, seen: Sequence[Path] = ()) -> list[str]:
        """A command that runs in it; it sees these directories of this machine under their own names, read-only."""
        root = shlex.quote(str(self.root))
        lines = [f"mount --rbind /{name} {root}/{name}" for name in ("dev", "proc", "sys")]
        for path in map(str, seen):
            inside = shlex.quote(str(self.root) + path)
            lines += [f"mkdir -p {inside}", f"mount --bind -o ro {shlex.quote(path)} {inside}"]
        lines.append(f'exec chroot {root} "$@"')
        return ["unshare", "--mount", "sh", "-ec", "\n".join(lines), "sh", *map(str, words)]

    @contextmanager
    def worker(self, site: Site, number: int, before: Sequence[str] = ()) -> Iterator[int]:
        """A worker of the site in it while the block runs: its process. `before` are words that start it."""
        name, inside = f"pc-{number}", Path("/srv") / f"worker-{number}"
        runner = ["python3", "-c", "from buildbot_worker.scripts.runner import run; run()"]
        create = [*runner, "create-worker", "--keepalive=5", "--maxdelay=1", inside]
        create += [f"127.0.0.1:{site.worker_port}", name, "PASSWORD"]
        subprocess.run(self.command(*create), check=True, capture_output=True)
        tac = self.root / inside.relative_to("/") / "buildbot.tac"
        password = (site.state / "secrets" / f"worker-{name}").read_text().strip()
        tac.write_text(tac.read_text().replace("PASSWORD", password))
        sources = site.state / "sources"
        sources.mkdir(exist_ok=True)
        start = self.command(*before, *runner, "start", "--nodaemon", inside, seen=[sources])
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(inside)}
        process = subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: site.get(f"workers?name={name}")["workers"][0]["connected_to"])
            yield process.pid
        finally:
            process.kill()
            process.wait()
            for left in marked(inside):
                os.kill(left, signal.SIGKILL)


def _debian() -> tuple[str, str]:
    """The release of this machine's Debian, and where it gets its packages."""
    lines = Path("/etc/os-release").read_text().splitlines()
    release = dict(line.split("=", 1) for line in lines if "=" in line).get("VERSION_CODENAME", "")
    form = ["apt-get", "indextargets", "--format", "$(CODENAME) $(LABEL) $(REPO_URI)", "Created-By: Packages"]
    targets = subprocess.run(form, capture_output=True, text=True, check=True).stdout.splitlines()
    mirrors = [line.split()[2] for line in targets if line.startswith(f"{release} Debian ")]
    if not release or not mirrors:
        pytest.skip("this machine has no Debian of which another architecture could be unpacked")
    return release, mirrors[0]
