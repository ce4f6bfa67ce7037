"""Helpers that compile for a board: real distcc, and distccd as documented, in two network namespaces."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from two_hosts import HELPER, Distccd, board_and_helper, need_two_hosts

from arm_ci.agent.machine.probe import architecture
from arm_ci.plan.environment import is_foreign

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
AARCH64 = 183  # EM_AARCH64 of elf(5)
BOARDS = f"""\
pc:
  architecture: host
  cores: 2
  memory: host
  os: host
  distcc: [{HELPER}/4]
arm64:
  architecture: arm64
  cores: 4
  memory: 925M
  os: debian-12
  cpu: cortex-a53
"""
TOOLCHAINS = """\
compilers:
  gcc: {family: gcc}
  clang: {family: clang}
  gcc-for-arm64: {family: gcc, target: arm64, architectures: [amd64]}
linkers:
  bfd: {program: ld.bfd, selection: fuse-ld, compilers: {gcc: '', clang: ''}, packages: [binutils]}
"""
PROJECTS = f"""\
sample:
  directory: {ROOT / "samples" / "hungry"}
  branches: [main]
  cmake:
    options: [-DHUNGRY_SOURCES=4, -DHUNGRY_COMPILE_MB=100, -DHUNGRY_LINK_MB=30]
    tests:
      - {{name: hungry, kind: ctest}}
  matrix:
    boards: [pc]
    compilers: [gcc, clang]
    linkers: [bfd]
    generators: [ninja, make]
    include:
      - {{board: pc, compiler: gcc-for-arm64, linker: bfd, generator: ninja, debug_info: full}}
    distcc:
      - {{board: pc}}
plain:
  directory: plain
  branches: [main]
  autotools: {{}}
  matrix: {{boards: [pc], compilers: [gcc], linkers: [bfd], generators: [autotools], distcc: [{{}}]}}
