"""The reliefs of a build: which ways an edge may be built in, in the order of trial, by what is known of each."""

from __future__ import annotations

import os
import shutil
import sys
from fnmatch import fnmatchcase
from typing import Callable, List, NamedTuple, Sequence, Tuple

from .commands import Asked
from .expectation import Expectation
from .peaks import in_tree
from .relief import Relief, ReliefError, changed, in_words, reliefs_of_text

# An edge alone also takes what the budget keeps for file pages before memory kills it.
_BEYOND_BUDGET = 1.15
# With so little more than what was not enough it is not tried again.
_HARDLY_MORE = 1.1


class Way(NamedTuple):
    """One way to build an edge."""

    asked: Asked
    relief: str = ""
    """Name and words; empty: as the build asks for it."""


class Reliefs:
    """Those that this machine has the programs for."""

    def __init__(self, reliefs: Sequence[Relief] = ()) -> None:
        self._reliefs = reliefs

    def ways(self, asked: Asked, expectation: Expectation, root: str, room_bytes: int) -> Tuple[Way, ...]:
        """The ways for an edge of the build tree at `root`, without those that are known not to fit alone.

        `room_bytes` is RAM and swap of an edge that runs alone. When all are known not to fit, it is the last of them:
        how far one was from its peak when memory killed it nobody knows.
        """
        ways = [Way(asked)]
        for relief in sorted(self._of(asked, root), key=lambda each: not each.always):
            argv = changed(relief, asked)
            if argv is None or any(way.asked.argv == argv for way in ways):
                continue
            if relief.always and not ways[0].relief:
                ways = []  # nobody wants it as the build asks for it
            words = "{}: {}".format(relief.name, in_words(asked.argv, argv))
            ways.append(Way(asked._replace(argv=argv), words))
        fitting = [way for way in ways if not _exceeds(way, expectation, room_bytes)]
        return tuple(fitting or ways[-1:])

    def always(self, asked: Asked, root: str) -> Way:
        """The way for an edge of which nothing is known, and which runs once."""
        for relief in self._of(asked, root):
            argv = changed(relief, asked) if relief.always else None
            if argv is not None:
                return Way(asked._replace(argv=argv), "{}: {}".format(relief.name, in_words(asked.argv, argv)))
        return Way(asked)

    def _of(self, asked: Asked, root: str) -> List[Relief]:
        if asked.is_passing or not asked.output:
            return []
        output = in_tree(asked.output, asked.directory, root)
        return [
            relief
            for relief in self._reliefs
            if not relief.edges or any(fnmatchcase(output, pattern) for pattern in relief.edges)
        ]


def _exceeds(way: Way, expectation: Expectation, room_bytes: int) -> bool:
    known = expectation.history(way.asked)
    if known is None:
        return False
    if known.does_not_fit_bytes is not None:
        return known.does_not_fit_bytes * _HARDLY_MORE >= room_bytes
    return not known.killed and known.need_bytes > room_bytes * _BEYOND_BUDGET


def read(path: str, place: str, say: Callable[[str], None]) -> Reliefs:
    """The reliefs of a file; an empty path: none. Those for which this machine lacks a program are said and left out.

    `place` is the directory for linkers that no compiler knows by name.
    """
    if not path:
        return Reliefs()
    try:
        with open(path, encoding="utf-8") as file:
            wanted = reliefs_of_text(file.read())
    except (OSError, UnicodeDecodeError, ReliefError) as error:
        print("agent: no edge is built differently: {}: {}".format(path, error), file=sys.stderr)
        return Reliefs()
    found = []
    for relief in wanted:
        try:
            found.append(_on_this_machine(relief, place))
        except OSError as error:
            say("relief `{}` is left out: {}".format(relief.name, error.args[-1]))
    return Reliefs(found)


def _on_this_machine(relief: Relief, place: str) -> Relief:
    """With the paths of its programs. Raises OSError."""
    relief = relief._replace(programs=tuple(map(_program, relief.programs)))
    program = _program(relief.linker_program) if relief.linker_program else ""
    if not relief.by_directory:
        return relief
    directory = os.path.join(place, relief.linker_program)
    os.makedirs(directory, exist_ok=True)
    link = os.path.join(directory, "ld")
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(program, link)
    return relief._replace(linker=("-B" + directory, *relief.linker))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError("there is no {} on this machine".format(name))
    return os.path.abspath(found)
