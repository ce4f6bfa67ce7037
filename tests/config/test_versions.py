"""Versions and ranges."""

import pytest

from arm_ci.config.versions import in_range, may_be_in_range, satisfiable, version_key


def test_trailing_zeros_do_not_count() -> None:
    assert version_key("1.4") == version_key("1.4.0")
    assert version_key("1.10") > version_key("1.9.9")


@pytest.mark.parametrize(
    ("version", "text", "inside"),
    [
        ("1.1.0", "", True),
        ("1.1.0", "<1.2.0", True),
        ("1.2.0", "<1.2.0", False),
        ("1.2.0", ">= 1.2 , != 1.3", True),
        ("1.3.0", ">=1.2, !=1.3", False),
        ("12", "==12.0.0", True),
    ],
)
def test_a_version_is_inside_a_range_when_every_comparison_holds(version: str, text: str, inside: bool) -> None:
    assert in_range(version, text) is inside


@pytest.mark.parametrize(
    ("version", "text", "possible"),
    [
        ("12", ">=12.1", True),
        ("11", ">=12.1", False),
        ("12", "<12.1", True),
        ("12", "==12.2", True),
        ("12", "==13", False),
        ("3.9.0", ">=3.9.1", False),
        ("8", ">=9", False),
    ],
)
def test_a_major_version_stands_for_all_its_releases(version: str, text: str, possible: bool) -> None:
    assert may_be_in_range(version, text) is possible


@pytest.mark.parametrize(
    ("ranges", "possible"),
    [
        (("<1.2.0", ">=1.2.0"), False),
        (("<1.2.0", ">=1.1.9"), True),
        ((">1", "<=1"), False),
        (("", "<2"), True),
        (("==1.5", "!=1.5.0"), False),
    ],
)
def test_ranges_overlap_when_some_version_is_in_all(ranges: tuple[str, ...], possible: bool) -> None:
    assert satisfiable(*ranges) is possible


@pytest.mark.parametrize("text", ["new", ">1", "1..2", "", "1.x"])
def test_what_is_no_version_raises(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        version_key(text)


@pytest.mark.parametrize("text", ["9", ">=", "~1", ">=1;<2", ">=1,"])
def test_what_is_no_range_raises(text: str) -> None:
    with pytest.raises(ValueError, match="is not a comparison"):
        in_range("1", text)
