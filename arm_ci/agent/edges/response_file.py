"""The words of a response file (`@FILE`), as gcc and clang read and write them (buildargv(3))."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Optional, Tuple


def split(text: str) -> List[str]:
    """The words of a response file of this text; a backslash protects, in quotes too."""
    words: List[str] = []
    word: Optional[str] = None
    for letter, parts_words in _letters(text):
        if not parts_words:
            word = (word or "") + letter
        elif word is not None:
            words.append(word)
            word = None
    return words if word is None else [*words, word]


def _letters(text: str) -> Iterator[Tuple[str, bool]]:
    """The letters of words, and whether one parts words; where quotes begin there is an empty letter."""
    quote = ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            protected = next(letters, "")
            if protected:
                yield protected, False
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
            yield "", False
        else:
            yield letter, not quote and letter.isspace()


def join(words: Iterable[str]) -> str:
    """A response file of these words."""
    return "".join(re.sub(r"([\s'\"\\])", r"\\\1", word) + "\n" if word else "''\n" for word in words)
