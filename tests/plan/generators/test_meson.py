"""How Meson is told about a variant, and what its test runner's output says; with the real Meson, too."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import example
import pytest

from arm_ci.config import project
from arm_ci.plan import Places
from arm_ci.plan.choices import Choices
from arm_ci.plan.generators.meson import MesonParser
from arm_ci.plan.requirements import wanted_programs

CHOICES = Choices(jobs=4)
SECTION = project.BuildSystem(options=("-Dwerror=true",), tests=(project.Test(name="all", kind="meson"),))
LAUNCHER = "/w/b/support/distcc/distcc"


def recipe(**axes):
    return example.recipe(example.config(meson=SECTION), generator="meson", **axes)


def argv(commands):
    return [command.argv for command in commands]


def machine(made):
    (file,) = made.files(example.PLACES)
    assert str(file.path) == "/w/b/support/meson.ini"
    return file.text


def test_meson_gets_the_compiler_and_every_flag_in_a_file():
    assert argv(recipe().configure(example.PLACES)) == [
        (
            "meson",
            "setup",
            "--buildtype=plain",
            "--native-file=/w/b/support/meson.ini",
            "-Dwerror=true",
            ".",
            "/w/b/source",
        )
    ]
    assert machine(recipe(compiler="clang", linker="lld", debug_info="split")) == (
        "# Written by arm_ci.\n"
        "[binaries]\n"
        "c = ['clang']\n"
        "cpp = ['clang++']\n"
        "[built-in options]\n"
        "c_args = ['-g', '-gsplit-dwarf']\n"
        "cpp_args = ['-g', '-gsplit-dwarf']\n"
        "c_link_args = ['-fuse-ld=lld']\n"
        "cpp_link_args = ['-fuse-ld=lld']\n"
    )


def test_a_release_build_is_optimised_as_cmake_would_have_it():
    made = example.recipe(example.config(meson=SECTION, build_type="Release"), generator="meson")
    assert "cpp_args = ['-O3', '-DNDEBUG', '-g']\n" in machine(made)


def test_a_cross_build_gets_a_cross_file_that_names_its_machine():
    made = recipe(compiler="gcc-for-pi")
    assert "--cross-file=/w/b/support/meson.ini" in made.configure(example.PLACES)[0].argv
    text = machine(made)
    assert (
        "cpp = ['aarch64-linux-gnu-g++']\nar = ['aarch64-linux-gnu-ar']\nstrip = ['aarch64-linux-gnu-strip']\n" in text
    )
    assert text.endswith(
        "[host_machine]\nsystem = 'linux'\ncpu_family = 'aarch64'\ncpu = 'cortex-a53'\nendian = 'little'\n"
    )


def test_distcc_stands_before_the_compiler():
    settings = example.config(meson=SECTION)
    pc = replace(example.BOARDS["pc"], distcc=("192.168.1.10/8",))
    made = example.recipe(replace(settings, boards={"pc": pc}), generator="meson", distcc=True)
    assert f"cpp = ['{LAUNCHER}', 'g++']\n" in made.files(example.PLACES)[0].text


def test_quotes_and_spaces_of_a_directory_stay_in_their_word():
    (file,) = recipe(linker="mclinker").files(Places.below("/it's here"))
    assert "cpp_link_args = ['-B/it\\'s here/support/linkers/ld.mcld']\n" in file.text


def test_ninja_builds_and_meson_runs_the_tests():
    assert argv(recipe().build(example.PLACES, CHOICES)) == [("ninja", "-j12", "all")]
    (run,) = recipe().tests(example.PLACES, CHOICES)
    assert run.command.argv == ("meson", "test", "--no-rebuild", "--print-errorlogs", "--num-processes=4")
    assert run.parser is MesonParser


def test_it_wants_meson_and_ninja():
    assert wanted_programs(recipe()) == {"git": "git", "meson": "meson", "ninja": "ninja-build"}


PROJECT = """\
project('ends', 'c')
ends = {'good': 'exit 0', 'bad': 'exit 1', 'skipped': 'exit 77', 'killed': 'kill -KILL $$', 'error': 'exit 99'}
foreach name, script : ends
  test(name, find_program('sh'), args: ['-c', script])
endforeach
test('slow', find_program('sh'), args: ['-c', 'exec sleep 60'], timeout: 1)
test('fails as it should', find_program('sh'), args: ['-c', 'exit 1'], should_fail: true)
test('passes as it should not', find_program('sh'), args: ['-c', 'exit 0'], should_fail: true, suite: 'odd')
"""


@pytest.mark.real
def test_every_end_of_a_test_that_meson_knows_is_read(tmp_path: Path):
    (tmp_path / "meson.build").write_text(PROJECT)
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run(["meson", "setup", "build"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    command = ["meson", "test", "--no-rebuild", "--print-errorlogs"]
    done = subprocess.run(command, cwd=tmp_path / "build", env=environment, capture_output=True, text=True)
    parser = MesonParser()
    for line in done.stdout.splitlines():
        parser.feed(line)
    results = parser.finish()
    assert {result.name: result.outcome for result in results} == {
        "ends / good": "passed",
        "ends / bad": "failed",
        "ends / skipped": "skipped",
        "ends / killed": "failed",
        "ends / error": "failed",
        "ends / slow": "failed",
        "ends / fails as it should": "passed",
        "ends:odd / passes as it should not": "failed",
    }, done.stdout
    assert len(results) == 8


@pytest.mark.real
def test_meson_takes_the_file_and_calls_the_compiler_by_its_name(tmp_path: Path):
    places = Places.below(str(tmp_path / "a b"))
    source, build = Path(places.source), Path(places.build)
    source.mkdir(parents=True)
    build.mkdir()
    Path(places.support).mkdir()
    (source / "meson.build").write_text("project('x', 'c', 'cpp')\nexecutable('x', 'x.cpp')\n")
    (source / "x.cpp").write_text("int main() {}\n")
    made = example.recipe(example.config(meson=project.BuildSystem(), build_type="Release"), generator="meson")
    for file in made.files(places):
        Path(file.path).write_text(file.text)
    for command in made.configure(places):
        subprocess.run(command.argv, cwd=command.directory, check=True, capture_output=True)
    (compile_command,) = json.loads((build / "compile_commands.json").read_text())
    words = compile_command["command"].split()
    # By its name, so that ninja finds in PATH what the agent puts before it.
    assert words[0] == "g++"
    assert {"-O3", "-DNDEBUG", "-g"} <= set(words)
    assert "-fuse-ld=bfd" in (build / "build.ninja").read_text()
