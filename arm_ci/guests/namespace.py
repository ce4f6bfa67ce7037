"""Root without being root: commands in a user namespace, where this user is root and has users to give files to.

All that it starts ends with it, and with us: the kernel ends every process of a namespace with its first one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from arm_ci.guests.errors import ImageError

_TAIL_LINES = 15
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""mke2fs and the like are not on an ordinary user's PATH."""


def as_ourselves() -> list[str]:
    """What stands before a command that runs as this user, and that the kernel ends when we end."""
    return ["setpriv", "--pdeathsig", "KILL", "--"]


def words() -> list[str]:
    """What stands before a command that runs in there. Root needs no users of its own."""
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    return [*as_ourselves(), "unshare", *users, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]


def environment() -> dict[str, str]:
    """Of every command: no translation, and nothing of the caller's that changes what tools do, but for proxies."""
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {**kept, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PATH": PATH}


def run(
    command: Sequence[str | Path],
    doing: str,
    *,
    outside: bool = False,
    say: Callable[[str], None] = lambda line: None,
    more_environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Runs a command in there, or `outside` as ourselves; `say` gets each line of its output as it comes.

    Raises ImageError with what it was doing and the last lines that it said.
    """
    said: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(
        [*(as_ourselves() if outside else words()), *map(str, command)],
        env={**environment(), **more_environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                said.append(line.rstrip())
                say(said[-1])
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        tail = "\n".join(line for line in said if line)
        raise ImageError(f"{doing} failed: {Path(command[0]).name} ended with {process.returncode}\n{tail}")


def remove(directory: Path) -> None:
    """Removes a directory with files of the namespace's users. Raises OSError when something stays."""
    try:
        shutil.rmtree(directory)
    except PermissionError:
        subprocess.run(
            [*words(), "rm", "-rf", "--", str(directory)], env=environment(), check=False, capture_output=True
        )
        if directory.exists():
            raise
