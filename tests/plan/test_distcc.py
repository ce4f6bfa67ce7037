"""The script that stands before a compiler whose board has helpers, with a distcc and compilers that are scripts."""

import os
import subprocess
from dataclasses import replace
from pathlib import PurePosixPath

import example
import pytest

from arm_ci.config.model import Board, Worker
from arm_ci.config.project import Selector
from arm_ci.plan import distcc
from arm_ci.plan.packages import package_table
from arm_ci.plan.toolchain import toolchain_of

HELPERS = ("192.168.1.10/8", "big.example:3700/4")
COMPILER = """\
#!/bin/sh
case $1 in
-dumpmachine) echo aarch64-linux-gnu ;;
-dumpversion) echo {version} ;;
*) echo "${{0##*/}} $*" ;;
esac
"""


class Launcher:
    """The script as a build writes and prepares it, and a PATH of its own."""

    def __init__(self, directory, **axes):
        self.bin = directory / "bin"
        self.bin.mkdir()
        for name in ("sh", "chmod", "rm", "mkdir", "ln"):
            (self.bin / name).symlink_to(f"/bin/{name}")
        recipe = example.recipe(**axes)
        family = recipe.config.compilers[recipe.variant.compiler].family
        toolchain = toolchain_of(recipe.config, recipe.variant, "/w/linker")
        self.support = directory / "a support directory"
        self.path = distcc.launcher(PurePosixPath(self.support))
        os.makedirs(self.path.parent)
        text = distcc.launcher_text(family, toolchain, HELPERS, 4)
        (self.support / "distcc" / "distcc").write_text(text)
        for name in {toolchain.c_compiler, toolchain.cxx_compiler, "cc"}:
            self.program(name, COMPILER.format(version="14.0.6" if family == "clang" else "12"))
        self.run(*distcc.prepare(family, toolchain, PurePosixPath(self.support)))
        self.distcc('echo "distcc $*"')

    def program(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def distcc(self, script):
        """What distcc does."""
        self.program("distcc", f"#!/bin/sh\n{script}\n")

    def run(self, *words):
        done = subprocess.run(words, env={"PATH": str(self.bin)}, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def __call__(self, *words):
        return self.run(str(self.path), *words)


@pytest.fixture
def launcher(tmp_path):
    return Launcher(tmp_path)


def test_a_compile_goes_to_helpers_under_the_name_that_says_target_and_version(launcher):
    assert launcher("g++", "-g", "-c", "a b.cpp", "-o", "a.o") == (
        0,
        "distcc aarch64-linux-gnu-g++-12 -g -c a b.cpp -o a.o\n",
        "",
    )
    assert launcher("/w/support/masquerade/gcc", "-c", "a.c")[1] == "distcc aarch64-linux-gnu-gcc-12 -c a.c\n"


def test_clang_has_its_target_as_an_option(tmp_path):
    launcher = Launcher(tmp_path, compiler="clang")
    assert launcher("clang++", "-c", "a.cpp")[1] == "distcc clang++-14 --target=aarch64-linux-gnu -c a.cpp\n"


def test_distcc_is_told_where_to_compile_and_where_not(launcher):
    launcher.distcc('for name in HOSTS DIR FALLBACK NO_REWRITE_CROSS; do eval "echo \\$DISTCC_$name"; done')
    assert launcher("g++", "-c", "a.cpp")[1].splitlines() == [
        "--localslots_cpp=4 192.168.1.10/8,lzo big.example:3700/4,lzo",
        f"{launcher.path.parent}/state",
        "0",
        "1",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("g++", "a.o", "-o", "app"),
        ("g++", "-E", "a.cpp"),
        ("g++", "--version"),
        ("g++", "-c", "conftest.cpp"),
        ("g++", "-o", "CMakeFiles/cmTC_1.dir/x.o", "-c", "x.cpp"),
        ("g++", "-g", "-gsplit-dwarf", "-c", "a.cpp"),
        ("cc", "-c", "a.c"),
    ],
)
def test_links_trials_and_other_compilers_stay_on_the_board(launcher, words):
    assert launcher(*words) == (0, f"{' '.join(words)}\n", "")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "distcc[7] ERROR: nonblocking connect to 192.168.1.10:3632 failed: Connection refused\n"
            "distcc[7] (dcc_build_somewhere) ERROR: failed to distribute and fallbacks are disabled",
            "nonblocking connect to 192.168.1.10:3632 failed: Connection refused",
        ),
        (
            "distcc[7] (dcc_build_somewhere) ERROR: failed to distribute and fallbacks are disabled",
            "no helper answered within the last minute",
        ),
        (
            "distcc[7] (dcc_readx) ERROR: unexpected eof on fd5\n"
            "distcc[7] (dcc_r_result_header) ERROR: server provided no answer. Is the server configured to allow",
            "a helper does not let us in, or has no aarch64-linux-gnu-g++-12",
        ),
        (
            "distcc does not send this command\ndistcc[7] ERROR: compile (null) on localhost failed",
            "distcc does not send this command",
        ),
        ("a.cpp:1:10: fatal error: a.h: No such file or directory", "distcc ended with exit status 107"),
    ],
)
def test_what_no_helper_compiles_the_compiler_does_and_says_why(launcher, said, reason):
    launcher.distcc(f'echo "{said}" >&2; exit 107')
    assert launcher("g++", "-c", "a.cpp") == (0, "g++ -c a.cpp\n", f"compiled here, not on a helper: {reason}\n")


