"""What kati makes of CMake's makefiles."""

import example

from arm_ci.plan.choices import Choices

CHOICES = Choices(jobs=4, upstream_version="1.0")


def argv(commands):
    return [command.argv for command in commands]


def test_kati_turns_cmake_makefiles_into_ninja():
    recipe = example.recipe(generator="kati")
    (configure,) = argv(recipe.configure(example.PLACES))
    assert configure[:3] == ("cmake", "-G", "Unix Makefiles")
    assert argv(recipe.build(example.PLACES, CHOICES)) == [
        (
            "ckati",
            "--ninja",
            "--ninja_suffix=-kati",
            "--gen_all_targets",
            "--default_pool=console",
            "-f",
            "CMakeFiles/Makefile2",
            "MAKE=make -j12",
        ),
        ("ninja", "-f", "build-kati.ninja", "-j1", "app", "unit_tests"),
    ]
