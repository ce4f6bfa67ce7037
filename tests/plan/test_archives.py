"""What is sent to a worker: the agent and the patch engine, each one file, for every Python from 3.7 on."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import arm_ci
from arm_ci.plan import archives

HERE = Path(arm_ci.__file__).parent
AGENT = tuple(
    sorted(path.relative_to(HERE / "agent").with_suffix("").as_posix() for path in (HERE / "agent").rglob("*.py"))
)
SENT = [("agent", name) for name in AGENT] + [("patches", name) for name in archives.PATCHES]


@pytest.mark.parametrize(
    ("pack", "package", "modules"),
    [(archives.agent, "agent", AGENT), (archives.patch_engine, "patches", archives.PATCHES)],
)
def test_an_archive_has_the_modules_as_they_are_and_is_always_the_same(pack, package, modules):
    packed = pack()
    pack.cache_clear()
    assert pack() == packed
    with zipfile.ZipFile(io.BytesIO(packed.data)) as file:
        assert set(file.namelist()) == {"__main__.py", *(f"{package}/{name}.py" for name in modules)}
        for name in modules:
            assert file.read(f"{package}/{name}.py") == (HERE / package / f"{name}.py").read_bytes()


def test_an_archive_is_named_by_what_is_in_it():
    agent, other = archives.agent(), archives.Archive("agent", b"other")
    assert agent.name.startswith("agent-")
    assert agent.name.endswith(".pyz")
    assert other.name == "agent-d9298a10d1b07358.pyz"
    assert agent.name != other.name


@pytest.mark.parametrize(("package", "name"), SENT)
def test_what_is_sent_imports_the_standard_library_and_itself(package, name):
    ours = set(AGENT if package == "agent" else archives.PATCHES)
    folder = Path(name).parent
    for node in ast.walk(ast.parse((HERE / package / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (folder, *folder.parents)[node.level - 1]
            named = [node.module.replace(".", "/")] if node.module else [each.name for each in node.names]
            for each in named:
                inside = {f"{(base / each).as_posix()}/{one.name}" for one in node.names}
                assert (base / each).as_posix() in ours or inside <= ours
        elif isinstance(node, ast.Import | ast.ImportFrom):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            assert {each.split(".")[0] for each in named} <= sys.stdlib_module_names


def test_what_is_sent_runs_on_python_3_7():
    vermin = pytest.importorskip("vermin", reason="vermin is not installed")
    assert vermin
    files = [str(HERE / package / f"{name}.py") for package, name in SENT]
    done = subprocess.run(
        [sys.executable, "-c", "import vermin; vermin.main()", "-t=3.7-", "--no-tips", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_checkout_runs_the_patch_engine_as_a_module():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "arm_ci.patches", "check", "--source", "no", "--bundle", "no"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent,
    )
    assert (done.returncode, done.stderr) == (2, "no: No such file or directory\n")
