"""The linkers on this machine, how a compiler driver is made to use each, and which options save memory."""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..machine.command_output import ask

FAMILIES = ("lld", "mold", "gold", "bfd")
"""In the order in which they are tried: those that most often fit first."""
_NAME = re.compile(r"(?:ld\.)?(bfd|gold|lld|mold)(-[0-9]+(?:\.[0-9]+)*)?")
# How the line begins by which each says its version; gcc puts lines of its own around it.
_FIRST_WORDS = (("mold", r"mold \d"), ("lld", r"(?:\S+ )?LLD \d"), ("gold", "GNU gold "), ("bfd", "GNU ld "))
_ASK_SECONDS = 60
STRIP = "-S"
"""Leaves debug information out of the program."""
# lld knows the number of threads since version 11.
_LLD_THREADS = 11


class Linker(NamedTuple):
    """A linker, or one that the compiler does not take."""

    family: str
    name: str
    """As -fuse-ld= has it: `lld`, `lld-19`."""
    program: str
    """Its path."""
    version: str
    """The first line of what it says of itself."""
    selection: Tuple[str, ...] = ()
    """The words that make the driver use it."""
    refusal: str = ""
    """What the driver says instead."""


def family_of(version: str) -> str:
    """Which linker says this of itself; empty: none that is known."""
    for family, words in _FIRST_WORDS:
        if re.match(words, version):
            return family
    return ""


def programs(path: str, prefix: str = "") -> List[Tuple[str, str, str]]:
    """Family, name and path of every linker in PATH, each once; `prefix`: a cross compiler's triplet and a hyphen."""
    found: Dict[Tuple[str, str], Tuple[str, str, str]] = {}
    for directory in path.split(":"):
        try:
            names = sorted(os.listdir(directory or "."), key=lambda name: (len(name), name))
        except OSError:
            continue
        for name in names:
            match = _NAME.fullmatch(name[len(prefix) :] if name.startswith(prefix) else name)
            if match is None or (match.group(1) in ("bfd", "gold") and not name.startswith(prefix + "ld.")):
                continue
            if match.group(1) == "lld" and not name.startswith("ld."):
                continue  # `lld` itself refuses to link: it goes by the name that it is called by
            program = os.path.join(directory, name)
            if os.access(program, os.X_OK):
                key = (match.group(1), os.path.realpath(program))
                found.setdefault(key, (match.group(1), match.group(1) + (match.group(2) or ""), program))
    return sorted(found.values(), key=lambda each: (FAMILIES.index(each[0]), len(each[1]), each[1]))


def prefix_of(driver: str, target: Sequence[str]) -> str:
    """The triplet before a cross compiler's name or in its --target=, with a hyphen; empty for a native one."""
    for word in target:
        if word.startswith("--target="):
            return word[len("--target=") :] + "-"
    match = re.match(r"((?:[A-Za-z0-9_]+-){2,})(?:gcc|g\+\+|cc|c\+\+|clang)", os.path.basename(driver))
    return match.group(1) if match else ""


def version_line(argv: Sequence[str], directory: str) -> Tuple[bool, str]:
    """Runs a program that says its version: whether it went well, and the first line that matters."""
    answer = ask(list(argv), _ASK_SECONDS, directory)
    lines = [line for line in answer.text.splitlines() if line.strip()]
    known = [line for line in lines if family_of(line)]
    return answer.well, ((known if answer.well else []) + lines + [""])[0].strip()


def default_linker(driver: Sequence[str], selection: Sequence[str], directory: str) -> str:
    """What the linker says of itself that a driver uses with these words; empty when it does not say."""
    well, version = version_line([*driver, *selection, "-Wl,--version"], directory)
    return version if well and family_of(version) else ""


def linkers(driver: Sequence[str], directory: str, path: str, prefix: str, place: str) -> List[Linker]:
    """Every linker in PATH, tried with the driver (and its target); `place` takes directories for `-B`."""
    found = []
    for family, name, program in programs(path, prefix):
        _, version = version_line([program, "--version"], directory)
        if family_of(version) == family:
            found.append(_selected(Linker(family, name, program, version), driver, directory, place))
    return found


def _selected(linker: Linker, driver: Sequence[str], directory: str, place: str) -> Linker:
    refusal = ""
    if linker.name == linker.family:
        selection = "-fuse-ld=" + linker.name
        well, said = version_line([*driver, selection, "-Wl,--version"], directory)
        if well and said == linker.version:
            return linker._replace(selection=(selection,))
        refusal = said
    # A version's own name no compiler knows, and an old compiler not every linker: an `ld` of its own in a directory.
    own = os.path.join(place, linker.name)
    os.makedirs(own)
    os.symlink(os.path.abspath(linker.program), os.path.join(own, "ld"))
    well, said = version_line([*driver, "-B" + own, "-Wl,--version"], directory)
    if well and said == linker.version:
        return linker._replace(selection=("-B" + own,))
    return linker._replace(refusal=refusal or said)


def _major(version: str) -> Optional[int]:
    match = re.search(r"(\d+)\.\d", version)
    return int(match.group(1)) if match else None


def option_sets(linker: Linker, strips: bool) -> List[Tuple[str, ...]]:
    """The options to try with a linker; without those that leave debug information out where that is so anyway."""
    if linker.family == "bfd":
        sparing: Tuple[str, ...] = ("--no-keep-memory", "--reduce-memory-overheads")
    elif linker.family == "gold":
        sparing = ("--no-map-whole-files", "--no-mmap-output-file")
    elif linker.family == "mold":
        sparing = ("--thread-count=1",)
    else:
        sparing = ("--threads=1",) if (_major(linker.version) or 0) >= _LLD_THREADS else ("--no-threads",)
    return [(), sparing] if strips else [(), (STRIP,), sparing, (*sparing, STRIP)]


def always(linker: Linker) -> Tuple[str, ...]:
    """Options without which nothing can be measured: mold leaves its work to a process that nobody waits for."""
    return ("--no-fork",) if linker.family == "mold" else ()
