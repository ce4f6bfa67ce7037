"""Sentences and advice for a person at a terminal, in lines that fit; what comes from outside is made harmless."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from arm_ci.diagnosis.page.shown_text import harmless
from arm_ci.diagnosis.verdict import Advice

_WIDTH = 110


def wrapped(text: str, before: str = "") -> list[str]:
    """The text in lines, the first after `before`, the others as far to the right."""
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_long_words=False,
        break_on_hyphens=False,
    )


def one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would act on."""
    return harmless(" ".join(text.split()))


def advice_lines(advice: Iterable[Advice]) -> list[str]:
    """Advice under its heading, each with its figures; nothing where there is none."""
    lines: list[str] = []
    for number, each in enumerate(advice, 1):
        lines += [*wrapped(each.text, f"  {number}. "), *wrapped(each.because, "     ")]
    return ["what to change, best first", *lines] if lines else []
