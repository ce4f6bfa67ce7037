"""What stands around the package: targets, pinned requirements, the licence, and scripts that say what is missing."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packing import CATALOGUE, FILES
from radon.complexity import cc_visit

from arm_ci import __version__
from arm_ci.config import load

ROOT = Path(__file__).parents[1]
PREREQUISITES = ROOT / "scripts" / "prerequisites.sh"
FIND_PYTHON = ROOT / "scripts" / "find_python.sh"
PUBLIC_TARGETS = {"help", "run", "quick", "test", "fuzz", "check", "stop", "bench", "clean"}
PROGRAMS = (
    "git",
    "make",
    "cmake",
    "ninja",
    "g++",
    "clang++",
    "ld.lld",
    "ckati",
    "ld.gold",
    "meson",
    "mold",
    "shellcheck",
    "ignition-validate",
    "qemu-img",
    "distcc",
    "cpio",
    "mcopy",
    "mkfs.vfat",
    "aarch64-linux-gnu-g++",
    "autoconf",
    "patch",
    "ip",
    "ssh-keygen",
    "chromium",
)
GOOD_PYTHON = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.11.2'\nexit 0\n"


class Machine:
    """A PATH with nothing in it but the shell's own tools and what a test puts there."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.log = directory / "log"
        for tool in ("sh", "dirname", "env"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("python3", GOOD_PYTHON)
        for name in PROGRAMS:
            self.program(name)

    def program(self, name: str, text: str = "#!/bin/sh\nexit 0\n") -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def without(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def with_apt(self, *brings: str) -> None:
        """An apt-get that notes its arguments and brings these programs."""
        lines = "".join(f"cp '{self.bin}/git' '{self.bin}/{name}'\n" for name in brings)
        self.program("apt-get", f"#!/bin/sh\necho \"$*\" >>'{self.log}'\nPATH=/usr/bin:/bin\n{lines}exit 0\n")

    def run(self, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / "sh"), str(script), *arguments],
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("purpose", ["run", "test"])
def test_a_machine_with_everything_is_not_talked_to(machine: Machine, purpose: str) -> None:
    done = machine.run(PREREQUISITES, purpose)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_ordinary_user_is_told_the_exact_command_for_what_is_missing(machine: Machine) -> None:
    machine.without("ninja", "ld.lld")
    machine.with_apt()
    done = machine.run(PREREQUISITES, "run")
    assert done.returncode == 1
    assert done.stderr == "prerequisites: missing for `make run`; as root: apt-get install ninja-build lld\n"
    assert not machine.log.exists()


def test_python_without_venv_is_told_the_debian_package(machine: Machine) -> None:
    machine.program("python3", GOOD_PYTHON.replace("exit 0", '[ "${2#*ensurepip}" = "$2" ]'))
    done = machine.run(PREREQUISITES, "run")
    assert done.returncode == 1
    assert done.stderr == (
        "prerequisites: missing for `make run`; as root: apt-get install python3-venv\n"
        "prerequisites: python3-venv stands for Python 3.11 or newer with its venv module; found: Python 3.11.2\n"
    )
    assert machine.run(FIND_PYTHON).stderr == (
        "python3 cannot make virtual environments: apt-get install python3-venv\n"
    )


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.program("python3", "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2' && exit 0\nexit 1\n")
    done = machine.run(FIND_PYTHON)
    assert done.returncode == 1
    assert done.stderr == "Python 3.11 or newer is needed; python3 is Python 3.9.2\n"


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.program("python3", "#!/bin/sh\nexit 1\n")
    machine.program("python3.12", GOOD_PYTHON)
    assert machine.run(FIND_PYTHON).stdout == f"{machine.bin}/python3.12\n"


def test_tools_that_only_some_tests_use_are_named_and_not_insisted_on(machine: Machine) -> None:
    machine.without("mold", "chromium")
    done = machine.run(PREREQUISITES, "test")
    assert done.returncode == 0
    assert done.stderr == (
        "prerequisites: some tests will be skipped; for all of them: apt-get install mold chromium\n"
    )
    assert machine.run(PREREQUISITES, "run").stderr == ""


def test_root_gets_what_is_missing_installed(machine: Machine) -> None:
    machine.without("ninja", "mold")
    machine.program("id", "#!/bin/sh\necho 0\n")
    machine.with_apt("ninja", "mold")
    done = machine.run(PREREQUISITES, "test")
    assert done.returncode == 0
    assert done.stdout == "prerequisites: installing ninja-build mold\n"
    assert done.stderr == ""
    assert machine.log.read_text().splitlines() == [
        "-qq update",
        "-qq install -y --no-install-recommends ninja-build",
        "-qq install -y --no-install-recommends mold",
    ]


def test_what_cannot_be_installed_is_still_missing(machine: Machine) -> None:
    machine.without("ninja")
    machine.program("id", "#!/bin/sh\necho 0\n")
    machine.with_apt()
    done = machine.run(PREREQUISITES, "run")
    assert done.returncode == 1
    assert done.stderr == "prerequisites: missing for `make run`; as root: apt-get install ninja-build\n"


def test_prerequisites_without_a_purpose_say_how_they_are_called(machine: Machine) -> None:
    done = machine.run(PREREQUISITES)
    assert (done.returncode, done.stderr) == (2, "usage: prerequisites.sh run|test\n")


def make(*arguments: str) -> str:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_public_target() -> None:
    listed = set(re.findall(r"^  make (\w+)\t", make("help"), re.MULTILINE))
    assert listed == PUBLIC_TARGETS


def test_bare_make_runs_every_check() -> None:
    assert make("--dry-run") == make("--dry-run", "check")
    for tool in (
        "ruff check",
        "ruff format --check",
        "mypy",
        "lint-imports",
        "no_function_has_more_branches",
        "arm-ci check",
    ):
        assert tool in make("--dry-run")


def instructions(kind: str, stage: str) -> list[str]:
    """The instructions of a kind in one stage of the Dockerfile, each on one line."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    (section,) = [each for each in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:] if stage_of(each) == stage]
    return re.findall(rf"^{kind} (.*)$", section, re.MULTILINE)


def stage_of(section: str) -> str:
    """The name of a stage; that of the image itself is empty."""
    return section.partition("\n")[0].partition(" AS ")[2]


def test_the_image_has_the_wheel_of_what_a_wheel_is_made_of(tmp_path: Path) -> None:
    copied: set[str] = set()
    for each in instructions("COPY", "wheel"):
        copied |= set(each.split()[:-1])
    assert copied == {*CATALOGUE, *FILES, "arm_ci"} - {"MANIFEST.in"}
    assert [each for each in instructions("COPY", "") if each.startswith("--from")] == ["--from=wheel /wheel /wheel"]


def test_the_image_makes_its_site_in_the_volume_and_keeps_one_that_is_there(tmp_path: Path) -> None:
    (directory,) = instructions("VOLUME", "")
    assert instructions("WORKDIR", "") == [directory]
    (command,) = map(json.loads, instructions("CMD", ""))
    make_site = command[2].partition(" && ")[0]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for _ in range(2):
        subprocess.run([*command[:2], make_site], cwd=tmp_path, env=environment, check=True)
        assert list(load(tmp_path).projects) == ["sample"]


def test_the_image_installs_only_pinned_packages() -> None:
    runs = [*instructions("RUN", "wheel"), *instructions("RUN", "")]
    installed = [command for run in runs for command in run.split("&&") if "pip install" in command]
    assert len(installed) == 3
    for command in installed:
        words = command.partition("pip install")[2].split()
        named = [word for word in words if not word.startswith("-") and not word.startswith("/")]
        assert all("==" in word for word in named)
        if "/wheel/*.whl" in words:
            assert "--no-deps" in words
    (made,) = (command for run in runs for command in run.split("&&") if "pip wheel" in command)
    # Else pip fetches whatever setuptools is the newest.
    assert "--no-build-isolation" in made


def requirement_lines(name: str) -> Iterator[str]:
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-development.txt"])
def test_every_requirement_is_pinned_to_one_version(name: str) -> None:
    for line in requirement_lines(name):
        assert line == "-r requirements.txt" or re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line


def test_requirements_have_what_the_package_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    running = dict(line.split("==") for line in requirement_lines("requirements.txt"))
    developing = {"arm_ci": __version__} | running
    developing |= dict(line.split("==") for line in requirement_lines("requirements-development.txt") if "==" in line)
    for wanted, pinned in (
        (project["dependencies"] + extras["master"], running),
        (extras["development"], developing),
    ):
        for requirement in map(Requirement, wanted):
            assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_no_file_names_a_package_index_or_a_directory_of_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    files = [path for name in listed if name and (path := ROOT / name).is_file() and path != Path(__file__).resolve()]
    if not files:
        pytest.skip("not a Git checkout")
    # Messages of gcc name its documentation as file:///usr/share/doc/...
    unwanted = re.compile(
        rb"--(extra-)?index-url|--find-links|pypi\.org/simple|file:///(?!usr/share/doc/)|(?<![\w.])/(work|root)/"
    )
    found = []
    for path in files:
        found += [
            f"{path.relative_to(ROOT)}: {match.group().decode()}" for match in unwanted.finditer(path.read_bytes())
        ]
    assert found == []


# -- the house ------------------------------------------------------------------------------------------------------

APART = {"browser", "data", "docs", "integration", "machines", "samples", "workers"}
"""Folders of tests that are of no one folder of the package."""
OF_THE_WHOLE_FOLDER = [
    "agent/test_every_tool",
    "cli/test_commands",
    "config/test_documentation",
    "config/test_fuzz",
    "config/test_mistakes_in_*",
    "config/test_shipped",
    "config/test_site_over_catalogue",
    "diagnosis/advice/test_unmeasured_linkers",
    "diagnosis/judging/rules/test_rules",
    "diagnosis/judging/test_labelled_logs",
    "diagnosis/judging/test_linkers_are_themselves",
    "diagnosis/judging/test_real_tools",
    "diagnosis/reading/recognisers/test_recognisers",
    "fit/test_measured_build",
    "master/buildbot_fixes/test_buildbots_own_tests",
    "master/buildbot_fixes/test_fixes",
    "patches/test_shipped_series",
    "patches/test_upstream_mesos",
]
"""Tests that are about no single module of their folder."""


def test_each_test_stands_where_what_it_tests_stands() -> None:
    """tests/X/test_NAME.py or test_NAME_of_something.py is about arm_ci/X/NAME.py or the folder arm_ci/X/NAME."""
    misplaced = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests")
        if len(place.parts) == 1 or place.parts[0] in APART:
            continue
        if any(fnmatch.fnmatch(str(place.with_suffix("")), name) for name in OF_THE_WHOLE_FOLDER):
            continue
        words = path.stem.split("_")[1:]
        modules = [ROOT / "arm_ci" / place.parent / "_".join(words[:count]) for count in range(1, len(words) + 1)]
        if not any(module.is_dir() or module.with_suffix(".py").exists() for module in modules):
            misplaced.append(str(place))
    assert misplaced == []


MOST_BRANCHES = 15
MUCH_BRANCHED = 12
"""Of these at most one function in a hundred has more."""


def branches() -> dict[str, int]:
    """radon's cyclomatic complexity of every function and class, by `FILE: NAME`."""
    found = {}
    for folder in ("arm_ci", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for block in cc_visit(path.read_text(encoding="utf-8")):
                found[f"{path.relative_to(ROOT)}: {block.fullname}"] = block.complexity
    return found


def test_no_function_has_more_branches_than_a_reader_can_follow() -> None:
    found = branches()
    assert {name: count for name, count in found.items() if count > MOST_BRANCHES} == {}
    much = [name for name, count in found.items() if count > MUCH_BRANCHED]
    assert len(much) <= len(found) / 100, much
