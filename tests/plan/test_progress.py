"""How far a build is."""

import pytest

from arm_ci.plan.progress import Progress, runs_again, waiting


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


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("arm_ci: a: b.o: memory killed it when it held 300 MB; it runs again alone", "a: b.o"),
        (
            "arm_ci: b.o: it was ended to make room for file pages when it held 30 MB; it runs again alone",
            "b.o",
        ),
        (
            "arm_ci: a.o: memory killed it when it held 300 MB though it ran alone; it runs again, built differently",
            "a.o",
        ),
        ("arm_ci: a.o: memory killed it though it ran alone; the build ends here", ""),
        ("echo arm_ci: a.o: memory killed it; it runs again alone", ""),
    ],
)
def test_the_agent_tells_which_edge_runs_again(line, output):
    assert runs_again(line) == output


def test_the_agent_tells_how_many_edges_wait():
    assert waiting("arm_ci: 2 of 4 edges run and are expected to need 512 of 800 MB; 6 wait") == 6
    assert waiting("arm_ci: a.o: stopped for a while, the machine pages too much") is None


def test_what_the_agent_says_is_no_progress():
    assert Progress.of_line("arm_ci: [3/4] x: memory killed it when it held 1 MB; it runs again alone") is None
