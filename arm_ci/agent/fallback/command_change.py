"""How a fallback changes the command of an edge: program, linker, options, less debug information.

Pure: which fallback an edge gets, and when, is candidates.py's business. Response files are left alone.
"""

from __future__ import annotations

import os
import re
from typing import List, Optional, Pattern, Sequence, Tuple

from .. import tools
from ..edges.command_line import WITH_VALUE, EdgeCommand
from .fallbacks_file import Fallback

_TWO_WORDS = WITH_VALUE | frozenset(["--param", "-B", "-l", "-Xpreprocessor"])
_FOR_LINKER = "-Wl,"
# What turns debug information on or says how much of it; its form (-gz, -gdwarf-4) stays unless all of it goes.
_DEBUG_AMOUNT = re.compile(r"-g(?:[0-9]|gdb[0-9]?|line-tables-only|line-directives-only|mlt|full)?")
_DEBUG = re.compile(
    _DEBUG_AMOUNT.pattern + r"|-g(?:dwarf(?:-?[0-9])?|stabs\+?[0-9]?|split-dwarf|pubnames|gnu-pubnames)"
)
_OPTIMISATION = re.compile(r"-O.*")
_STANDARD = re.compile(r"-std=.*")
_EXCLUDE_EACH_OTHER = (_DEBUG, _OPTIMISATION, _STANDARD)
"""Options of one of these exclude each other: compilers take the last."""
_NO_DEBUG = "-g0"
# How the agent decodes a byte of a command line that is not UTF-8: such a word cannot be handed back.
_NOT_TEXT = re.compile(r"\\x[89a-f][0-9a-f]")

Unit = Tuple[str, ...]
"""An option with its value, or another word by itself."""


def changed_command(fallback: Fallback, command: EdgeCommand) -> Optional[Tuple[str, ...]]:
    """The words of a command with the fallback; None: they would be the same, or they cannot be changed."""
    argv = command.argv
    if not _can_change(fallback, command):
        return None
    is_link = command.kind == "link"
    before = _units(argv[1:])
    units = _without(before, fallback.remove)
    added: List[str] = []
    if is_link and fallback.linker_program:
        units = _without_linker(units)
        added += fallback.linker
    for word in fallback.add:
        if _says_nothing(word, is_link, units):
            continue
        units, is_new = _in_place_of(units, word)
        if is_new:
            added.append(word)
    program = _program(fallback, argv[0])
    after = _before_inputs(units, list(dict.fromkeys(added)))
    if program == argv[0] and sorted(after) == sorted(before):
        return None
    return (program, *(word for unit in after for word in unit))


def _can_change(fallback: Fallback, command: EdgeCommand) -> bool:
    is_driver = tools.is_driver(os.path.basename(command.argv[0]))
    return command.kind in fallback.kinds and is_driver and not any(map(_NOT_TEXT.search, command.argv))


def _program(fallback: Fallback, program: str) -> str:
    """The compiler that takes the place of a command's; its own where it is the same."""
    name = os.path.basename(program)
    other = fallback.programs["++" in name] if fallback.programs else program
    return program if os.path.basename(other) == name else other


def _says_nothing(word: str, is_link: bool, units: Sequence[Unit]) -> bool:
    """Whether an added option says nothing about this command: one for the linker about a compile, debug information
    about a link of finished objects."""
    if not is_link:
        return word.startswith(_FOR_LINKER)
    return _DEBUG.fullmatch(word) is not None and not any(unit[0].startswith("-flto") for unit in units)


def _before_inputs(units: Sequence[Unit], added: Sequence[str]) -> List[Unit]:
    """The options with the added ones; what stands behind `--` are inputs."""
    end = units.index(("--",)) if ("--",) in units else len(units)
    return [*units[:end], *((word,) for word in added), *units[end:]]


def difference(before: Sequence[str], after: Sequence[str]) -> str:
    """What differs between two commands, in words: `-g0 instead of -g`, `without -Werror`."""
    programs = [os.path.basename(argv[0]) for argv in (before, after)]
    old, new = _units(before[1:]), _units(after[1:])
    removed, added = _only_in(old, new), _only_in(new, old)
    if programs[0] != programs[1]:
        removed.insert(0, programs[0])
        added.insert(0, programs[1])
    elif before[0] != after[0]:
        removed.insert(0, before[0])
        added.insert(0, after[0])
    if not added:
        return "without {}".format(" ".join(removed))
    return " ".join(added) + (" instead of {}".format(" ".join(removed)) if removed else "")


def _only_in(units: Sequence[Unit], other_units: Sequence[Unit]) -> List[str]:
    """What of the first the second do not have, in the order of the first."""
    unmatched = list(other_units)
    found = []
    for unit in units:
        if unit in unmatched:
            unmatched.remove(unit)
        else:
            found.append(" ".join(unit))
    return found


def _units(words: Sequence[str]) -> List[Unit]:
    units: List[Unit] = []
    rest = iter(words)
    for word in rest:
        value = next(rest, None) if word in _TWO_WORDS else None
        units.append((word,) if value is None else (word, value))
    return units


def _spelt(unit: Unit) -> str:
    """An option in one word, as a configuration has it."""
    if unit[0] == "-Xlinker" and len(unit) > 1:
        return _FOR_LINKER + unit[1]
    return "=".join(unit) if unit[0].startswith("--") else "".join(unit)


def _without(units: Sequence[Unit], words: Sequence[str]) -> List[Unit]:
    remaining = [unit for unit in units if _spelt(unit) not in words]
    for word in words:
        if word.startswith(_FOR_LINKER):
            remaining = _without_parts(remaining, word[len(_FOR_LINKER) :].split(","))
    return remaining


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
    remaining = [unit for unit in units if not _chooses_linker(unit)]
    return _without(remaining, [_FOR_LINKER + option for option in sorted(options)])


def _chooses_linker(unit: Unit) -> bool:
    if unit[0].startswith("-B"):
        return tools.linker_of_directory("".join(unit)[len("-B") :]) is not None
    return unit[0].startswith(tools.LINKER_OPTIONS)


def _in_place_of(units: Sequence[Unit], word: str) -> Tuple[List[Unit], bool]:
    """The options without those that an added one takes the place of, and whether it changes anything."""
    family = next((each for each in _EXCLUDE_EACH_OTHER if each.fullmatch(word)), None)
    if family is None:
        return list(units), word not in map(_spelt, units)
    present = [unit[0] for unit in units if _is_of(family, unit)]
    # Where there is no debug information it cannot be less.
    if present[-1:] == [word] or (family is _DEBUG and not _may_have_debug(units, present)):
        return list(units), False
    return [unit for unit in units if not _is_of(_replaced(family, word), unit)], True


def _replaced(family: Pattern[str], word: str) -> Pattern[str]:
    """What an option takes the place of: `-g1` leaves the form of debug information, `-g0` nothing of it."""
    return _DEBUG_AMOUNT if family is _DEBUG and word != _NO_DEBUG else family


def _is_of(family: Pattern[str], unit: Unit) -> bool:
    return len(unit) == 1 and family.fullmatch(unit[0]) is not None


def _may_have_debug(units: Sequence[Unit], debug_options: Sequence[str]) -> bool:
    """Whether a command makes debug information, as far as can be seen: a response file may turn it on."""
    if debug_options:
        return debug_options[-1] != _NO_DEBUG
    return any(unit[0].startswith("@") for unit in units)
