"""What people type for one build is read, or refused with a sentence; and a build is repeated by one command."""

import example
import pytest

from arm_ci.plan.choices import Choices, offered, parse_jobs, parse_reference, parse_targets, repeat_command


@pytest.mark.parametrize(("jobs", "expected"), [(1, 5), (4, 12), (16, 48)])
def test_the_build_tool_offers_at_least_four_edges_more_than_may_run(jobs, expected):
    assert offered(jobs) == expected


@pytest.mark.parametrize("bad", ["--upload-pack=touch x", "-b", "a b", "a;b", "a:b", "../x", "$(x)"])
def test_what_git_could_take_for_something_else_is_no_reference(bad):
    with pytest.raises(ValueError, match="is not a branch, tag or revision: letters, digits"):
        parse_reference(bad)


@pytest.mark.parametrize("good", ["", "master", "1.1.0", "release/19.x", "refs/pull/1/head", "553a16df", "v1+2"])
def test_branches_tags_and_revisions_are_references(good):
    assert parse_reference(good) == good


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
