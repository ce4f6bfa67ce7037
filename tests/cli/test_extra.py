"""What `arm-ci` does on a machine that has PyYAML and nothing else of what a master runs on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory that holds this package and PyYAML."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "yaml").symlink_to(Path(yaml.__file__).parent)
    for name in ("arm_ci", "config", "patches", "samples", "workers", "master.cfg"):
        (tmp_path / "packages" / name).symlink_to(ROOT / name)
    return tmp_path


def run(machine: Path, *words: object) -> subprocess.CompletedProcess[str]:
    # -S leaves out the environment's own packages.
    return subprocess.run(
        [sys.executable, "-S", "-m", "arm_ci", *map(str, words)],
        cwd=machine,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(machine / "packages")},
        capture_output=True,
        text=True,
        check=False,
    )


def good(machine: Path, *words: object) -> str:
    done = run(machine, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_configuration_is_checked_and_its_variants_are_shown(machine: Path) -> None:
    assert good(machine, "check").endswith(": no mistakes\n")
    assert "sample-local-gcc-bfd-ninja-full" in good(machine, "matrix", "--project", "sample")


def test_a_log_is_judged(machine: Path) -> None:
    (machine / "log").write_text("collect2: fatal error: ld terminated with signal 9 [Killed]\n")
    assert json.loads(good(machine, "diagnose", "--json", "log"))["kind"] in ("oom-kill", "killed-other")


def test_patches_are_listed_and_checked(machine: Path) -> None:
    shutil.copytree(ROOT / "samples" / "hungry", machine / "source")
    assert "byproducts" in good(machine, "patches", "list", "--project", "sample")
    variant = "sample-local-gcc-bfd-ninja-full"
    assert "applies" in good(machine, "patches", "check", "--source", "source", "--variant", variant)


def test_images_and_their_recipes_are_listed(machine: Path) -> None:
    assert good(machine, "image", "list", "--state", "state").startswith("no images in ")
    assert "debian-12-arm64" in good(machine, "image", "build", "--help")


@pytest.mark.real
def test_a_variant_is_built_and_what_it_took_is_predicted(machine: Path) -> None:
    shutil.copytree(ROOT / "samples" / "hungry", machine / "source")
    variant = "sample-local-gcc-bfd-ninja-full"
    said = good(machine, "build", "--variant", variant, "--source", "source", "--targets", "ledger")
    assert "learned the peaks of 2 edges" in said
    peaks = machine / f"source-{variant}" / "support" / "peaks-build.json"
    said = good(machine, "fit", "--variant", variant, "--memory", "1G", "--cores", "2", "--peaks", peaks)
    assert said.startswith(f"{variant} on 2 cores, 1.0 GB, no swap: fits\n")


@pytest.mark.parametrize("words", [["start"], ["run"]])
def test_a_master_without_its_packages_is_refused_with_the_command_that_installs_them(
    machine: Path, words: list[str]
) -> None:
    done = run(machine, *words, "--site", machine)
    assert done.returncode == 3
    assert done.stderr == (
        "arm-ci: this needs the Python module `buildbot`, which is not installed; "
        f"run: {sys.executable} -m pip install 'arm_ci[master]'\n"
    )
    assert not list(machine.rglob("state"))
