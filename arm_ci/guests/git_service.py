"""Git for guests: repositories of this machine, read-only, for the guest alone, in QEMU's user network."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

ADDRESS = "10.0.2.100"
PORT = 9418
"""git's own (git-daemon(1))."""


def url(repository: str) -> str:
    """Where a guest finds a repository of this machine, by its whole path there; other addresses stay as they are."""
    return f"git://{ADDRESS}{repository}" if is_here(repository) else repository


def is_here(repository: str) -> bool:
    """Whether that is a directory of this machine."""
    return repository.startswith("/")


def network_option(repositories: Sequence[str]) -> str:
    """The option of QEMU's user network that serves these directories; empty when there are none.

    QEMU starts `git daemon` for each connection, with that as its standard input and output.
    """
    if not repositories:
        return ""
    words = ["git", "daemon", "--inetd", "--export-all", "--strict-paths", *repositories]
    # In QEMU's options a comma ends a value, two are one.
    return f"guestfwd=tcp:{ADDRESS}:{PORT}-cmd:{shlex.join(words).replace(',', ',,')}"
