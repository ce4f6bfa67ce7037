"""The file of fallbacks: how the edges of a build may be built differently, as the master writes it for the agent.

The one definition of the format. What a fallback does to a command is command_change.py's business.
"""

from __future__ import annotations

import json
from typing import NamedTuple, Sequence, Tuple

from ..json_reader import JsonFormat
from ..report import plain

SCHEMA = 2


class FallbackError(ValueError):
    """A text that holds no fallbacks: the message says what was expected."""


class Fallback(NamedTuple):
    """One way to build edges differently."""

    name: str
    edges: Tuple[str, ...] = ()
    """Shell patterns of outputs relative to the build tree; empty: every edge."""
    kinds: Tuple[str, ...] = ("compile", "link")
    always: bool = False
    """From the first try; otherwise only when the edge does not fit alone."""
    programs: Tuple[str, ...] = ()
    """The C and the C++ compiler that take the place of the command's; empty: it stays."""
    remove: Tuple[str, ...] = ()
    """Options that are left out."""
    linker: Tuple[str, ...] = ()
    """Options by which a compiler takes another linker, and those for it; empty: it stays."""
    linker_program: str = ""
    """The program of that linker."""
    by_directory: bool = False
    """No compiler knows it by name: it is put before it as `ld` in a directory (-B)."""
    add: Tuple[str, ...] = ()
    """Options that are added; those for the linker (`-Wl,`) to links only."""


def text_of_fallbacks(fallbacks: Sequence[Fallback]) -> str:
    """The file that `agent run --fallback` is given."""
    return json.dumps({"schema": SCHEMA, "fallbacks": [plain(fallback) for fallback in fallbacks]}, indent=1) + "\n"


def fallbacks_of_text(text: str) -> Tuple[Fallback, ...]:
    """Reads what `text_of_fallbacks` wrote. Raises FallbackError."""
    found = _FORMAT.read(_Document, _FORMAT.of_text(text)).fallbacks
    for index, fallback in enumerate(found):
        if not fallback.name:
            raise FallbackError("fallbacks[{}].name: is missing".format(index))
        if fallback.programs and len(fallback.programs) != 2:
            raise FallbackError("fallbacks[{}].programs: a C and a C++ compiler were expected".format(index))
    return found


class _Document(NamedTuple):
    fallbacks: Tuple[Fallback, ...]


# Version 1 called them reliefs.
_FORMAT = JsonFormat("no fallbacks", SCHEMA, FallbackError, {_Document: {"fallbacks": "reliefs"}}, knows_all_keys=True)
