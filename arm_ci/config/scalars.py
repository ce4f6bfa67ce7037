"""Scalars that mean something - `925M`, `20m`, `>=1.0.0, <1.5.0` - from text to value, and what is expected of each.

Reading the YAML around them is reader.py's business.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from arm_ci.config.versions import VERSION, comparisons, satisfiable

HOST = -1
"""Stands for `host` until boards are resolved; no size or count is negative."""

LARGEST_BYTES = 1024**5
LONGEST_SECONDS = 3650 * 86400
LONGEST_NAME = 50
"""Buildbot keeps a worker's name in 50 characters; the same bound keeps builder names and directories short."""

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,49}"
BYTES_PATTERN = r"[1-9][0-9]{0,14}[KMGT]|0"
SECONDS_PATTERN = r"[1-9][0-9]{0,9}[smhd]"
TIME_OF_DAY_PATTERN = r"([01][0-9]|2[0-3]):[0-5][0-9]"
VERSION_PATTERN = r"([0-9]+(\.[0-9]+)*)?"
HELPER_PATTERN = r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?/[1-9][0-9]{0,2}"
RANGE_PATTERN = r"\s*((>=|<=|==|!=|>|<)\s*[0-9][0-9.]*\s*(,\s*(>=|<=|==|!=|>|<)\s*[0-9][0-9.]*\s*)*)?"

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

EXPECTED = {
    "bytes": "a size such as `925M`, `12G` or `0`",
    "bytes-or-host": "a size such as `925M`, `12G` or `0`, or `host`",
    "count": "a whole number from 1 on",
    "count-or-host": "a whole number from 1 on, or `host`",
    "seconds": "a duration such as `90s`, `20m`, `3h` or `1d`",
    "seconds-or-never": "a duration such as `90s`, `20m`, `3h` or `1d`, or `never`",
    "time-of-day": "a time of day such as `02:00` or `23:30`",
    "version": "a version such as `12` or `3.9.0`",
    "version-range": "comparisons such as `>=1.0.0, <1.5.0`",
    "port": "a port from 1 to 65535",
    "helper": "a helper such as `192.168.1.10/8` or `helper.example:3632/8`",
    "pattern": "a regular expression with exactly one group",
    "patch-set": "the name of a directory with patches, or `none`",
    "name": f"a name of letters, digits, `.`, `_`, `+`, `-`, at most {LONGEST_NAME}, the first a letter or digit",
}
NUMBERS = frozenset({"count", "count-or-host", "port"})
"""Scalars that YAML writes as a number."""


def parse_bytes(text: str) -> int:
    """Bytes from `925M`; raises ValueError with more than "no size" to say, if there is more."""
    if not re.fullmatch(BYTES_PATTERN, text, re.ASCII):
        if re.fullmatch(r"[1-9][0-9]*", text, re.ASCII):
            raise ValueError("it has no unit")
        raise ValueError
    size = 0 if text == "0" else int(text[:-1]) * _UNITS[text[-1]]
    if size > LARGEST_BYTES:
        raise ValueError("it is more than 1024T")
    return size


def parse_seconds(text: str) -> int:
    """Seconds from `20m`; raises ValueError."""
    if not re.fullmatch(SECONDS_PATTERN, text, re.ASCII):
        if re.fullmatch(r"[1-9][0-9]*", text, re.ASCII):
            raise ValueError("it has no unit")
        raise ValueError
    seconds = int(text[:-1]) * _SECONDS[text[-1]]
    if seconds > LONGEST_SECONDS:
        raise ValueError("it is more than 3650d")
    return seconds


def parse_time_of_day(text: str) -> str:
    """`HH:MM` as written; raises ValueError."""
    if not re.fullmatch(TIME_OF_DAY_PATTERN, text, re.ASCII):
        raise ValueError
    return text


def parse_count(text: str) -> int:
    """A whole number from 1 to 9,999; raises ValueError."""
    if not re.fullmatch(r"[1-9][0-9]*", text, re.ASCII):
        raise ValueError
    if len(text) > 4:
        raise ValueError("it is more than 9999")
    return int(text)


def parse_port(text: str) -> int:
    """A TCP port; raises ValueError."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > 65535:
        raise ValueError
    return int(text)


def parse_helper(text: str) -> str:
    """`HOST[:PORT]/JOBS` as written; raises ValueError."""
    match = re.fullmatch(HELPER_PATTERN, text, re.ASCII)
    if match is None:
        raise ValueError("" if "/" in text else "it does not say how many jobs it may get")
    if match[3]:
        parse_port(match[3][1:])
    return text


def parse_version(text: str) -> str:
    """The version as written, empty for none; raises ValueError."""
    if text and not VERSION.fullmatch(text):
        raise ValueError
    return text


def parse_version_range(text: str) -> str:
    """The range as written; raises ValueError, also when no version can satisfy it."""
    try:
        comparisons(text)
    except ValueError as error:
        raise ValueError(str(error)) from None
    if not satisfiable(text):
        raise ValueError("no version is in it")
    return text


def parse_pattern(text: str) -> str:
    """The regular expression as written; raises ValueError unless it compiles and has one group."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            groups = re.compile(text).groups
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"it does not compile: {error}") from None
    if groups != 1:
        raise ValueError(f"it has {groups}" if groups else "it has none")
    return text


def parse_name(text: str) -> str:
    """The name as written; raises ValueError."""
    if not re.fullmatch(NAME_PATTERN, text, re.ASCII):
        raise ValueError
    return text


def _or_host(parse: Callable[[str], int]) -> Callable[[str], int]:
    return lambda text: HOST if text == "host" else parse(text)


PARSERS: dict[str, Callable[[str], int | str]] = {
    "bytes": parse_bytes,
    "bytes-or-host": _or_host(parse_bytes),
    "count": parse_count,
    "count-or-host": _or_host(parse_count),
    "seconds": parse_seconds,
    "seconds-or-never": lambda text: 0 if text == "never" else parse_seconds(text),
    "time-of-day": parse_time_of_day,
    "version": parse_version,
    "version-range": parse_version_range,
    "port": parse_port,
    "helper": parse_helper,
    "pattern": parse_pattern,
    "name": parse_name,
    "patch-set": parse_name,
}
