"""How a configure script is told about a variant."""

import example

from arm_ci.plan.choices import Choices

CHOICES = Choices(jobs=4, upstream_version="1.0")
LAUNCHER = "/w/b/support/distcc/distcc"


def argv(commands):
    return [command.argv for command in commands]


def test_autotools_puts_the_linker_beside_the_compiler_because_libtool_drops_it_elsewhere():
    recipe = example.recipe(generator="autotools", linker="lld", compiler="clang")
    assert argv(recipe.prepare(example.PLACES)) == [("./bootstrap",)]
    assert argv(recipe.configure(example.PLACES)) == [
        (
            "/w/b/source/configure",
            "CC=clang -Qunused-arguments -fuse-ld=lld",
            "CXX=clang++ -Qunused-arguments -fuse-ld=lld",
            "CFLAGS=-O0 -g",
            "CXXFLAGS=-O0 -g",
            "--disable-java",
        )
    ]


def test_a_cross_autotools_build_names_its_host():
    recipe = example.recipe(generator="autotools", compiler="gcc-for-pi")
    assert "--host=aarch64-linux-gnu" in recipe.configure(example.PLACES)[0].argv


def test_autotools_gets_distcc_before_the_compiler_in_its_name():
    recipe = example.helped(generator="autotools")
    assert recipe.configure(example.PLACES)[0].argv[1:3] == (
        f"CC={LAUNCHER} gcc -fuse-ld=bfd",
        f"CXX={LAUNCHER} g++ -fuse-ld=bfd",
    )
    assert argv(recipe.build(example.PLACES, CHOICES)) == [("make", "-j12", "all")]


def test_helpers_get_a_script_and_the_compilers_names_are_made_before_the_projects_own_preparation():
    recipe = example.helped(generator="autotools")
    (file,) = recipe.files(example.PLACES)
    assert (str(file.path), "192.168.1.10/8,lzo" in file.text) == (LAUNCHER, True)
    names, own = argv(recipe.prepare(example.PLACES))
    assert names[-2:] == ("/w/b/support/distcc", "gcc")
    assert own == ("./bootstrap",)
