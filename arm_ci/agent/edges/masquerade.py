"""Makes the masquerade directory: for every compiler and archiver in PATH a launcher under its name.

With that directory first in PATH, make, ninja, configure scripts and the sub-builds that they start all run the
launcher, whatever they are. It needs nothing but itself: CMake remembers the compilers that it found here, and builds
with them also when there is no agent. What is called by its absolute path is not caught.
"""

from __future__ import annotations

import os
from typing import Dict

from ..machine.interpreter import interpreter
from ..whole_file import write_whole
from .command_line import is_edge_program

DIRECTORY = "masquerade"
_MODULE = ".launcher"
# Longest line that the oldest kernels read after `#!`.
_LONGEST_SHEBANG = 127


def programs(path: str, own: str) -> Dict[str, str]:
    """The compilers and archivers in PATH: name -> absolute path; `own` is our directory, which does not count."""
    found: Dict[str, str] = {}
    for directory in path.split(":"):
        if not os.path.isabs(directory) or _is_same(directory, own):
            continue
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in filter(is_edge_program, names):
            place = os.path.join(directory, name)
            if name not in found and os.path.isfile(place) and os.access(place, os.X_OK):
                found[name] = place
    return found


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _script(program: str, directory: str) -> bytes:
    head = "#!{} -IS\n".format(interpreter())
    if len(os.fsencode(head)) > _LONGEST_SHEBANG or " " in interpreter():
        head = "#!/bin/sh\n''''exec '{}' -IS \"$0\" \"$@\" # '''\n".format(interpreter())
    lines = [
        "import sys",
        "sys.path.insert(0, {!r})".format(os.path.join(directory, _MODULE)),
        "import posix",
        "from launcher import main",
        "invoked = sys.argv[0].encode(sys.getfilesystemencoding(), 'surrogateescape')",
        "posix._exit(main(invoked, {!r}))".format(os.fsencode(program)),
        # ccache knows a compiler by its file's size and time: this file changes when the compiler does.
        "# {0.st_size} {0.st_mtime_ns}".format(os.stat(program)),
        "",
    ]
    return os.fsencode(head + "\n".join(lines))


def _update(path: str, data: bytes, mode: int) -> None:
    """Writes a file; leaves one alone that is right, for other builds may be running it."""
    try:
        with open(path, "rb") as file:
            if file.read() == data:
                return
    except OSError:
        pass
    write_whole(path, data, mode)


def _launcher() -> bytes:
    # The agent may still be in its archive.
    loader = __spec__.loader if __spec__ else None
    name = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")
    data = loader.get_data(name)  # type: ignore[union-attr]
    return bytes(data)


def make(directory: str, path: str) -> Dict[str, str]:
    """Makes the directory for the programs of PATH, which it returns. Raises OSError."""
    os.makedirs(os.path.join(directory, _MODULE), exist_ok=True)
    _update(os.path.join(directory, _MODULE, "launcher.py"), _launcher(), 0o644)
    wanted = programs(path, directory)
    for name, program in wanted.items():
        _update(os.path.join(directory, name), _script(program, directory), 0o755)
    for name in os.listdir(directory):
        if is_edge_program(name) and name not in wanted:
            os.unlink(os.path.join(directory, name))
    return wanted
