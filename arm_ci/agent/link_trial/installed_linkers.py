"""The linkers on this machine, how a compiler driver is made to use each, and which options are tried with it."""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple, Sequence, Tuple

from .. import tools
from ..machine.command_output import run_program

_NAME = re.compile(
    "({})({})".format(tools.alternatives(name for each in tools.LINKERS for name in each.programs), tools.VERSION)
)
_FAMILIES = [linker.name for linker in tools.LINKERS]
_CROSS_DRIVER = re.compile("((?:[A-Za-z0-9_]+-){{2,}})(?:{})".format(tools.alternatives(tools.DRIVERS)))
_ASK_SECONDS = 60


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
            linker = tools.linker_of_program(match.group(1)) if match else None
            if match is None or linker is None or (linker.one_per_target and not name.startswith(prefix)):
                continue
            program = os.path.join(directory, name)
            if os.access(program, os.X_OK):
                key = (linker.name, os.path.realpath(program))
                found.setdefault(key, (linker.name, linker.name + match.group(2), program))
    return sorted(found.values(), key=lambda each: (_FAMILIES.index(each[0]), len(each[1]), each[1]))


def prefix_of(driver: str, target: Sequence[str]) -> str:
    """The triplet before a cross compiler's name or in its --target=, with a hyphen; empty for a native one."""
    for word in target:
        if word.startswith("--target="):
            return word[len("--target=") :] + "-"
    match = _CROSS_DRIVER.match(os.path.basename(driver))
    return match.group(1) if match else ""


def version_line(argv: Sequence[str], directory: str) -> Tuple[bool, str]:
    """Runs a program that says its version: whether it went well, and the first line that matters."""
    output = run_program(list(argv), _ASK_SECONDS, directory)
    lines = [line for line in output.text.splitlines() if line.strip()]
    known = [line for line in lines if tools.linker_of_version(line)]
    return output.succeeded, ((known if output.succeeded else []) + lines + [""])[0].strip()


def default_linker(driver: Sequence[str], selection: Sequence[str], directory: str) -> str:
    """What the linker says of itself that a driver uses with these words; empty when it does not say."""
    well, version = version_line([*driver, *selection, "-Wl,--version"], directory)
    return version if well and tools.linker_of_version(version) else ""


def linkers(driver: Sequence[str], directory: str, path: str, prefix: str, place: str) -> List[Linker]:
    """Every linker in PATH, tried with the driver (and its target); `place` takes directories for `-B`."""
    found = []
    for family, name, program in programs(path, prefix):
        _, version = version_line([program, "--version"], directory)
        if tools.linker_of_version(version) == tools.linker_named(family):
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
    os.symlink(os.path.abspath(linker.program), os.path.join(own, tools.ANY_LINKER))
    well, said = version_line([*driver, "-B" + own, "-Wl,--version"], directory)
    if well and said == linker.version:
        return linker._replace(selection=("-B" + own,))
    return linker._replace(refusal=refusal or said)


def option_sets(linker: Linker, strips: bool) -> List[Tuple[str, ...]]:
    """The options to try with a linker; without those that leave debug information out where that is so anyway."""
    sparing = tools.sparing_options(tools.linker_named(linker.family), linker.version)
    sets: List[Tuple[str, ...]] = [()] if strips else [(), (tools.STRIP,)]
    if sparing:
        sets += [sparing] if strips else [sparing, (*sparing, tools.STRIP)]
    return sets


def trial_options(linker: Linker) -> Tuple[str, ...]:
    """Options without which nothing can be measured."""
    return tools.linker_named(linker.family).trial_options
