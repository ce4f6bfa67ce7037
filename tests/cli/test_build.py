"""`arm-ci build` with compilers and build tools that are shell scripts: the real command line in milliseconds."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arm_ci.agent.fallback.fallbacks_file import Fallback, fallbacks_of_text
from arm_ci.agent.machine.probe import operating_system
from arm_ci.cli import place
from arm_ci.cli.options import CommandError
from arm_ci.plan import Facts
from arm_ci.plan.environment import is_foreign

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
VARIANT = "sample-local-gcc-bfd-ninja-full"

TOOL = """\
#!/bin/sh
case "$*" in *--version*) echo "$(basename "$0") 99.1.0"; exit 0;; esac
echo "$(basename "$0") LC_ALL=$LC_ALL CXXFLAGS=$CXXFLAGS DESTDIR=$DESTDIR GTEST_FILTER=$GTEST_FILTER"
case "$(basename "$0")" in
  ninja) echo "[1/2] one"; {ninja};;
  ctest) echo "1/2 Test #1: adds ...   Passed    0.01 sec"; echo "2/2 Test #2: links ...{second}   0.01 sec";;
esac
"""


@pytest.fixture
def build(tmp_path):
    """Runs the command on a copy of the sample with fake tools; returns what it printed."""
    source = tmp_path / "hungry"
    shutil.copytree(ROOT / "samples" / "hungry", source)
    tools = tmp_path / "tools"
    tools.mkdir()

    def run(*more, ninja="true", second="   Passed", variant=VARIANT, without=(), variables=None):
        for name in {"gcc", "g++", "ld.bfd", "git", "cmake", "ninja", "ctest", "make"} - set(without):
            (tools / name).write_text(TOOL.format(ninja=ninja, second=second))
            (tools / name).chmod(0o755)
        for name in ("sh", "basename", "dpkg", "dpkg-query"):
            if shutil.which(name) and not (tools / name).exists():
                (tools / name).symlink_to(shutil.which(name))
        if not (tools / "python3").exists():
            (tools / "python3").symlink_to(sys.executable)
        command = [sys.executable, "-m", "arm_ci", "build", "--variant", variant, "--source", str(source), *more]
        # Not what the tests themselves were started with, by make for example.
        own = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        environment = {**own, **(variables or {}), "PATH": str(tools)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)

    return run


def test_stages_run_in_order_and_the_end_is_said(build):
    done = build()
    assert done.returncode == 0, done.stderr
    stages = [line for line in done.stdout.splitlines() if line.startswith("=== ")]
    assert stages[:-1] == [
        "=== check this machine",
        "=== patch set",
        "=== prerequisites",
        "=== configure",
        "=== build",
        "=== tests",
    ]
    assert stages[-1].startswith(f"=== {VARIANT}: done in ")
    assert "ninja LC_ALL=C CXXFLAGS= DESTDIR= GTEST_FILTER=\n" in done.stdout
    assert "hungry: 2 passed" in done.stdout


def test_a_failed_build_ends_with_the_verdict(build):
    done = build(ninja="echo \"ninja: error: 'x.a', needed by 'app', missing and no known rule to make it\"; exit 1")
    sentence = "missing-byproduct: ninja knows no rule that makes x.a: app needs it"
    assert (done.returncode, done.stderr) == (1, f"=== {VARIANT}: {sentence}\n")
    page = Path(re.findall(r"^verdict: (.*)$", done.stdout, re.M)[0])
    assert "missing-byproduct" in page.read_text(encoding="utf-8")


def test_without_jinja_a_failed_build_has_its_verdict_and_no_page(build, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "jinja2.py").write_text("raise ImportError('hidden')")
    done = build(ninja="exit 3", variables={"PYTHONPATH": str(hidden)})
    sentence = "unknown: the command ended with exit status 3, and nothing says why"
    assert (done.returncode, done.stderr.partition(";")[0]) == (1, f"=== {VARIANT}: {sentence}")
    needed = f"a page needs Jinja2, which is not installed here: {sys.executable} -m pip install Jinja2"
    assert f"note: {needed}\n" in done.stdout


def test_what_is_built_is_not_taken_for_the_reason(build):
    done = build(ninja="echo '[1/1] Linking error: x'; exit 3")
    sentence = (
        "unknown: the command ended with exit status 3, and nothing says why; its last line: [1/1] Linking error: x"
    )
    assert (done.returncode, done.stderr) == (1, f"=== {VARIANT}: {sentence}\n")


def test_output_that_the_terminal_cannot_show_is_no_error(build):
    done = build(ninja="printf '\\303\\274\\n'", variables={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "\\xfc\n" in done.stdout


def test_a_failed_test_is_named(build):
    done = build(second="***Failed")
    assert (done.returncode, done.stderr) == (1, f"=== {VARIANT}: hungry: 1 passed, 1 failed: links\n")


def test_a_missing_tool_ends_it_before_anything_is_touched(build):
    done = build(without=("ninja",))
    assert done.returncode == 1
    assert "`ninja` is not on this machine (" in done.stderr
    assert "=== patch set" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--variant", "sample-local-gcc-bfd-nina-full"),
            "--variant: there is no variant `sample-local-gcc-bfd-nina-full`; "
            "did you mean `sample-local-gcc-bfd-ninja-full`? (`arm-ci matrix` lists them)",
        ),
        (("--source", "/no/such"), "--source: `/no/such` is not a directory"),
        (("--source", ""), "--source: the directory of a source tree was expected, not an empty text"),
        (("--source", "/"), "--source: `/` is the whole system, not a source tree"),
        (("--directory", ""), "--directory: a directory was expected, not an empty text"),
        (("--jobs=-1",), "--jobs: a number of edges at once was expected, not -1"),
        (
            ("--targets", "a b=c"),
            "--targets: `b=c` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
            "starting with a letter, digit or `_`",
        ),
    ],
)
def test_wrong_arguments_are_answered_with_one_line(build, words, message):
    done = build(*words)
    assert (done.returncode, done.stderr) == (2, f"arm-ci: {message}\n")


def test_the_callers_flags_do_not_reach_the_build(build):
    variables = {"CXXFLAGS": "-O3", "DESTDIR": "/away", "GTEST_FILTER": "x", "LC_ALL": "de_DE.UTF-8"}
    done = build(variables=variables)
    assert done.returncode == 0, done.stderr
    assert "note: the build does not see CXXFLAGS, DESTDIR, GTEST_FILTER of your environment\n" in done.stdout
    assert "ninja LC_ALL=C CXXFLAGS= DESTDIR= GTEST_FILTER=\n" in done.stdout


@pytest.mark.parametrize(
    ("directory", "relation"),
    [
        ("/hungry", "is the source tree"),
        ("", "contains the source tree `{}/hungry`"),
        ("/hungry/out", "lies inside the source tree `{}/hungry`"),
    ],
)
def test_a_directory_that_shares_files_with_the_source_is_refused(build, tmp_path, directory, relation):
    done = build("--directory", f"{tmp_path}{directory}")
    said = f"`{tmp_path}{directory}` {relation.format(tmp_path)}; a build needs a directory of its own"
    assert (done.returncode, done.stderr) == (2, f"arm-ci: --directory: {said}\n")
    assert (tmp_path / "hungry" / "CMakeLists.txt").is_file()


def test_a_build_tree_of_somebody_else_is_not_removed(build, tmp_path):
    precious = tmp_path / "mine" / "build" / "precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    done = build("--directory", str(tmp_path / "mine"))
    assert (done.returncode, done.stderr) == (
        2,
        f"arm-ci: `{tmp_path}/mine/build` was not made by `arm-ci build`: remove it, "
        "or name another place with --directory\n",
    )
    assert precious.read_text() == "years of work"
    assert "===" not in done.stdout


def test_a_link_to_somebody_elses_directory_is_not_followed(build, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "build").symlink_to(tmp_path / "hungry")
    done = build("--directory", str(tmp_path / "mine"))
    assert done.returncode == 2
    assert f"`{tmp_path}/mine/build` was not made by `arm-ci build`" in done.stderr


def test_our_own_build_tree_is_made_anew_and_kept_when_asked(build, tmp_path):
    left = tmp_path / f"hungry-{VARIANT}" / "build" / "left"
    assert build().returncode == 0
    left.touch()
    assert build("--keep").returncode == 0
    assert left.exists()
    assert build().returncode == 0
    assert not left.exists()


@pytest.mark.parametrize("below", ["", "/further/down"])
def test_a_directory_that_is_a_file_is_refused(build, tmp_path, below):
    (tmp_path / "file").touch()
    done = build("--directory", f"{tmp_path}/file{below}")
    assert (done.returncode, done.stderr) == (
        2,
        f"arm-ci: cannot build in `{tmp_path}/file{below}`: `{tmp_path}/file` is not a directory; "
        "name another place with --directory\n",
    )


def test_a_directory_that_cannot_be_made_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(CommandError) as error:
        place.choose(str(tmp_path), str(tmp_path.parent / "new" / "place"), "x")
    assert str(error.value) == (
        f"cannot build in `{tmp_path.parent}/new/place`: `{tmp_path.parent}` is not writable; "
        "name another place with --directory"
    )


def test_missing_packages_are_named_and_not_installed(build, tmp_path):
    system = operating_system()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "projects.yaml").write_text(
        f"sample: {{prerequisites: {{{system}: [no-such-a, no-such-b]}}}}\n"
    )
    done = build("--site", str(tmp_path / "site"), "--directory", str(tmp_path / "out"))
    assert done.returncode == 1
    hint = Facts("", system, 1, 0, 0, 0).install_hint("no-such-a", "no-such-b")
    assert done.stderr == (f"=== {VARIANT}: packages are missing: {hint} (`arm-ci build` installs nothing itself)\n")


MAIN = "src/main.cpp"
LINE = '    {"sums-repeat", sums_repeat},'
PATCH = f"--- a/{MAIN}\n+++ b/{MAIN}\n@@ -55,2 +55,2 @@\n-{LINE}\n+{LINE}  // patched\n }};\n"


def test_a_patch_of_the_callers_own_is_applied_before_the_patch_set(build, tmp_path):
    (tmp_path / "p").write_text(PATCH)
    done = build("--patch", str(tmp_path / "p"))
    assert done.returncode == 0, done.stderr
    stages = [line for line in done.stdout.splitlines() if line.startswith("=== ")]
    assert stages[1:3] == ["=== forced patch", "=== patch set"]
    assert f"\n{MAIN}: 1 hunk" in done.stdout
    assert (tmp_path / "hungry" / MAIN).read_text().count("// patched\n") == 1


def test_a_patch_that_an_earlier_build_has_put_there_is_no_mistake(build, tmp_path):
    (tmp_path / "p").write_text(PATCH)
    build("--patch", str(tmp_path / "p"))
    done = build("--patch", str(tmp_path / "p"))
    assert done.returncode == 0, done.stderr
    assert "=== forced patch\nthe whole patch stands in this revision already\n=== patch set\n" in done.stdout


def test_a_patch_that_does_not_apply_ends_the_build_before_anything_is_touched(build, tmp_path):
    (tmp_path / "p").write_text(PATCH.replace("sums-repeat", "sums-differ"))
    done = build("--patch", str(tmp_path / "p"))
    assert (done.returncode, done.stderr) == (
        1,
        f'=== {VARIANT}: patch-failed: {MAIN}, hunk 1: expected `{{"sums-differ", sums_repeat}},` at line 55, '
        'found `{"sums-repeat", sums_repeat},`\n',
    )
    assert "advice: Rebase the patch onto the revision that is built, and give it again. (The first" in done.stdout
    assert "=== configure" not in done.stdout


def test_what_its_edges_took_is_kept_and_handed_over_the_next_time(build, tmp_path):
    compiled = f"{tmp_path}/tools/g++ -c a.cpp -o a.o"
    first = build(ninja=compiled)
    assert first.returncode == 0, first.stderr
    assert "=== build\n" in first.stdout
    (kept,) = tmp_path.glob("*/support/peaks-build.json")
    assert json.loads(kept.read_text())["toolchain"] == "gcc 99, ld.bfd 99"
    kept.write_text("{")
    again = build(ninja=compiled)
    assert (
        f"note: learned peaks: {kept}: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1); set aside as peaks-build.json.unreadable\n"
    ) in again.stdout


def test_how_edges_may_be_built_differently_stands_beside_the_build(build, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "projects.yaml").write_text("sample: {fallback: [{name: less, when: always, add: [-O0]}]}\n")
    done = build("--site", str(tmp_path / "site"), ninja="g++ -c a.cpp -o a.o")
    assert done.returncode == 0, done.stderr
    (told,) = tmp_path.glob("*/support/fallback-build.json")
    assert fallbacks_of_text(told.read_text()) == (Fallback("less", always=True, add=("-O0",)),)
    assert "arm_ci: a.o is built with less: -O0\n" in done.stdout
