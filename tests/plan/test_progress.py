"""How far a build is."""

import pytest

from arm_ci.plan.progress import Progress


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("[12/463] Building CXX object a.o", "12/463"),
        ("[ 42%] Building CXX object a.o", "42%"),
        ("[100%] Built target a", "100%"),
        ("[==========] Running 3 tests", "None"),
        ("see [1/2]", "None"),
    ],
)
def test_ninja_and_cmake_tell_how_far_they_are(line, progress):
    assert str(Progress.of_line(line)) == progress


def test_a_sub_build_does_not_turn_progress_back():
    position = Progress(61, 165, "edges")
    assert not Progress(6, 11, "edges").follows(position)
    assert Progress(62, 165, "edges").follows(position)
    assert not position.follows(position)


def test_what_the_agent_says_is_no_progress():
    assert Progress.of_line("arm_ci: [3/4] x: memory killed it when it held 1 MB; it runs again alone") is None
