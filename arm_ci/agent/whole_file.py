"""Writes a file whole or not at all: whoever reads it finds the old one or the new one."""

from __future__ import annotations

import os
from typing import Optional


def write_whole(path: str, data: bytes, mode: Optional[int] = None) -> None:
    """Writes a file, with these permissions if any are given. Raises OSError, and then leaves nothing of its own."""
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, ".{}.{}".format(name, os.getpid()))
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # it is not there
        raise
