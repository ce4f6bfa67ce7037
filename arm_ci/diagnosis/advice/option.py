"""One setting that may be advised, and the order of several: those that suffice first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """What could be changed."""

    text: str
    """A sentence."""
    because: str
    """The figures it rests on, a sentence."""
    fits: bool | None = None
    """Whether the build would then have fitted; None: the figures do not say."""


def for_linker(*options: str) -> str:
    """Options for the linker as a compiler's driver is given them: `-Wl,-S,--no-keep-memory`."""
    return f"-Wl,{','.join(options)}"


def not_measured(linker: str) -> str:
    """What stands in place of figures for a linker of which there are none."""
    return f"How much memory {linker} takes was not measured."


def ranked(options: Iterable[Option]) -> Iterator[Option]:
    """In the given order, those that suffice first. One that does not suffice is named only where none does."""
    options = list(options)
    sufficient = [each for each in options if each.fits]
    yield from sufficient
    yield from (each for each in options if each.fits is None)
    if not sufficient:
        for each in options:
            if each.fits is False:
                yield Option(each.text, f"{each.because} It helps, but is not enough alone.", False)
