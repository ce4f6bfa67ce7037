"""Versions and version ranges: how two compare and whether one is inside a range.

Versions are digits with dots; nothing here knows about release candidates or distribution suffixes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import cache

VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}", re.ASCII)
_COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([0-9][0-9.]*)\s*", re.ASCII)
_OPERATORS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@cache
def version_key(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: `1.4` and `1.4.0` are equal. Raises ValueError."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"`{version}` is not a version")
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


@cache
def comparisons(text: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """A range as (operator, version) pairs; empty text gives none. Raises ValueError."""
    if not text.strip():
        return ()
    pairs = []
    for part in text.split(","):
        match = _COMPARISON.fullmatch(part)
        if not match:
            raise ValueError(f"`{part.strip()}` is not a comparison")
        pairs.append((match[1], version_key(match[2])))
    return tuple(pairs)


def in_range(version: str, text: str) -> bool:
    """Whether a full version satisfies every comparison of a range. Raises ValueError."""
    return _satisfies(version_key(version), text)


def may_be_in_range(version: str, text: str) -> bool:
    """Whether some release of a version that may be cut short satisfies the range.

    `12` stands for every 12.x, so it may be in `>=12.1`; `11` may not. Raises ValueError.
    """
    written = tuple(int(part) for part in version.split(".")) if VERSION.fullmatch(version) else version_key(version)
    if len(written) > 2:
        return in_range(version, text)
    highest = (*written, 10**9)
    for sign, bound in comparisons(text):
        if sign == "==":
            if (*bound, 0, 0)[: len(written)] != written:
                return False
        elif not (_OPERATORS[sign](version_key(version), bound) or _OPERATORS[sign](highest, bound)):
            return False
    return True


def satisfiable(*ranges: str) -> bool:
    """Whether some version is inside all the ranges at once. Raises ValueError."""
    bounds = {bound for text in ranges for _, bound in comparisons(text)}
    candidates = {(0,), *bounds, *((*bound, *(0,) * 8, 1) for bound in bounds)}
    return any(all(_satisfies(candidate, text) for text in ranges) for candidate in candidates)


def _satisfies(key: tuple[int, ...], text: str) -> bool:
    return all(_OPERATORS[sign](key, bound) for sign, bound in comparisons(text))