def test_a_source_that_does_not_compile_is_judged_by_the_boards_own_compiler_alone(launcher):
    launcher.distcc('echo "a.cpp:1:1: error: no" >&2; exit 1')
    launcher.program("g++", '#!/bin/sh\necho "a.cpp:1:1: error: no" >&2\nexit 1\n')
    assert launcher("g++", "-c", "a.cpp") == (
        1,
        "",
        "compiled here, not on a helper: distcc ended with exit status 1\na.cpp:1:1: error: no\n",
    )


def test_warnings_of_a_helpers_compiler_are_shown(launcher):
    launcher.distcc("echo 'a.cpp:1:1: warning: 100% odd' >&2")
    assert launcher("g++", "-c", "a.cpp") == (0, "", "a.cpp:1:1: warning: 100% odd\n")


def test_what_distcc_takes_for_the_compiler_preprocesses_and_never_compiles(launcher):
    launcher.distcc('exec "$@"')
    assert launcher("g++", "-c", "a.cpp")[2] == "compiled here, not on a helper: distcc does not send this command\n"
    launcher.distcc('shift; exec aarch64-linux-gnu-g++-12 -E "$@"')
    assert launcher("g++", "-c", "a.cpp") == (0, "g++ -E -c a.cpp\n", "")
    launcher.distcc('shift; exec aarch64-linux-gnu-gcc-12 -E "$@"')
    assert launcher("gcc", "-c", "a.c") == (0, "gcc -E -c a.c\n", "")


@pytest.mark.parametrize(
    ("helper", "address"),
    [
        ("192.168.1.10/8", "192.168.1.10:3632"),
        ("big.example:3700/4", "big.example:3700"),
        ("[fd00::10]/2", "[fd00::10]:3632"),
        ("[fd00::10]:3700/2", "[fd00::10]:3700"),
    ],
)
def test_a_helper_without_a_port_has_that_of_distccd(helper, address):
    assert distcc.address(helper) == address


def test_jobs_of_helpers_come_on_top_of_the_boards_own():
    board = Board(name="pc", architecture="amd64", cores=8, memory=1, os="debian-12", distcc=HELPERS)
    assert example.helped(board=board).default_jobs() == 20


def test_what_a_machine_gets_installed_has_distcc_where_a_variant_needs_it():
    recipe = example.helped()
    assert "distcc" not in package_table(example.config())
    matrix = replace(recipe.project.matrix, distcc=(Selector(),))
    settings = example.config(matrix=matrix)
    settings = replace(settings, boards=recipe.config.boards, workers={"pc-1": Worker(name="pc-1", board="pc")})
    assert " distcc " in package_table(settings).splitlines()[0]
