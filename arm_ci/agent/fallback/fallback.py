"""Fallback: how the command of an edge that does not fit is changed - program, linker, options, less debug info.

Pure: which fallback an edge gets, and when, is fallbacks.py's business. Response files are left alone.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .. import tools
from ..edges.command_line import WITH_VALUE, Asked
from ..report import plain

SCHEMA = 1
_TWO_WORDS = WITH_VALUE | frozenset(["--param", "-B", "-l", "-Xpreprocessor"])
_FOR_LINKER = "-Wl,"
# What turns debug information on or says how much of it; its form (-gz, -gdwarf-4) stays unless all of it goes.
_DEBUG_AMOUNT = re.compile(r"-g(?:[0-9]|gdb[0-9]?|line-tables-only|line-directives-only|mlt|full)?")
_DEBUG = re.compile(
    _DEBUG_AMOUNT.pattern + r"|-g(?:dwarf(?:-?[0-9])?|stabs\+?[0-9]?|split-dwarf|pubnames|gnu-pubnames)"
)
_OPTIMISATION = re.compile(r"-O.*")
_STANDARD = re.compile(r"-std=.*")
_NO_DEBUG = "-g0"
# How launchers.py writes a byte that is not UTF-8: such a word cannot be handed back.
_NOT_TEXT = re.compile(r"\\x[89a-f][0-9a-f]")

Unit = Tuple[str, ...]
"""An option with its value, or another word by itself."""


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
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FallbackError("not JSON: {}".format(error)) from None
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise FallbackError("no fallbacks: an object with a number `schema` was expected")
    if document["schema"] > SCHEMA:
        raise FallbackError("schema {} is newer than {}, which this arm_ci reads".format(document["schema"], SCHEMA))
    entries = document.get("fallbacks")
    if not isinstance(entries, list):
        raise FallbackError("fallbacks: a list was expected")
    return tuple(_fallback(each, "fallbacks[{}]".format(index)) for index, each in enumerate(entries))


def _fallback(document: Any, where: str) -> Fallback:
    if not isinstance(document, dict):
        raise FallbackError("{}: an object was expected".format(where))
    defaults = {"name": "", **Fallback._field_defaults}
    values: Dict[str, Any] = {}
    for key, value in document.items():
        if key not in defaults:
            raise FallbackError("{}.{}: is not known".format(where, key))
        if isinstance(defaults[key], tuple):
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise FallbackError("{}.{}: a list of texts was expected".format(where, key))
            values[key] = tuple(value)
        elif not isinstance(value, type(defaults[key])):
            expected = "true or false" if isinstance(defaults[key], bool) else "a text"
            raise FallbackError("{}.{}: {} was expected".format(where, key, expected))
        else:
            values[key] = value
    if not values.get("name"):
        raise FallbackError("{}.name: is missing".format(where))
    if values.get("programs") and len(values["programs"]) != 2:
        raise FallbackError("{}.programs: a C and a C++ compiler were expected".format(where))
    return Fallback(**values)


def changed(fallback: Fallback, asked: Asked) -> Optional[Tuple[str, ...]]:
    """The command with the fallback; None: it would be the same, or it cannot be changed."""
    argv = asked.argv
    name = os.path.basename(argv[0])
    if asked.kind not in fallback.kinds or not tools.is_driver(name) or any(map(_NOT_TEXT.search, argv)):
        return None
    program = fallback.programs["++" in name] if fallback.programs else argv[0]
    if os.path.basename(program) == name:
        program = argv[0]
    is_link = asked.kind == "link"
    before = _units(argv[1:])
    units = _without(before, fallback.remove)
    more: List[str] = []
    if is_link and fallback.linker_program:
        units = _without_linker(units)
        more += fallback.linker
    for word in fallback.add:
        if word.startswith(_FOR_LINKER) and not is_link:
            continue
        if is_link and _DEBUG.fullmatch(word) and not any(unit[0].startswith("-flto") for unit in units):
            continue  # it says nothing about a link of finished objects
        units, is_new = _in_place_of(units, word)
        if is_new:
            more.append(word)
    more = [word for index, word in enumerate(more) if word not in more[:index]]
    # What stands behind `--` are inputs.
    end = units.index(("--",)) if ("--",) in units else len(units)
    after = [*units[:end], *((word,) for word in more), *units[end:]]
    if program == argv[0] and sorted(after) == sorted(before):
        return None
    return (program, *(word for unit in after for word in unit))


def in_words(before: Sequence[str], after: Sequence[str]) -> str:
    """What differs between two commands: `-g0 instead of -g`, `without -Werror`."""
    programs = [os.path.basename(argv[0]) for argv in (before, after)]
    old, new = _units(before[1:]), _units(after[1:])
    gone, come = _beyond(old, new), _beyond(new, old)
    if programs[0] != programs[1]:
        gone.insert(0, programs[0])
        come.insert(0, programs[1])
    elif before[0] != after[0]:
        gone.insert(0, before[0])
        come.insert(0, after[0])
    if not come:
        return "without {}".format(" ".join(gone))
    return " ".join(come) + (" instead of {}".format(" ".join(gone)) if gone else "")


def _beyond(units: Sequence[Unit], others: Sequence[Unit]) -> List[str]:
    """What of the first the second do not have, in its order."""
    left = list(others)
    found = []
    for unit in units:
        if unit in left:
            left.remove(unit)
        else:
            found.append(" ".join(unit))
    return found


def _units(words: Sequence[str]) -> List[Unit]:
    units: List[Unit] = []
    waiting = iter(words)
    for word in waiting:
        value = next(waiting, None) if word in _TWO_WORDS else None
        units.append((word,) if value is None else (word, value))
    return units


def _spelt(unit: Unit) -> str:
    """An option in one word, as a configuration has it."""
    if unit[0] == "-Xlinker" and len(unit) > 1:
        return _FOR_LINKER + unit[1]
    return "=".join(unit) if unit[0].startswith("--") else "".join(unit)


def _without(units: Sequence[Unit], words: Sequence[str]) -> List[Unit]:
    kept = [unit for unit in units if _spelt(unit) not in words]
    for word in words:
        if word.startswith(_FOR_LINKER):
            kept = _without_parts(kept, word[len(_FOR_LINKER) :].split(","))
    return kept


def _without_parts(units: Sequence[Unit], parts: Sequence[str]) -> List[Unit]:
    """Without some words that follow each other behind a `-Wl,`."""
    found: List[Unit] = []
    for unit in units:
        if not unit[0].startswith(_FOR_LINKER):
            found.append(unit)
            continue
        words = unit[0][len(_FOR_LINKER) :].split(",")
        for start in reversed(range(len(words) - len(parts) + 1)):
            if words[start : start + len(parts)] == list(parts):
                del words[start : start + len(parts)]
        if words:
            found.append((_FOR_LINKER + ",".join(words),))
    return found


def _without_linker(units: Sequence[Unit]) -> List[Unit]:
    """Without the choice of a linker and what only one linker understands."""
    options = {
        option
        for unit in units
        if unit[0].startswith(_FOR_LINKER) or unit[0] == "-Xlinker"
        for option in _spelt(unit)[len(_FOR_LINKER) :].split(",")
        if tools.MEMORY_OPTION.fullmatch(option)
    }
    kept = [unit for unit in units if not _chooses_linker(unit)]
    return _without(kept, [_FOR_LINKER + option for option in sorted(options)])


def _chooses_linker(unit: Unit) -> bool:
    if unit[0].startswith("-B"):
        return tools.linker_of_directory("".join(unit)[len("-B") :]) is not None
    return unit[0].startswith(tools.LINKER_OPTIONS)


def _in_place_of(units: Sequence[Unit], word: str) -> Tuple[List[Unit], bool]:
    """The options without those that an added one takes the place of, and whether it changes anything.

    Of options that exclude each other compilers take the last.
    """
    family = next((each for each in (_DEBUG, _OPTIMISATION, _STANDARD) if each.fullmatch(word)), None)
    if family is None:
        return list(units), all(_spelt(unit) != word for unit in units)
    present = [unit[0] for unit in units if len(unit) == 1 and family.fullmatch(unit[0])]
    if present[-1:] == [word]:
        return list(units), False
    if family is _DEBUG:
        may_have = present or any(unit[0].startswith("@") for unit in units)
        if not may_have or present[-1:] == [_NO_DEBUG]:
            return list(units), False  # there is no debug information that could be less
        family = _DEBUG if word == _NO_DEBUG else _DEBUG_AMOUNT
    return [unit for unit in units if len(unit) > 1 or not family.fullmatch(unit[0])], True
