"""What a worker gets to judge and apply patches: one file, `patches.pyz`, that `python3` runs."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

ARCHIVE = "patches.pyz"
MODULES = ("__init__", "__main__", "diffs", "engine", "forced", "matching", "paths", "transaction")
"""The modules of this package that run there; they import nothing but each other, and those by relative names."""

_START = "import sys\nfrom patches.__main__ import main\nsys.exit(main())\n"


@cache
def archive() -> bytes:
    """The archive; the same modules give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("__main__.py"), _START)
        for name in MODULES:
            text = (Path(__file__).parent / f"{name}.py").read_bytes()
            file.writestr(zipfile.ZipInfo(f"patches/{name}.py"), text)
    return packed.getvalue()
