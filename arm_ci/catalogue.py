"""Where the files that ship beside the code are: the configuration, patch sets, samples, workers' files, master.cfg.

Everything that needs one of them asks here, because a wheel holds them in another place than a checkout.
setup.py copies them into the wheel.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_THE_WHEEL = _PACKAGE / "_catalogue"


def catalogue() -> Path:
    """The directory that holds config/, patches/, samples/, workers/ and master.cfg.

    In an installed wheel it is a directory inside the package, in a checkout the top directory.
    """
    return _IN_THE_WHEEL if _IN_THE_WHEEL.is_dir() else _PACKAGE.parent
