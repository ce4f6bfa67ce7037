"""Packs the catalogue into the wheel; everything else about the package stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CATALOGUE = ("config", "patches", "samples", "workers")


class BuildWithCatalogue(build_py):
    """Copies what ships beside the code to where `arm_ci.catalogue` looks for it in an installed package."""

    def run(self) -> None:
        super().run()
        # An editable installation finds everything in the checkout.
        if self.editable_mode:
            return
        inside = Path(self.build_lib) / "arm_ci" / "_catalogue"
        # An earlier build may have left files that are gone by now.
        shutil.rmtree(inside, ignore_errors=True)
        for name in CATALOGUE:
            shutil.copytree(name, inside / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy("master.cfg", inside)


setup(cmdclass={"build_py": BuildWithCatalogue})
