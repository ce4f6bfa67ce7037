"""The commands of each generator, whole, as they will run."""

import example
import pytest

from arm_ci.plan.recipe import (
    Choices,
    Places,
    is_foreign,
    offered,
    parse_jobs,
    parse_reference,
    parse_targets,
    repeat_command,
)

CHOICES = Choices(jobs=4, upstream_version="1.0")


def argv(commands):
    return [command.argv for command in commands]


def test_cmake_gets_compiler_linker_and_debug_info_where_they_win_over_the_project():
    (command,) = example.recipe(compiler="clang", linker="lld", debug_info="none").configure(example.PLACES)
    assert command.argv == (
        "cmake",
        "-G",
        "Ninja",
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_C_COMPILER=clang",
        "-DCMAKE_CXX_COMPILER=clang++",
        "-DCMAKE_C_FLAGS_DEBUG=-g0",
        "-DCMAKE_CXX_FLAGS_DEBUG=-g0",
        "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld",
        "-DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=lld",
        "-DCMAKE_MODULE_LINKER_FLAGS=-fuse-ld=lld",
        "-DA=1",
        "/w/b/source",
    )
    assert str(command.directory) == "/w/b/build"


def test_a_release_build_keeps_the_optimisation_that_cmake_gives_it():
    recipe = example.recipe(example.config(build_type="Release"))
    assert "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -g" in recipe.configure(example.PLACES)[0].argv


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


LAUNCHER = "/w/b/support/distcc/distcc"


def test_cmake_puts_distcc_before_the_compilers_of_the_project_and_of_those_that_it_configures_while_it_builds():
    recipe = example.helped()
    settings = (f"CMAKE_C_COMPILER_LAUNCHER={LAUNCHER}", f"CMAKE_CXX_COMPILER_LAUNCHER={LAUNCHER}")
    (configure,) = argv(recipe.configure(example.PLACES))
    assert configure[4:8] == ("-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", *(f"-D{each}" for each in settings))
    assert argv(recipe.build(example.PLACES, CHOICES)) == [("env", *settings, "ninja", "-j12", "app", "unit_tests")]


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


@pytest.mark.parametrize(("jobs", "expected"), [(1, 5), (4, 12), (16, 48)])
def test_the_build_tool_offers_at_least_four_edges_more_than_may_run(jobs, expected):
    assert offered(jobs) == expected


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


def test_a_linker_directory_with_a_space_stays_one_word_of_a_flag():
    argv = example.recipe(linker="mclinker").configure(Places.below("/a b"))[0].argv
    assert "-DCMAKE_EXE_LINKER_FLAGS='-B/a b/support/linkers/ld.mcld'" in argv


@pytest.mark.parametrize("bad", ["--upload-pack=touch x", "-b", "a b", "a;b", "a:b", "../x", "$(x)"])
def test_what_git_could_take_for_something_else_is_no_reference(bad):
    with pytest.raises(ValueError, match="is not a branch, tag or revision: letters, digits"):
        parse_reference(bad)


@pytest.mark.parametrize("good", ["", "master", "1.1.0", "release/19.x", "refs/pull/1/head", "553a16df", "v1+2"])
def test_branches_tags_and_revisions_are_references(good):
    assert parse_reference(good) == good


@pytest.mark.parametrize("name", ["CXXFLAGS", "MAKEFLAGS", "NINJA_STATUS", "GTEST_FILTER", "LC_MESSAGES", "LDFLAGS"])
def test_variables_that_change_builds_are_foreign(name):
    assert is_foreign(name)
    assert not is_foreign("PATH")


@pytest.mark.parametrize("bad", ["-C", "--version", "A=B", "$(reboot)", "a;b"])
def test_what_is_not_a_target_is_refused(bad):
    with pytest.raises(ValueError, match="is not a target: letters, digits"):
        parse_targets(f"all {bad}")


@pytest.mark.parametrize(("text", "jobs"), [("0", 0), (" 8 ", 8), ("1000", 1000)])
def test_jobs_are_a_number_of_edges(text, jobs):
    assert parse_jobs(text) == jobs


@pytest.mark.parametrize("bad", ["", "-1", "1001", "4.5", "many", "٣", "1" * 100])
def test_what_is_no_number_of_edges_is_refused(bad):
    with pytest.raises(ValueError) as raised:
        parse_jobs(bad)
    assert str(raised.value) == f"`{bad[:40]}` is not a number of edges at once: 0 to 1000 was expected"


def test_the_repeat_command_names_what_was_chosen():
    variant = example.recipe().variant
    assert (
        repeat_command(variant, Choices(2, ("a", "b")))
        == "arm-ci build --variant demo-pc-gcc-bfd-ninja-full --source DIR --jobs 2 --targets 'a b'"
    )
