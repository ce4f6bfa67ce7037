"""What was measured, so that advice can say by how much: memory of linkers and compilers for one large program.

Apache Mesos 1.1.0 on x86-64 with debug information: linking `mesos-execute` (a 1.2 GB archive behind it) and gcc's
worst sources. Ratios hold roughly for other programs, the figures as such do not; every text says what they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LINK = "For mesos-execute 1.1.0"
COMPILE = "For the largest sources of Mesos 1.1.0"


@dataclass(frozen=True)
class LinkCost:
    """What one linker with some options took, in MB."""

    anonymous: int
    """What must be in RAM or swap."""
    virtual: int
    """What must be in the address space."""
    resident: int
    """With file pages, which a small machine reads again and again."""


@dataclass(frozen=True)
class LinkerCosts:
    """What one linker took with different options; None: not measured."""

    plain: LinkCost
    stripped: LinkCost
    """Without the debug information (`-S`)."""
    sparing: LinkCost | None = None
    """With the linker's memory options of the table of tools."""
    sparing_stripped: LinkCost | None = None
    """With both."""
    against_shared: LinkCost | None = None
    """Against a shared libmesos."""


LINKERS: Mapping[str, LinkerCosts] = {
    "bfd": LinkerCosts(
        plain=LinkCost(2492, 2507, 2496),
        stripped=LinkCost(1782, 1821, 1786),
        sparing_stripped=LinkCost(1664, 1704, 1668),
        against_shared=LinkCost(197, 203, 201),
    ),
    "gold": LinkerCosts(
        plain=LinkCost(1605, 3367, 3266),
        stripped=LinkCost(1114, 2579, 1796),
        sparing=LinkCost(1963, 2127, 2117),
        sparing_stripped=LinkCost(1174, 1328, 1316),
        against_shared=LinkCost(141, 731, 224),
    ),
    "lld": LinkerCosts(
        plain=LinkCost(362, 2640, 2046),
        stripped=LinkCost(342, 2357, 1383),
        against_shared=LinkCost(50, 1128, 193),
    ),
    "mold": LinkerCosts(
        plain=LinkCost(633, 2547, 2304),
        stripped=LinkCost(338, 1912, 973),
    ),
}
"""By the linker's name in the table of tools. What is not here was not measured: advice about it has no figures."""
LLD_ON_A_SMALL_MACHINE = "in 925 MB it then took 14.5 s, and with it was stopped after 120 s of reading again and again"

CLANG_FOR_GCC = 0.60
"""Peak of clang 14 for gcc 12's, median and 90th percentile of 316 sources."""
GCC_NO_DEBUG = 1451 / 1744
GCC_COLLECTING = 1405 / 1744
"""`--param ggc-min-expand=10 --param ggc-min-heapsize=32768`; takes 1.8 times as long."""
GCC_COLLECTING_NO_DEBUG = 1128 / 1744
GCC_OPTIMISED = 1460 / 1744
