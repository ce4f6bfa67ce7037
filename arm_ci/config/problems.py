"""A mistake in the configuration: where it is and what it says, and the exception that carries all of them.

It does not print; `arm-ci check` and the master do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file: line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake; `str()` is the line that people read."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(Exception):
    """The configuration has mistakes: all of them are in `problems`, in the order of the files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def nearest(word: str, known: Collection[str]) -> str:
    """The known word that `word` was most likely meant to be, or empty."""
    from difflib import get_close_matches  # imported late: a configuration without mistakes never needs it

    longer = [each for each in known if word and each.startswith(word)]
    found = longer[:1] or get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def suggestion(word: str, known: Iterable[str], intro: str) -> str:
    """The end of a message about an unknown word: `; did you mean ...?`, or `intro` and the words that there are."""
    words = tuple(known)
    near = nearest(word, words)
    if near:
        return f"; did you mean `{near}`?"
    return f"; {intro} {listing(words, 30)}" if words else "; there are none"


def listing(words: Iterable[str], most: int = 12) -> str:
    """Words as `a`, `b`, `c`, shortened when there are more than `most`."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) > most:
        return ", ".join(quoted[:most]) + f" and {len(quoted) - most} more"
    return ", ".join(quoted)


def count(number: int, singular: str) -> str:
    """`1 variant`, `3 variants`."""
    return f"{number} {singular}" if number == 1 else f"{number} {singular}s"


def one_line(text: str) -> str:
    """Text for a message: characters that would break a line or not be seen are replaced."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def shorten(text: str, most: int = 60) -> str:
    """Text on one line of bounded length, for a message."""
    text = one_line(text)
    return text if len(text) <= most else text[: most - 3] + "..."
