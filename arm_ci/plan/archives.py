"""What a worker gets to run: the agent and the patch engine, each as one file that `python3` runs.

The name of an archive says what is in it, so that it is sent again only when that has changed.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import arm_ci

_START = "import sys\nfrom {package}.__main__ import main\nsys.exit(main())\n"

PATCHES = ("__init__", "__main__", "diffs", "engine", "forced", "matching", "parsing", "paths", "transaction")
"""The modules of the patch engine that run on a worker."""


@dataclass(frozen=True)
class Archive:
    """A package of ours as one file."""

    package: str
    data: bytes

    @property
    def name(self) -> str:
        """`agent-0123456789abcdef.pyz`; other content has another name."""
        return f"{self.package}-{hashlib.sha256(self.data).hexdigest()[:16]}.pyz"


def _pack(package: str, modules: tuple[str, ...] | None = None) -> Archive:
    """Packs a package of arm_ci (all its modules); they import nothing but each other, and those by relative names."""
    directory = Path(arm_ci.__file__).parent / package
    files = sorted(directory.rglob("*.py")) if modules is None else [directory / f"{name}.py" for name in modules]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("__main__.py"), _START.format(package=package))
        for path in files:
            name = path.relative_to(directory.parent).as_posix()
            file.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return Archive(package, packed.getvalue())


@cache
def agent() -> Archive:
    """The agent; the same modules give the same bytes."""
    return _pack("agent")


@cache
def patch_engine() -> Archive:
    """The part of the patch engine that judges and applies patches."""
    return _pack("patches", PATCHES)
