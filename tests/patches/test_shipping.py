"""What is sent to a worker: one file with everything in it that runs there, for every Python from 3.7 on."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from arm_ci import patches
from arm_ci.patches import shipping

HERE = Path(patches.__file__).parent


def test_the_archive_has_the_modules_as_they_are_and_is_always_the_same():
    packed = shipping.archive()
    shipping.archive.cache_clear()
    assert shipping.archive() == packed
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert set(file.namelist()) == {"__main__.py", *(f"patches/{name}.py" for name in shipping.MODULES)}
        for name in shipping.MODULES:
            assert file.read(f"patches/{name}.py") == (HERE / f"{name}.py").read_bytes()


@pytest.mark.parametrize("name", shipping.MODULES)
def test_what_is_sent_imports_the_standard_library_and_itself(name: str):
    for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            named = [node.module] if node.module else [each.name for each in node.names]
            assert set(named) <= set(shipping.MODULES)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            assert {each.split(".")[0] for each in named} <= sys.stdlib_module_names


def test_what_is_sent_runs_on_python_3_7():
    vermin = pytest.importorskip("vermin", reason="vermin is not installed")
    assert vermin
    files = [str(HERE / f"{name}.py") for name in shipping.MODULES]
    done = subprocess.run(
        [sys.executable, "-c", "import vermin; vermin.main()", "-t=3.7-", "--no-tips", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_checkout_runs_it_as_a_module():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "arm_ci.patches", "check", "--source", "no", "--bundle", "no"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[1],
    )
    assert (done.returncode, done.stderr) == (2, "no: No such file or directory\n")
