"""What an edge is expected to take before it has run: by history, by similar edges, by its inputs, or by default."""

from __future__ import annotations

import math
import os
from typing import Dict, List, NamedTuple, Optional, Tuple

from .. import tools
from ..edges.command_line import REMOTE, EdgeCommand
from ..peaks import Learned, Peaks, fingerprint, in_tree, rest_seconds
from ..units import MEBIBYTE

# Where nothing is known. The median C++ source of Mesos takes 445 MB with gcc and -g, 270 with clang (FACTS); most C
# sources take some dozen.
_CXX_BYTES = 512 * MEBIBYTE
_C_BYTES = 64 * MEBIBYTE
_OTHER_BYTES = 32 * MEBIBYTE
# Of a compile on another machine, the preprocessor here: 184 MB for the largest source of Mesos, 4 MB for small ones.
_REMOTE_BYTES = 128 * MEBIBYTE
_LINK_BYTES = 64 * MEBIBYTE
_TELLING_BYTES = 4 * MEBIBYTE
"""A link or archive of smaller inputs says nothing about larger ones."""
HISTORY_MARGIN = 1.02
"""By which more is expected than was learned: a build differs a little from the one before it."""
# The part of the similar edges that an edge is not expected to exceed. One that does so is killed and runs again where
# there is no swap, and is paged for a moment where there is.
_SIMILAR_PART = 0.75
_SIMILAR_PART_WITH_SWAP = 0.5
_SIMILAR_MARGIN = 1.1
_FEW_SIMILAR_MARGIN = 0.3


class Expected(NamedTuple):
    """What is expected of an edge."""

    need_bytes: int
    """Peak of anonymous memory and swap."""
    by: str
    """`history`, `similar`, `inputs`, `default`."""
    seconds: Optional[float] = None
    rest_seconds: Optional[float] = None
    """How long what must come after its start takes at least, itself included."""


class Expectation:
    """Knows earlier builds of the variant and what this one has shown so far."""

    def __init__(self, peaks: Peaks, root: str) -> None:
        """`root`: the build tree."""
        self._root = root
        self.has_swap = False
        self._known: Dict[Tuple[str, str], Learned] = {edge.key: edge for edge in peaks.edges}
        self._rest = rest_seconds(peaks.edges)
        self._similar: Dict[Tuple[str, ...], List[float]] = {}
        self._seconds: Dict[Tuple[str, ...], List[float]] = {}
        self.version = 0
        """Grows with what it learns: what was expected before may be known better now."""
        for edge in peaks.edges:
            self._add_similar(edge)

    def __len__(self) -> int:
        return len(self._known)

    def history(self, command: EdgeCommand) -> Optional[Learned]:
        """What is known of this very edge."""
        return self._known.get((self._place(command), fingerprint(command.argv, command.kind)))

    def of(self, command: EdgeCommand) -> Expected:
        """What is expected of an edge."""
        known = self.history(command)
        if known is not None:
            need = int(known.need_bytes * HISTORY_MARGIN)
            return Expected(need, "history", known.seconds, self._rest.get(known.key, known.seconds))
        return self._by_similar(command) or self._by_inputs(command)

    def learn(self, learned: Learned) -> None:
        """An edge of this build has ended."""
        self._known[learned.key] = learned
        self._rest.setdefault(learned.key, learned.seconds)
        self._add_similar(learned)
        self.version += 1

    def _place(self, command: EdgeCommand) -> str:
        return in_tree(command.output, command.directory, self._root)

    def _add_similar(self, edge: Learned) -> None:
        need: float = edge.need_bytes
        if edge.kind != "compile":
            if not edge.inputs_bytes or edge.inputs_bytes < _TELLING_BYTES:
                return
            need = max(0, edge.need_bytes - _LINK_BYTES) / edge.inputs_bytes
        for key in _families(edge.kind, edge.fingerprint, edge.output):
            self._similar.setdefault(key, []).append(need)
            self._seconds.setdefault(key, []).append(edge.seconds)

    def _by_similar(self, command: EdgeCommand) -> Optional[Expected]:
        part = _SIMILAR_PART_WITH_SWAP if self.has_swap else _SIMILAR_PART
        for key in _families(command.kind, fingerprint(command.argv, command.kind), self._place(command)):
            found = self._similar.get(key)
            if not found:
                continue
            ordered = sorted(found)
            need = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * part) - 1)]
            need *= _SIMILAR_MARGIN + _FEW_SIMILAR_MARGIN / len(ordered)
            times = sorted(self._seconds[key])
            seconds = times[len(times) // 2]
            if command.kind == "compile":
                return Expected(int(need), "similar", seconds)
            if command.inputs_bytes:
                return Expected(int(need * command.inputs_bytes) + _LINK_BYTES, "similar", seconds)
        return None

    def _by_inputs(self, command: EdgeCommand) -> Expected:
        if os.path.basename(command.argv[0]) == REMOTE:
            return Expected(_REMOTE_BYTES, "default")
        if command.kind == "compile":
            return Expected(_C_BYTES if _is_c(command) else _CXX_BYTES, "default")
        if command.kind in ("link", "archive") and command.inputs_bytes:
            return Expected(int(command.inputs_bytes * _factor(command)) + _LINK_BYTES, "inputs")
        return Expected(_OTHER_BYTES, "default")


def _families(kind: str, its_fingerprint: str, output: str) -> List[Tuple[str, ...]]:
    """What makes edges similar, the nearest first: of the same directory, then of the whole tree."""
    return [(kind, its_fingerprint, os.path.dirname(output)), (kind, its_fingerprint)]


def _factor(command: EdgeCommand) -> float:
    """Memory for each byte of what an archive or a link is made of."""
    if command.kind == "archive":
        return tools.ARCHIVE_MEMORY_FACTOR
    return tools.linker_here(command.argv, command.directory).memory_factor


def _is_c(command: EdgeCommand) -> bool:
    """Whether a compile is one of C or assembler."""
    name = os.path.basename(command.argv[0])
    if "++" in name:
        return False
    return not any(word.endswith((".cc", ".cpp", ".cxx", ".C", ".c++", ".cp", ".ii")) for word in command.argv)
