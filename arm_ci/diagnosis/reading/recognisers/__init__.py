"""The words of tools: each recogniser knows one message and says what it means."""

from __future__ import annotations

from arm_ci.agent.edges.command_line import COMPILED_HERE
from arm_ci.diagnosis.reading.clean_text import is_quoted_source, tools_own
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers import (
    allocation,
    build_tools,
    compilers,
    configuring,
    disk,
    linkers,
    networks,
    patch_tools,
    process_ends,
    services,
    test_tools,
)
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser
from arm_ci.diagnosis.reading.translations import english

# The first that knows a line wins: the special before the general.
RECOGNISERS: tuple[Recogniser, ...] = (
    *build_tools.RECOGNISERS,
    *process_ends.RECOGNISERS,
    *disk.RECOGNISERS,
    *allocation.RECOGNISERS,
    *services.RECOGNISERS,
    *patch_tools.RECOGNISERS,
    *networks.RECOGNISERS,
    *test_tools.RECOGNISERS,
    *configuring.RECOGNISERS,
    *linkers.RECOGNISERS,
    *compilers.RECOGNISERS,
)

_LONGEST_WORD = 80
"""A longer line without a space is no message."""


def recognise(line: str) -> Finding | None:
    """What a line of a log says, or None. The line is readable text; the finding has no line number yet."""
    if is_quoted_source(line) or (len(line) > _LONGEST_WORD and " " not in line):
        return None
    text = tools_own(line)
    if text.startswith(COMPILED_HERE):
        return None  # whatever the reason is, the compile went on
    found = _first(text)
    if found is None and not text.isascii():
        found = _first(english(text))
    return found


def _first(text: str) -> Finding | None:
    lowered = text.lower()
    for needs, pattern, meaning in RECOGNISERS:
        for need in needs:
            if need in lowered:
                match = pattern.search(text)
                if match is not None:
                    found = meaning(match)
                    if found is not None:
                        return found
                break
    return None
