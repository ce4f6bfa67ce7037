"""The commands of each generator, whole, as they will run."""

import example
import pytest

from arm_ci.plan.choices import Choices

CHOICES = Choices(jobs=4, upstream_version="1.0")


def argv(commands):
    return [command.argv for command in commands]


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ("ninja", ("ninja", "-j12", "app", "unit_tests")),
        ("make", ("make", "-j12", "app", "unit_tests")),
        ("autotools", ("make", "-j12", "all")),
    ],
)
def test_the_build_makes_the_targets_and_the_programs_of_the_tests(generator, expected):
    assert argv(example.recipe(generator=generator).build(example.PLACES, CHOICES)) == [expected]


@pytest.mark.parametrize("generator", ["ninja", "make", "autotools", "kati"])
def test_the_agent_lets_in_as_many_edges_as_are_asked_for_of_those_that_the_build_tool_offers(generator):
    *before, build = example.recipe(generator=generator).build(example.PLACES, CHOICES)
    assert build.cores == 4
    assert [command.cores for command in before] == [0] * (generator == "kati")


@pytest.mark.parametrize(("generator", "tool"), [("ninja", "ninja"), ("make", "make"), ("autotools", "make")])
def test_without_admission_the_build_tool_runs_as_many_edges_as_are_asked_for(generator, tool):
    (build,) = example.recipe(example.config(admission=False), generator=generator).build(example.PLACES, CHOICES)
    assert (build.argv[:2], build.cores) == ((tool, "-j4"), 0)


def test_targets_asked_for_replace_the_usual_ones_and_bring_only_their_tests():
    recipe = example.recipe()
    choices = Choices(jobs=1, targets=("unit_tests",))
    assert argv(recipe.build(example.PLACES, choices)) == [("ninja", "-j5", "unit_tests")]
    assert [run.test.name for run in recipe.tests(example.PLACES, choices)] == ["unit"]


def test_a_test_of_another_upstream_version_is_not_run():
    names = [test.name for test in example.recipe().chosen_tests(Choices(jobs=1, upstream_version="2.1"))]
    assert names == ["all"]


def test_a_version_that_cannot_be_told_brings_only_the_tests_of_every_version():
    recipe = example.recipe()
    assert recipe.targets(Choices(jobs=1)) == ("app",)
    assert [test.name for test in recipe.chosen_tests(Choices(jobs=1, targets=("unit_tests",)))] == ["unit"]


def test_a_release_candidate_counts_as_its_numbers():
    recipe = example.recipe()
    assert recipe.targets(Choices(jobs=1, upstream_version="1.2.0-rc1")) == ("app", "unit_tests")


def test_test_programs_run_without_colours_in_the_build_tree():
    unit, everything = example.recipe().tests(example.PLACES, CHOICES)
    assert unit.command.argv == ("/w/b/build/t/unit_tests", "--gtest_color=no")
    assert everything.command.argv == ("ctest", "--output-on-failure", "-j4")


def test_every_command_runs_in_the_c_locale():
    assert example.recipe().environment["LC_ALL"] == "C"


def test_a_linker_directory_is_made_before_configuring():
    (link,) = example.recipe(linker="mclinker").prepare(example.PLACES)
    assert link.argv == (
        "sh",
        "-c",
        'mkdir -p "$1" && ln -sfn "$(command -v ld.mcld)" "$1/ld"',
        "sh",
        "/w/b/support/linkers/ld.mcld",
    )


def test_jobs_are_the_cores_of_the_board_unless_somebody_says_otherwise():
    assert example.recipe(board="pi").default_jobs() == 4
