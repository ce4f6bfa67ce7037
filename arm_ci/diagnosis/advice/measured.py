"""What was measured, so that advice can say by how much: memory of linkers and compilers for one large program.

Apache Mesos 1.1.0 on x86-64 with debug information: linking `mesos-execute` (a 1.2 GB archive behind it) and gcc's
worst sources. Ratios hold roughly for other programs, the figures as such do not; every text says what they are of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Linker = Literal["bfd", "gold", "lld", "mold"]
Compiler = Literal["gcc", "clang"]

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


LINKS: dict[Linker, LinkCost] = {
    "bfd": LinkCost(2492, 2507, 2496),
    "gold": LinkCost(1605, 3367, 3266),
    "lld": LinkCost(362, 2640, 2046),
    "mold": LinkCost(633, 2547, 2304),
}
STRIPPED: dict[Linker, LinkCost] = {
    "bfd": LinkCost(1782, 1821, 1786),
    "gold": LinkCost(1114, 2579, 1796),
    "lld": LinkCost(342, 2357, 1383),
    "mold": LinkCost(338, 1912, 973),
}
"""The same without the debug information (`-Wl,-S`)."""
LLD_ON_A_SMALL_MACHINE = "in 925 MB it then took 14.5 s, and with it was stopped after 120 s of reading again and again"
BFD_SPARING = LinkCost(1664, 1704, 1668)
"""`-S --no-keep-memory --reduce-memory-overheads`."""
GOLD_SPARING = LinkCost(1963, 2127, 2117)
"""`--no-map-whole-files --no-mmap-output-file`."""
GOLD_SPARING_STRIPPED = LinkCost(1174, 1328, 1316)
AGAINST_SHARED: dict[Linker, LinkCost] = {
    "bfd": LinkCost(197, 203, 201),
    "gold": LinkCost(141, 731, 224),
    "lld": LinkCost(50, 1128, 193),
}
"""Against a shared libmesos; not measured for mold."""

CLANG_FOR_GCC = 0.60
"""Peak of clang 14 for gcc 12's, median and 90th percentile of 316 sources."""
GCC_NO_DEBUG = 1451 / 1744
GCC_COLLECTING = 1405 / 1744
"""`--param ggc-min-expand=10 --param ggc-min-heapsize=32768`; takes 1.8 times as long."""
GCC_COLLECTING_NO_DEBUG = 1128 / 1744
GCC_OPTIMISED = 1460 / 1744
