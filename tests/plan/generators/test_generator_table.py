"""The table of generators and the configuration name the same ones, and each wants the programs that it runs."""

from dataclasses import fields
from typing import get_args

import example
import pytest

from arm_ci.config import keys
from arm_ci.config.project import Project
from arm_ci.plan.choices import Choices
from arm_ci.plan.generators import GENERATORS, SUITES

CHOICES = Choices(jobs=4)
PROGRAMS = {
    "ninja": {"cmake": "cmake", "ninja": "ninja-build"},
    "make": {"cmake": "cmake", "make": "make"},
    "kati": {"cmake": "cmake", "make": "make", "ckati": "ckati", "ninja": "ninja-build"},
    "autotools": {"make": "make"},
    "meson": {"meson": "meson", "ninja": "ninja-build"},
}


def test_the_generators_of_the_configuration_are_those_of_the_table():
    assert get_args(keys.Generator) == tuple(GENERATORS)


def test_each_generator_has_a_section_of_the_project():
    sections = {field.name for field in fields(Project)}
    assert set(keys.BUILD_SYSTEMS) == set(GENERATORS)
    assert set(keys.BUILD_SYSTEMS.values()) <= sections


def test_the_kinds_of_tests_are_gtest_and_what_build_systems_run():
    assert set(get_args(keys.TestKind)) == {"gtest", *SUITES}


def test_each_generator_wants_these_programs():
    assert {name: dict(generator.programs) for name, generator in GENERATORS.items()} == PROGRAMS


@pytest.mark.parametrize("name", GENERATORS)
def test_each_command_of_a_generator_is_a_program_that_it_wants(name):
    recipe = example.recipe(generator=name)
    commands = (*recipe.configure(example.PLACES), *recipe.build(example.PLACES, CHOICES))
    programs = {command.argv[0] for command in commands} - {"/w/b/source/configure"}
    assert programs <= set(PROGRAMS[name])
