"""The fallbacks of a build: which ways an edge may be built in, in the order of trial, by what is known of each."""

from __future__ import annotations

import os
import shutil
import sys
from fnmatch import fnmatchcase
from typing import Callable, List, NamedTuple, Sequence, Tuple

from .. import tools
from ..admission.expectation import Expectation
from ..edges.command_line import Asked
from ..peaks import in_tree
from .fallback import Fallback, FallbackError, changed, fallbacks_of_text, in_words

# An edge alone also takes what the budget keeps for file pages before memory kills it.
_BEYOND_BUDGET = 1.15
# With so little more than what was not enough it is not tried again.
_HARDLY_MORE = 1.1


class Way(NamedTuple):
    """One way to build an edge."""

    asked: Asked
    fallback: str = ""
    """Name and words; empty: as the build asks for it."""


class Fallbacks:
    """Those that this machine has the programs for."""

    def __init__(self, fallbacks: Sequence[Fallback] = ()) -> None:
        self._fallbacks = fallbacks

    def ways(self, asked: Asked, expectation: Expectation, root: str, room_bytes: int) -> Tuple[Way, ...]:
        """The ways for an edge of the build tree at `root`, without those that are known not to fit alone.

        `room_bytes` is RAM and swap of an edge that runs alone. When all are known not to fit, it is the last of them:
        how far one was from its peak when memory killed it nobody knows.
        """
        ways = [Way(asked)]
        for fallback in sorted(self._of(asked, root), key=lambda each: not each.always):
            argv = changed(fallback, asked)
            if argv is None or any(way.asked.argv == argv for way in ways):
                continue
            if fallback.always and not ways[0].fallback:
                ways = []  # nobody wants it as the build asks for it
            words = "{}: {}".format(fallback.name, in_words(asked.argv, argv))
            ways.append(Way(asked._replace(argv=argv), words))
        fitting = [way for way in ways if not _exceeds(way, expectation, room_bytes)]
        return tuple(fitting or ways[-1:])

    def always(self, asked: Asked, root: str) -> Way:
        """The way for an edge of which nothing is known, and which runs once."""
        for fallback in self._of(asked, root):
            argv = changed(fallback, asked) if fallback.always else None
            if argv is not None:
                return Way(asked._replace(argv=argv), "{}: {}".format(fallback.name, in_words(asked.argv, argv)))
        return Way(asked)

    def _of(self, asked: Asked, root: str) -> List[Fallback]:
        if asked.is_passing or not asked.output:
            return []
        output = in_tree(asked.output, asked.directory, root)
        return [
            fallback
            for fallback in self._fallbacks
            if not fallback.edges or any(fnmatchcase(output, pattern) for pattern in fallback.edges)
        ]


def _exceeds(way: Way, expectation: Expectation, room_bytes: int) -> bool:
    known = expectation.history(way.asked)
    if known is None:
        return False
    if known.does_not_fit_bytes is not None:
        return known.does_not_fit_bytes * _HARDLY_MORE >= room_bytes
    return not known.killed and known.need_bytes > room_bytes * _BEYOND_BUDGET


def read(path: str, place: str, say: Callable[[str], None]) -> Fallbacks:
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
            say("fallback `{}` is left out: {}".format(fallback.name, error.args[-1]))
    return Fallbacks(found)


def _on_this_machine(fallback: Fallback, place: str) -> Fallback:
    """With the paths of its programs. Raises OSError."""
    fallback = fallback._replace(programs=tuple(map(_program, fallback.programs)))
    program = _program(fallback.linker_program) if fallback.linker_program else ""
    if not fallback.by_directory:
        return fallback
    directory = os.path.join(place, tools.LINKER_DIRECTORY, fallback.linker_program)
    os.makedirs(directory, exist_ok=True)
    link = os.path.join(directory, tools.ANY_LINKER)
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(program, link)
    return fallback._replace(linker=("-B" + directory, *fallback.linker))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError("there is no {} on this machine".format(name))
    return os.path.abspath(found)
