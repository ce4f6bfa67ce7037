"""The wheel of this checkout, for tests of what an installed package is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ("config", "patches", "samples", "workers")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "master.cfg")
"""What a wheel is made of, beside the package and the catalogue's directories."""


def pip(*words: str) -> None:
    """Runs pip; a PYTHONPATH of the caller would show it packages that are not installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-m", "pip", *words], env=environment, check=True)


def build_wheel(directory: Path) -> Path:
    """Builds the wheel in `directory`, from a copy, so that nothing is written here; needs no network."""
    copy = directory / "checkout"
    copy.mkdir()
    for name in (*CATALOGUE, "arm_ci"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), str(copy)]
    pip(*words)
    (made,) = directory.glob("*.whl")
    return made
