"""The command line of a link, taken apart and put together again with another linker, other options, another output.

Reads response files; runs nothing and writes nothing.
"""

from __future__ import annotations

import os
import re
from typing import Iterable, List, NamedTuple, Sequence, Tuple

from .. import tools
from .response_file import split

_INPUT = re.compile(r"\.(?:o|lo|obj|a|so(?:\.[0-9]+)*)$")
_STRIPS = frozenset([tools.STRIP, "-s", "--strip-debug", "--strip-all"])
# What the linker writes beside its output.
_SIDE_OUTPUT = re.compile(r"(--?Map|--dependency-file|--out-implib)(?:=(.*))?")
_DEEPEST = 8


class LinkError(Exception):
    """The link cannot be repeated; the message is a sentence that says why."""


class Word(NamedTuple):
    """A word of the command line, and who it is for."""

    text: str
    for_linker: bool = False
    """It came by `-Wl,` or `-Xlinker`; otherwise it is the compiler driver's."""


class Link(NamedTuple):
    """A link, its output left out."""

    driver: str
    """The compiler that starts the linker, as it was called."""
    words: Tuple[Word, ...]
    directory: str
    name: str
    """File name of the output."""
    used_response_file: bool

    def texts(self, for_linker: bool) -> List[str]:
        """The words for one of the two."""
        return [word.text for word in self.words if word.for_linker == for_linker]

    @property
    def strips(self) -> bool:
        """Whether it leaves debug information out as it is."""
        return any(word.text in _STRIPS and (word.for_linker or word.text == "-s") for word in self.words)

    @property
    def memory_options(self) -> Tuple[str, ...]:
        """The options that make a linker take less or more memory."""
        return tuple(text for text in self.texts(True) if tools.MEMORY_OPTION.fullmatch(text))

    @property
    def selection(self) -> Tuple[str, ...]:
        """The words by which the driver finds its linker; none: its own."""
        return tuple(text for text in self.texts(False) if _selects(text, self.directory))

    @property
    def target(self) -> Tuple[str, ...]:
        """The words that say which machine it is for."""
        return tuple(text for text in self.texts(False) if text.startswith("--target=") or text in ("-m32", "-m64"))


def read(argv: Sequence[str], directory: str) -> Link:
    """Takes a link apart. Raises LinkError when a response file is gone."""
    words = _expanded(argv[1:], directory, _DEEPEST)
    remaining: List[Word] = []
    output = "a.out"
    rest = iter(_marked(words))
    for word in rest:
        if not word.for_linker and word.text in ("-o", "-B", "-L"):
            word = Word(word.text + next(rest, Word("")).text)
        if word.for_linker or not word.text.startswith(("-o", "-save-temps")):
            remaining.append(word)
        elif word.text.startswith("-o"):
            output = word.text[2:]
    response = any(word.startswith("@") for word in argv[1:])
    return Link(argv[0], tuple(remaining), directory, os.path.basename(output), response)


def _expanded(words: Iterable[str], directory: str, depth: int) -> List[str]:
    """The words with those of response files in place of `@FILE`."""
    found: List[str] = []
    for word in words:
        if not word.startswith("@") or depth == 0:
            found.append(word)
            continue
        path = os.path.join(directory, word[1:])
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except OSError as error:
            raise LinkError(
                "the link's response file `{}` cannot be read ({}); ninja removes it after a link that went well: "
                "`ninja -d keeprsp` keeps it".format(word[1:], error.strerror)
            ) from error
        found.extend(_expanded(split(text), directory, depth - 1))
    return found


def _marked(words: Sequence[str]) -> List[Word]:
    found = []
    waiting = iter(words)
    for word in waiting:
        if word.startswith("-Wl,"):
            found += [Word(each, True) for each in word[len("-Wl,") :].split(",") if each]
        elif word == "-Xlinker":
            found += [Word(each, True) for each in [next(waiting, "")] if each]
        else:
            found.append(Word(word))
    return found


def _selects(text: str, directory: str) -> bool:
    if text.startswith(tools.LINKER_OPTIONS):
        return True
    # A directory with an `ld` of its own stands in for -fuse-ld= where the compiler does not know the linker's name.
    return text.startswith("-B") and os.path.exists(os.path.join(directory, text[2:], tools.ANY_LINKER))


def as_built(link: Link, more: Sequence[str], place: str) -> List[str]:
    """The same link with its outputs in the directory `place`; `more` options are for the linker."""
    return _put_together(link, link.words, place, [Word(text, True) for text in more])


def with_linker(link: Link, selection: Sequence[str], options: Sequence[str], place: str) -> List[str]:
    """The link with a linker and with options for it, its outputs in the directory `place`."""
    words = []
    for word in link.words:
        if word.for_linker and tools.MEMORY_OPTION.fullmatch(word.text):
            continue
        if not word.for_linker and _selects(word.text, link.directory):
            continue
        words.append(word)
    return _put_together(
        link, words, place, [Word(text) for text in selection] + [Word(text, True) for text in options]
    )


def _put_together(link: Link, words: Sequence[Word], place: str, more: Sequence[Word]) -> List[str]:
    argv = [link.driver]
    side_output_follows = False
    for word in [*words, *more]:
        text = word.text
        if word.for_linker:
            side = _SIDE_OUTPUT.fullmatch(text)
            if side_output_follows:
                text = os.path.join(place, os.path.basename(text))
                side_output_follows = False
            elif side and side.group(2) is not None:
                text = "{}={}".format(side.group(1), os.path.join(place, os.path.basename(side.group(2))))
            elif side:
                side_output_follows = True
            argv += ["-Xlinker", text] if "," in text else ["-Wl," + text]
        else:
            argv.append(text)
    return [*argv, "-o", os.path.join(place, link.name)]


def inputs(link: Link) -> List[str]:
    """Paths of the objects, archives and libraries that it names and that are there, those of `-l` in `-L` too."""
    names = [word.text for word in link.words if not word.text.startswith("-") and _INPUT.search(word.text)]
    paths = [os.path.join(link.directory, name) for name in [*names, *_libraries(link.texts(False))]]
    return [path for path in paths if os.path.isfile(path)]


def _libraries(words: Sequence[str]) -> List[str]:
    """Where the libraries of `-l` may be."""
    places = [word[2:] for word in words if word.startswith("-L")]
    names = [word[2:] for word in words if word.startswith("-l")]
    forms = ("lib{}.so", "lib{}.a")
    return [os.path.join(place, form.format(name)) for name in names for place in places for form in forms]


def missing_inputs(link: Link) -> List[str]:
    """Objects, archives and libraries that it names and that are no longer there."""
    # Of what is for the linker, a library's name may be the value of an option (-soname).
    names = [
        word.text
        for word in link.words
        if not word.text.startswith("-")
        and _INPUT.search(word.text)
        and (not word.for_linker or word.text.endswith((".o", ".a")))
    ]
    return [name for name in names if not os.path.exists(os.path.join(link.directory, name))]