"""
# What autoconf makes, in short: it tries the compiler out, and writes down how it was called.
CONFIGURE = """\
#!/bin/sh
for setting; do export "$setting"; done
echo 'int main(void) { return 0; }' >conftest.c
$CC $CFLAGS -c conftest.c && $CC $CFLAGS -o conftest conftest.o && ./conftest || exit 1
{
    printf 'all: hello\\nhello: hello.o\\n\\t%s -o hello hello.o\\n' "$CC"
    printf 'hello.o: %s/hello.c\\n\\t%s %s -c -o hello.o %s/hello.c\\n' "${0%/*}" "$CC" "$CFLAGS" "${0%/*}"
} >Makefile
"""


@pytest.fixture(scope="module")
def hosts():
    need_two_hosts()
    with board_and_helper() as found:
        yield found


@pytest.fixture
def distccd(hosts, tmp_path):
    directory = tmp_path / "helper"
    directory.mkdir()
    started = Distccd(hosts[1], directory)
    yield started
    started.stop()


class Build:
    """A build of a variant on the board, and what came of it."""

    def __init__(self, board, directory, variant):
        source = directory / "source"
        if variant.startswith("plain"):
            shutil.copytree(directory / "config" / "plain", source)
        else:
            shutil.copytree(ROOT / "samples" / "hungry", source)
        words = (sys.executable, "-m", "arm_ci", "build", "--site", directory / "config", "--variant", variant)
        environment = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        self.process = subprocess.Popen(
            board.command(*words, "--source", source, "--directory", directory / "out"),
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.out = directory / "out"

    def end(self):
        self.printed, _ = self.process.communicate()
        assert self.process.returncode == 0, self.printed
        report = json.loads((self.out / "support" / "report-build.json").read_text())
        self.edges = report["edges"]
        return self

    @property
    def lines(self):
        return self.printed.splitlines()

    def programs(self, kind):
        return {Path(edge["output"]).name: edge["program"] for edge in self.edges if edge["kind"] == kind}


@pytest.fixture
def build(hosts, tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    (config / "site.yaml").write_text(f"patches: {ROOT / 'patches'}\n")
    (config / "boards.yaml").write_text(BOARDS)
    (config / "toolchains.yaml").write_text(TOOLCHAINS)
    (config / "projects.yaml").write_text(PROJECTS)
    (config / "workers.yaml").write_text("pc-1: {board: pc, local: true}\n")
    plain = config / "plain"
    plain.mkdir()
    (plain / "hello.c").write_text("int main(void) { return 0; }\n")
    (plain / "configure").write_text(CONFIGURE)
    (plain / "configure").chmod(0o755)
    return lambda variant: Build(hosts[0], tmp_path, variant)


def test_helpers_compile_everything_and_the_board_links_and_tests(build, distccd):
    done = build("sample-pc-gcc-bfd-ninja-full").end()
    compiles = done.programs("compile")
    assert set(compiles.values()) == {"distcc"}
    # The external sub-project too, which CMake configures in the middle of the build.
    assert {"feed_0.cpp.o", "main.cpp.o", "ledger.c.o"} <= set(compiles)
    assert f"{len(compiles)} compiled by helpers, 0 here" in done.lines
    assert sorted(Path(line.split()[1]).name + ".o" for line in distccd.compiled) == sorted(compiles)
    machine, version = (
        subprocess.run(["g++", option], capture_output=True, text=True, check=True).stdout.strip()
        for option in ("-dumpmachine", "-dumpversion")
    )
    major = version.split(".")[0]
    assert {line.split()[0] for line in distccd.compiled} == {f"{machine}-{name}-{major}" for name in ("g++", "gcc")}
    assert distccd.user == "distccd"
    assert done.programs("link") == {"hungry": "g++"}
    assert "hungry: 6 passed" in done.lines


def test_clang_is_told_for_which_machine_it_compiles(build, distccd):
    done = build("sample-pc-clang-bfd-make-full").end()
    assert set(done.programs("compile").values()) == {"distcc"}
    assert {re.sub("[0-9]+$", "", line.split()[0]) for line in distccd.compiled} == {"clang++-", "clang-"}
    assert done.programs("link") == {"hungry": "clang++"}
    assert "hungry: 6 passed" in done.lines


def test_autotools_compiles_on_helpers_and_tries_compilers_out_here(build, distccd):
    done = build("plain-pc-gcc-bfd-autotools-full").end()
    assert [line.split()[1] for line in distccd.compiled] == [str(done.out.parent / "source" / "hello.c")]
    assert done.programs("compile") == {"hello.o": "distcc"}
    assert done.programs("link") == {"hello": "gcc"}


def test_without_a_helper_everything_is_compiled_here_and_that_is_said(build, hosts):
    done = build("sample-pc-gcc-bfd-ninja-full").end()
    assert (
        f"note: helper {HELPER}:3632 does not answer this machine (Connection refused): "
        "what it would compile is compiled on this machine"
    ) in done.lines
    compiles = [edge for edge in done.edges if edge["kind"] == "compile" and edge["program"] != "distcc"]
    assert f"0 compiled by helpers, {len(compiles)} here" in done.lines
    said = [line.partition("compiled here, not on a helper: ")[2] for line in done.lines]
    assert set(said) - {""} == {
        f"nonblocking connect to {HELPER}:3632 failed: Connection refused",
        "no helper answered within the last minute",
    }
    assert len(list(filter(None, said))) == len(compiles)
    assert "hungry: 6 passed" in done.lines


def test_a_helper_that_goes_away_in_the_middle_is_done_without(build, distccd):
    begun = build("sample-pc-gcc-bfd-ninja-full")
    distccd.wait_for_a_compile()
    distccd.stop()
    done = begun.end()
    (line,) = [line for line in done.lines if "compiled by helpers" in line]
    helped, here = map(int, re.fullmatch(r"(\d+) compiled by helpers, (\d+) here", line).groups())
    assert helped > 0 and here > 0
    assert helped + here == len(done.programs("compile"))
    assert "hungry: 6 passed" in done.lines


@pytest.mark.skipif(architecture() != "amd64", reason="this machine has no use for a cross compiler from amd64")
def test_a_helper_of_another_architecture_compiles_for_the_boards(build, distccd):
    if shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("there is no cross compiler here: apt-get install g++-aarch64-linux-gnu")
    done = build("sample-pc-gcc-for-arm64-bfd-ninja-full").end()
    assert {re.sub("[0-9]+$", "", line.split()[0]) for line in distccd.compiled} == {
        "aarch64-linux-gnu-g++-",
        "aarch64-linux-gnu-gcc-",
    }
    assert set(done.programs("compile").values()) == {"distcc"}
    (made,) = (done.out / "build").rglob("main.cpp.o")
    header = made.read_bytes()[:20]
    assert (header[:4], int.from_bytes(header[18:20], "little")) == (b"\x7fELF", AARCH64)
