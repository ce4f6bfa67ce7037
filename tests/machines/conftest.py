"""What several tests with virtual machines share."""

from __future__ import annotations

import pytest
import virtual_machine


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> virtual_machine.GuestKernel:
    """The kernel that they run."""
    if why := virtual_machine.missing():
        pytest.skip(why)
    return virtual_machine.GuestKernel.fetch(tmp_path_factory.mktemp("kernel"))
