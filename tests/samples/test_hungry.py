"""The sample project does what it is there for: it is hard in the ways that it claims, and only in those.

With the dials turned down; what the dials cost in memory is measured by hand, see samples/hungry/README.md.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HUNGRY = ROOT / "samples" / "hungry"
PATCH = ROOT / "patches" / "sample" / "byproducts.patch"
QUICK = ("-DHUNGRY_SOURCES=2", "-DHUNGRY_COMPILE_MB=100", "-DHUNGRY_LINK_MB=30")
NINJA_REFUSES = (
    "ninja: error: 'third_party/ledger/lib/libledger.a', needed by 'hungry', missing and no known rule to make it"
)

pytestmark = pytest.mark.integration


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def succeed(*argv: str, cwd: Path) -> str:
    done = run(*argv, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}"
    return done.stdout


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    copy = tmp_path / "source tree"
    shutil.copytree(HUNGRY, copy)
    return copy


@pytest.fixture
def build(tmp_path: Path) -> Path:
    directory = tmp_path / "build"
    directory.mkdir()
    return directory


def configure(source: Path, build: Path, generator: str, *options: str) -> None:
    succeed("cmake", "-G", generator, *QUICK, *options, str(source), cwd=build)


def test_ninja_refuses_the_unpatched_sample_because_of_the_archive(source: Path, build: Path) -> None:
    configure(source, build, "Ninja")
    done = run("ninja", "hungry", cwd=build)
    assert done.returncode == 1
    assert NINJA_REFUSES in done.stdout


def test_with_its_patch_ninja_builds_the_sample_and_its_tests_pass(source: Path, build: Path) -> None:
    succeed("git", "apply", str(PATCH), cwd=source)
    configure(source, build, "Ninja")
    succeed("ninja", "-j1", cwd=build)
    assert "100% tests passed, 0 tests failed out of 6" in succeed("ctest", cwd=build)


def test_make_builds_the_unpatched_sample_and_leaves_the_source_tree_as_it_was(source: Path, build: Path) -> None:
    before = contents(source)
    configure(source, build, "Unix Makefiles")
    succeed("make", "hungry", cwd=build)
    assert "100% tests passed" in succeed("ctest", cwd=build)
    assert contents(source) == before


def test_a_chosen_test_fails_and_is_named(source: Path, build: Path) -> None:
    configure(source, build, "Unix Makefiles", "-DHUNGRY_FAIL_TEST=sums-repeat")
    succeed("make", "hungry", cwd=build)
    done = run("ctest", "--output-on-failure", cwd=build)
    assert "sums-repeat: failed because HUNGRY_FAIL_TEST names it" in done.stdout
    assert "83% tests passed, 1 tests failed out of 6" in done.stdout


def test_meson_builds_the_sample_and_its_tests_pass_but_for_a_chosen_one(source: Path, build: Path) -> None:
    before = contents(source)
    dials = ("-Dsources=2", "-Dcompile_mb=100", "-Dlink_mb=80", "-Dfail_test=sums-repeat")
    succeed("meson", "setup", *dials, ".", str(source), cwd=build)
    succeed("ninja", cwd=build)
    done = run("meson", "test", "--no-rebuild", "--print-errorlogs", cwd=build)
    assert "sums-repeat: failed because HUNGRY_FAIL_TEST names it" in done.stdout
    assert re.search("^Ok: +5 *\nExpected Fail: +0 *\nFail: +1 *$", done.stdout, re.MULTILINE)
    assert contents(source) == before


def test_meson_refuses_the_name_of_a_test_that_is_not_there(source: Path, build: Path) -> None:
    done = run("meson", "setup", "-Dfail_test=nothing", ".", str(source), cwd=build)
    assert "fail_test is `nothing`, expected one of ledger-adds-up, ledger-refuses-overdraft, " in done.stdout


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("HUNGRY_SOURCES=0", "HUNGRY_SOURCES is `0`, expected a whole number from 1 to 1000"),
        ("HUNGRY_COMPILE_MB=lots", "HUNGRY_COMPILE_MB is `lots`, expected a whole number from 100 to 4000"),
        ("HUNGRY_LINK_MB=9000", "HUNGRY_LINK_MB is `9000`, expected a whole number from 30 to 8000"),
        (
            "HUNGRY_FAIL_TEST=sums",
            "HUNGRY_FAIL_TEST is `sums`, expected one of ledger-adds-up, ledger-refuses-overdraft, "
            "every-source-is-linked, sources-differ, symbols-are-linked, sums-repeat",
        ),
    ],
)
def test_a_dial_out_of_range_is_refused(source: Path, build: Path, option: str, message: str) -> None:
    done = run("cmake", *QUICK, f"-D{option}", str(source), cwd=build)
    assert done.returncode == 1
    # CMake breaks long lines.
    assert message in " ".join(done.stdout.split())
