"""Advice where a patch could not be applied: what the engine's own words point to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from arm_ci.diagnosis.verdict import Advice

_STRIP = re.compile(r"with (strip level [0-9]+) (?:the file exists|the files exist): .*")
_ALREADY = re.compile(r"stands in this revision already")


def forced_patch_advice(problems: Sequence[str]) -> tuple[Advice, ...]:
    """For whoever gave the patch with a build; `problems` are the engine's, the most telling one first."""
    if not problems:
        return ()
    first = problems[0]
    if _ALREADY.search(first):
        return (Advice("Build the revision without the patch: it has the change.", _sentence(first)),)
    other_strip = _STRIP.search(first)
    if other_strip is not None:
        return (Advice(f"Give the patch with {other_strip[1]}.", _sentence(other_strip[0])),)
    text = "Rebase the patch onto the revision that is built, and give it again."
    return (Advice(text, _sentence(f"The first place where it does not fit is {first}")),)


def patch_set_advice(name: str, reason: str) -> tuple[Advice, ...]:
    """For whoever keeps the patch set."""
    text = f"Change `{name}` so that it fits this version of upstream, or say in series.yaml which versions need it."
    return (Advice(text, _sentence(f"The place where it does not fit is {reason}")),)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
