"""Makes the masquerade directory: for every compiler and archiver in PATH a link to the launcher, under its name.

With that directory first in PATH, make, ninja, configure scripts and the sub-builds that they start all run the
launcher, whatever they are. What is called by its absolute path is not caught.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Dict, List, Set

from .commands import is_edge_program

DIRECTORY = "masquerade"
_SCRIPT = "launch"
# Longest line that the oldest kernels read after `#!`.
_LONGEST_SHEBANG = 127


def programs(path: str, own: str) -> List[str]:
    """Names of the compilers and archivers in PATH; `own` is our directory, which does not count."""
    names: Set[str] = set()
    for directory in path.split(":"):
        if not directory or directory == own:
            continue
        try:
            found = os.listdir(directory)
        except OSError:
            continue
        names.update(name for name in found if is_edge_program(name) and os.access(os.path.join(directory, name), 1))
    return sorted(names)


def _interpreter() -> str:
    # That of a virtual environment would read its configuration at every start.
    return os.path.realpath(sys.executable)


def _launcher_directory() -> str:
    return os.path.dirname(os.path.abspath(__file__))


def _script() -> bytes:
    start = "{} -IS".format(_interpreter())
    head = "#!{}\n".format(start)
    if len(head) > _LONGEST_SHEBANG or " " in _interpreter():
        head = "#!/bin/sh\n''''exec '{}' -IS \"$0\" \"$@\" # '''\n".format(_interpreter())
    body = (
        "import sys\n"
        "sys.path.insert(0, {!r})\n"
        "import posix\n"
        "from launcher import main\n"
        'posix._exit(main(sys.argv[0].encode(sys.getfilesystemencoding(), "surrogateescape")))\n'
    )
    return os.fsencode(head + body.format(_launcher_directory()))


def _write(path: str, data: bytes, mode: int) -> None:
    """Writes a file whole or not at all; leaves one alone that is right, for other builds may be running it."""
    try:
        with open(path, "rb") as file:
            if file.read() == data:
                return
    except OSError:
        pass
    temporary = "{}.{}".format(path, os.getpid())
    with open(temporary, "wb") as file:
        file.write(data)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def make(directory: str, path: str) -> List[str]:
    """Makes the directory for the programs of PATH; their names. Raises OSError."""
    if not os.path.isfile(os.path.join(_launcher_directory(), "launcher.py")):
        raise FileNotFoundError(errno.ENOENT, "the agent could not be unpacked", _launcher_directory())
    os.makedirs(directory, exist_ok=True)
    _write(os.path.join(directory, _SCRIPT), _script(), 0o755)
    wanted = programs(path, directory)
    present = _links(directory)
    for name in wanted:
        if present.pop(name, None) != _SCRIPT:
            link = os.path.join(directory, name)
            temporary = "{}.{}".format(link, os.getpid())
            os.symlink(_SCRIPT, temporary)
            os.replace(temporary, link)
    for name in present:
        os.unlink(os.path.join(directory, name))
    return wanted


def _links(directory: str) -> Dict[str, str]:
    paths = ((name, os.path.join(directory, name)) for name in os.listdir(directory))
    return {name: os.readlink(path) for name, path in paths if os.path.islink(path)}
