"""Figures read alike wherever they stand."""

import pytest

from arm_ci.diagnosis.figures import count, duration, exact_size, round_up, size, usable

MB = 1 << 20


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (12 * 1024, "12 KB"),
        (925 * MB, "925 MB"),
        (1024 * MB - 1, "1.0 GB"),
        (12 * 1024 * MB, "12.0 GB"),
    ],
)
def test_sizes_are_in_binary_units(number, words):
    assert size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3599.7, "1 h"),
        (36120, "10 h 2 min"),
    ],
)
def test_times_are_in_the_units_that_people_use(seconds, words):
    assert duration(seconds) == words


def test_one_is_not_many():
    assert (count(1, "edge"), count(0, "edge"), count(4, "edge")) == ("1 edge", "0 edges", "4 edges")


@pytest.mark.parametrize(("wanted", "chosen"), [(1, 128), (129, 256), (1025, 1536), (9000, 12288), (12289, 16384)])
def test_what_is_advised_is_rounded_up_to_a_size_that_people_choose(wanted, chosen):
    assert round_up(wanted * MB) == chosen * MB


@pytest.mark.parametrize("value", [None, -1, float("nan"), float("inf"), 10**400])
def test_what_is_no_figure_is_none(value):
    assert usable(value) is None


def test_a_request_is_told_to_the_last_byte():
    assert [exact_size(size_bytes) for size_bytes in (0, 1, 1_073_749_752)] == [
        "0 bytes",
        "1 byte",
        "1,073,749,752 bytes",
    ]
