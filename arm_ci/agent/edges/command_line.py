"""What a compiler's or archiver's command line says about its edge: the kind, and the output as it names it."""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

from .. import tools
from .response_file import split

REMOTE = "distcc"
"""Its edge is the compile that its command line names after it, done on another machine."""
COMPILED_HERE = "compiled here, not on a helper: "
"""How the line of a log begins that says of such a compile that no other machine did it; the reason follows."""
_PROGRAMS = re.compile(
    "{}(?:{}){}|{}".format(
        tools.TARGET,
        tools.alternatives((*tools.DRIVERS, *tools.ARCHIVERS, *tools.CALLED_LINKERS)),
        tools.VERSION,
        REMOTE,
    )
)
# Options that take the next word as their value, so that it is no input.
WITH_VALUE = frozenset(
    "-o -x -I -L -D -U -MF -MT -MQ -include -imacros -isystem -iquote -idirafter -isysroot -Xlinker -Xclang "  # noqa: SIM905
    "-Xassembler -T -u -z -target -arch -e".split()
)
# A compiler run with one of these makes no object and no program.
_NO_OUTPUT = frozenset(["-E", "-M", "-MM", "-fsyntax-only", "--version", "--help", "-dumpversion", "-dumpmachine"])
_LONGEST_RESPONSE_FILE = 1 << 20
# The trials of configure scripts and of CMake: they fail on purpose.
_TRIAL = re.compile(r"(?:^|/)(?:conftest|CMakeFiles/cmTC_|cmTC_)")
_TRIAL_DIRECTORY = re.compile(r"/CMakeFiles/(?:CMakeScratch|CMakeTmp|[0-9.]+/CompilerId|_CMakeLTOTest)")


class EdgeCommand(NamedTuple):
    """An edge's command, before it runs."""

    argv: Tuple[str, ...]
    directory: str
    kind: str
    """As the report's: `compile`, `archive`, `link`, `other`."""
    output: str
    """As the command names it; empty where it makes none."""
    inputs: Tuple[str, ...] = ()
    """Of an archive or a link: the files that it is made of, as the command names them."""
    inputs_bytes: Optional[int] = None
    """Their size."""

    @property
    def is_passing(self) -> bool:
        """Whether it is not worth a word: a compiler that makes nothing, or what a configuration tries out."""
        return (self.kind == "other" and not self.output) or is_trial(self.argv, self.output, self.directory)


def parse_command(argv: Sequence[str], directory: str) -> EdgeCommand:
    """What a command run in `directory` is about to do; the inputs of archives and links are looked at."""
    kind, output = kind_and_output(argv, directory)
    found = EdgeCommand(tuple(argv), directory, kind, output)
    if kind not in ("archive", "link") or found.is_passing:
        return found
    inputs, size = [], 0
    for word in _inputs(_expanded(list(argv[1:]), directory)):
        if word == output:
            continue
        try:
            size += os.stat(os.path.join(directory, word)).st_size
        except (OSError, ValueError):  # it is not there, or no file can have such a name
            continue
        inputs.append(word)
    return found._replace(inputs=tuple(inputs), inputs_bytes=size)


def is_edge_program(name: str) -> bool:
    """Whether runs of a program of this name are edges."""
    return _PROGRAMS.fullmatch(name) is not None


def is_trial(argv: Sequence[str], output: str, directory: str) -> bool:
    """Whether an edge is a configuration's trial, which says nothing about the build."""
    return bool(
        _TRIAL.search(output)
        or _TRIAL_DIRECTORY.search(directory)
        # `g++ conftest.cpp` makes an a.out.
        or (output == "a.out" and any(_TRIAL.search(word) for word in argv))
    )


def kind_and_output(argv: Sequence[str], directory: str = "") -> Tuple[str, str]:
    """Kind and output of a command run in `directory`; the output is empty where it makes none."""
    name = os.path.basename(argv[0])
    if name == REMOTE and len(argv) > 1:
        return kind_and_output(argv[1:], directory)
    if tools.is_archiver(name):
        return _archive(list(argv[1:]))
    words = list(argv[1:])
    if not _value_of("-o", words):
        # The option may stand in a response file.
        words = _expanded(words, directory)
    return _compile_or_link(words)


def _compile_or_link(words: List[str]) -> Tuple[str, str]:
    output, inputs = _value_of("-o", words), _inputs(words)
    if any(word in _NO_OUTPUT or word.startswith("-print-") for word in words):
        return "other", output
    if "-c" in words or "-S" in words:
        return "compile", output or _object_of(inputs, ".o" if "-c" in words else ".s")
    if not inputs and not any(word.startswith("@") for word in words):
        return "other", output
    return "link", output or "a.out"


def _object_of(sources: List[str], suffix: str) -> str:
    """What a compile makes that does not name it."""
    return os.path.splitext(os.path.basename(sources[0]))[0] + suffix if sources else ""


def _expanded(words: List[str], directory: str) -> List[str]:
    """The words with those of response files in their places, as far as the files can be read."""
    found: List[str] = []
    for word in words:
        if word.startswith("@"):
            try:
                with open(os.path.join(directory, word[1:]), encoding="utf-8", errors="replace") as file:
                    found += split(file.read(_LONGEST_RESPONSE_FILE))
                    continue
            except (OSError, ValueError):
                pass
        found.append(word)
    return found


def _value_of(option: str, words: List[str]) -> str:
    found = ""
    for index, word in enumerate(words):
        if word == option and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith(option) and len(word) > len(option):
            found = word[len(option) :]
    return found


def _inputs(words: List[str]) -> List[str]:
    inputs = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in WITH_VALUE:
            skip = True
        elif not word.startswith("-") and not word.startswith("@"):
            inputs.append(word)
    return inputs


def _archive(words: List[str]) -> Tuple[str, str]:
    # `ar qc libx.a a.o`, `ar -rcs libx.a a.o`, `ar --plugin P rcs libx.a`; what only reads makes nothing.
    plain = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("--plugin", "--target"):
            skip = True
        elif not word.startswith("--"):
            plain.append(word)
    if len(plain) < 2 or not any(letter in plain[0] for letter in "qrsd"):
        return "other", ""
    return "archive", plain[1]
