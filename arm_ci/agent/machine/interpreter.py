"""The Python that runs the agent and its launchers on this machine."""

from __future__ import annotations

import os
import sys


def interpreter() -> str:
    """Path of Python, and not that of a virtual environment, which reads its configuration at every start."""
    real = os.path.realpath(sys.executable)
    # `/usr/bin/python3` outlives `/usr/bin/python3.11`.
    return sys.executable if os.path.dirname(real) == os.path.dirname(sys.executable) else real
