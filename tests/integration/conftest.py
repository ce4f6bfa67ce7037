"""What the tests of several files share."""

from __future__ import annotations

from collections.abc import Iterator

import provoking
import pytest
import scarcity
from running import Site


@pytest.fixture(scope="session")
def site_for_provocations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One master for all builds that are made to fail; each has a worker of its own."""
    scarcity.need_root()
    site = provoking.make_site(tmp_path_factory.mktemp("site"))
    yield site
    site.arm_ci("stop")
