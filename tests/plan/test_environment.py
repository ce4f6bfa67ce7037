"""Which environment variables of the caller do not reach a build."""

import pytest

from arm_ci.plan.environment import is_foreign


@pytest.mark.parametrize(
    "name", ["CXXFLAGS", "MAKEFLAGS", "NINJA_STATUS", "GTEST_FILTER", "LC_MESSAGES", "LDFLAGS", "MESON_RSP_THRESHOLD"]
)
def test_variables_that_change_builds_are_foreign(name):
    assert is_foreign(name)
    assert not is_foreign("PATH")
