"""The files that ship beside the code are found in a checkout and in a wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packing import CATALOGUE, ROOT, build_wheel

from arm_ci.catalogue import catalogue


def test_a_checkout_has_its_catalogue_at_the_top() -> None:
    assert catalogue() == ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.real
def test_the_wheel_holds_the_whole_catalogue(wheel: Path) -> None:
    shipped = {"master.cfg"}
    for name in CATALOGUE:
        shipped |= {str(path.relative_to(ROOT)) for path in (ROOT / name).rglob("*") if path.is_file()}
    packed = zipfile.ZipFile(wheel).namelist()
    inside = {name.removeprefix("arm_ci/_catalogue/") for name in packed if name.startswith("arm_ci/_catalogue/")}
    assert inside == shipped


@pytest.mark.real
def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "arm_ci").rglob("*") if path.is_file()}
    wanted = {name for name in wanted if "__pycache__" not in name}
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.real
def test_the_catalogue_of_a_wheel_lies_in_the_package(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    ask = "from arm_ci.catalogue import catalogue; print(catalogue())"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout == f"{tmp_path.resolve()}/arm_ci/_catalogue\n"
