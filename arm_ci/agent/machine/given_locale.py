"""The locale that the agent was given: in a C locale Python sets LC_CTYPE for itself and all that it starts (PEP 538).

Compilers would then speak in other letters than they do without the agent.
"""

from __future__ import annotations

import os


def restore_locale() -> None:
    """Gives the environment the LC_CTYPE back that this process was started with."""
    if os.environ.get("LC_CTYPE") not in ("C.UTF-8", "C.utf8", "UTF-8"):
        return
    try:
        with open("/proc/self/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return
    start = b"LC_CTYPE="
    given = [variable[len(start) :] for variable in variables if variable.startswith(start)]
    if given:
        os.environ["LC_CTYPE"] = os.fsdecode(given[0])
    else:
        del os.environ["LC_CTYPE"]
