"""The table of generators: what drives a build. Each is a class in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping

from arm_ci.config.keys import Generator as Name
from arm_ci.config.keys import TestKind
from arm_ci.plan.generators.autotools import Autotools
from arm_ci.plan.generators.generator import Generator, Setup, TestSuite
from arm_ci.plan.generators.kati import Kati
from arm_ci.plan.generators.make import Make
from arm_ci.plan.generators.meson import Meson
from arm_ci.plan.generators.ninja import Ninja

__all__ = ["GENERATORS", "SUITES", "Generator", "Setup", "TestSuite"]

GENERATORS: Mapping[Name, Generator] = {
    each.name: each
    for each in (
        Ninja(),
        Make(),
        Autotools(),
        Kati(),
        Meson(),
    )
}
SUITES: Mapping[TestKind, TestSuite] = {
    each.suite.kind: each.suite for each in GENERATORS.values() if each.suite is not None
}
"""How tests run that a build system knows of, by the kind that the configuration calls them."""
