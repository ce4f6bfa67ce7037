"""The candidates for an edge: the ways in which it may be built, in the order of trial, by what is known of each."""

from __future__ import annotations

import os
import shutil
import sys
from fnmatch import fnmatchcase
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from .. import tools
from ..edges.command_line import EdgeCommand
from ..output_lines import fallback_left_out
from ..peaks import Learned, in_tree
from .command_change import changed_command, difference
from .fallbacks_file import Fallback, FallbackError, fallbacks_of_text

# An edge alone also takes what the budget keeps for file pages before memory kills it.
_BEYOND_BUDGET = 1.15
# With so little more than what was not enough it is not tried again.
_HARDLY_MORE = 1.1

History = Callable[[EdgeCommand], Optional[Learned]]
"""What earlier builds have shown of an edge built by this command; None: nothing."""


class Candidate(NamedTuple):
    """One way in which an edge may be built."""

    command: EdgeCommand
    fallback: str = ""
    """Name of the fallback and what it changes, in words; empty: as the build asks for it."""


class Fallbacks:
    """The fallbacks of a build for which this machine has the programs."""

    def __init__(self, fallbacks: Sequence[Fallback] = ()) -> None:
        self._fallbacks = fallbacks

    def candidates(self, command: EdgeCommand, history: History, root: str, room_bytes: int) -> Tuple[Candidate, ...]:
        """The candidates for an edge of the build tree at `root`, without those that are known not to fit alone.

        `room_bytes` is RAM and swap of an edge that runs alone. When all are known not to fit, it is the last of them:
        how far one was from its peak when memory killed it nobody knows.
        """
        found = [Candidate(command)]
        for fallback in sorted(self._matching(command, root), key=lambda each: not each.always):
            candidate = _changed_by(fallback, command)
            if candidate is None or any(each.command.argv == candidate.command.argv for each in found):
                continue
            if fallback.always and not found[0].fallback:
                found = []  # nobody wants it as the build asks for it
            found.append(candidate)
        fitting = [each for each in found if not _is_too_large(history(each.command), room_bytes)]
        return tuple(fitting or found[-1:])

    def only_candidate(self, command: EdgeCommand, root: str) -> Candidate:
        """For an edge of which nothing is known and which runs once: the first fallback that is always in force."""
        for fallback in self._matching(command, root):
            candidate = _changed_by(fallback, command) if fallback.always else None
            if candidate is not None:
                return candidate
        return Candidate(command)

    def _matching(self, command: EdgeCommand, root: str) -> List[Fallback]:
        if command.is_passing or not command.output:
            return []
        output = in_tree(command.output, command.directory, root)
        return [
            fallback
            for fallback in self._fallbacks
            if not fallback.edges or any(fnmatchcase(output, pattern) for pattern in fallback.edges)
        ]


def _changed_by(fallback: Fallback, command: EdgeCommand) -> Optional[Candidate]:
    argv = changed_command(fallback, command)
    if argv is None:
        return None
    return Candidate(command._replace(argv=argv), "{}: {}".format(fallback.name, difference(command.argv, argv)))


def _is_too_large(known: Optional[Learned], room_bytes: int) -> bool:
    if known is None:
        return False
    if known.does_not_fit_bytes is not None:
        return known.does_not_fit_bytes * _HARDLY_MORE >= room_bytes
    return not known.killed and known.need_bytes > room_bytes * _BEYOND_BUDGET


def read_fallbacks(path: str, place: str, say: Callable[[str], None]) -> Fallbacks:
    """The fallbacks of a file; an empty path: none. Those for which this machine lacks a program are said and left out.

    In the directory `place` linkers are put that no compiler knows by name.
    """
    if not path:
        return Fallbacks()
    try:
        with open(path, encoding="utf-8") as file:
            wanted = fallbacks_of_text(file.read())
    except (OSError, UnicodeDecodeError, FallbackError) as error:
        print("agent: no edge is built differently: {}: {}".format(path, error), file=sys.stderr)
        return Fallbacks()
    found = []
    for fallback in wanted:
        try:
            found.append(_on_this_machine(fallback, place))
        except OSError as error:
            say(fallback_left_out(fallback.name, error.args[-1]))
    return Fallbacks(found)


def _on_this_machine(fallback: Fallback, place: str) -> Fallback:
    """With the paths of its programs. Raises OSError."""
    fallback = fallback._replace(programs=tuple(map(_path_of, fallback.programs)))
    program = _path_of(fallback.linker_program) if fallback.linker_program else ""
    if not fallback.by_directory:
        return fallback
    directory = os.path.join(place, tools.LINKER_DIRECTORY, fallback.linker_program)
    os.makedirs(directory, exist_ok=True)
    link = os.path.join(directory, tools.ANY_LINKER)
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(program, link)
    return fallback._replace(linker=("-B" + directory, *fallback.linker))


def _path_of(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError("there is no {} on this machine".format(program))
    return os.path.abspath(found)
