"""Learned peaks: what each edge of a variant took in earlier builds, as the master keeps it and the agent is given it.

An edge is known by what it makes and by its fingerprint: the program, and the options that decide about memory. So a
changed source keeps its history, and another compiler or debug setting has none.
"""

from __future__ import annotations

import json
import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from . import tools
from .json_reader import JsonFormat
from .report import Admission, Edge, Report

SCHEMA = 2
_KINDS = ("compile", "archive", "link")
# A peak that is not reached again is forgotten by so much a build: sources shrink as well.
_FADES = 0.9
# What memory killed had not reached its peak.
_GROWS_ON = 1.25
_COMPILE_OPTIONS = ("-O", "-g", "-f", "-m", "-std=", "--param")
# Options of these kinds that change nothing but messages and names.
_WITHOUT_WEIGHT = (
    "-fdiagnostics",
    "-fmessage-length",
    "-fcolor",
    "-fno-color",
    "-ffile-prefix-map",
    "-fdebug-prefix-map",
    "-fmacro-prefix-map",
    "-frandom-seed",
    "-grecord",
    "-gno-record",
)
_LINK_OPTIONS = ("-fuse-ld=", "-flto", "-static", "-shared", "-s", "-S", "-r")
_STRIPPING = (tools.STRIP, "-s")
_LINKER_OPTIONS = (
    "--strip",
    "--gc-sections",
    "--icf",
    "--gdb-index",
    "--compress-debug-sections",
    "-O",
    *(option.partition("=")[0] for option in tools.SPARING_OPTIONS),
)


class PeaksError(ValueError):
    """A text that holds no learned peaks: the message says what was expected."""


class Learned(NamedTuple):
    """What is known of one edge."""

    output: str
    """Relative to the build tree."""
    fingerprint: str
    """Program and options, see the function `fingerprint`."""
    kind: str
    need_bytes: int
    """Peak of anonymous memory and swap."""
    seconds: float
    """Processor seconds; a compile and most of a link are one thread."""
    inputs: Tuple[str, ...] = ()
    """For links and archives: the files that it is made of, relative to the build tree."""
    inputs_bytes: Optional[int] = None
    """Their size."""
    does_not_fit_bytes: Optional[int] = None
    """The budget with which memory killed it though it ran alone; None: that has not been seen."""
    fallback: str = ""
    """How it was built differently from what the build asked for; empty: as asked."""
    killed: bool = False
    """Memory killed it before its peak: `need_bytes` is a guess."""

    @property
    def key(self) -> Tuple[str, str]:
        """By which it is found again."""
        return self.output, self.fingerprint


class Peaks(NamedTuple):
    """All that is known of a variant's edges."""

    toolchain: str = ""
    """Compiler and linker with their versions; what was learned with another is not handed over."""
    edges: Tuple[Learned, ...] = ()

    def to_text(self) -> str:
        """As a file has it."""
        edges = [dict(edge._asdict(), inputs=list(edge.inputs)) for edge in self.edges]
        return json.dumps({"schema": SCHEMA, "toolchain": self.toolchain, "edges": edges}, indent=0) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Peaks:
        """Reads what `to_text` wrote. Raises PeaksError."""
        found = _FORMAT.read(_Document, _FORMAT.of_text(text))
        for index, edge in enumerate(found.edges):
            for name in _NOT_NEGATIVE:
                if (getattr(edge, name) or 0) < 0:
                    raise PeaksError("edges[{}].{}: a number from 0 was expected".format(index, name))
        return cls(found.toolchain, found.edges)

    def with_report(self, report: Report) -> Peaks:
        """With what a build has shown."""
        before = {edge.key: edge for edge in self.edges}
        known = dict(before)
        for edge in report.edges:
            found = learned(edge, report.directory, report.admission)
            if found is not None:
                # A try that ended well says more than the one before it that memory killed.
                known[found.key] = _merged(before.get(found.key), found)
        return Peaks(self.toolchain, tuple(known.values()))


class _Document(NamedTuple):
    toolchain: str
    edges: Tuple[Learned, ...]


_NOT_NEGATIVE = ("need_bytes", "seconds", "inputs_bytes", "does_not_fit_bytes")
_FORMAT = JsonFormat(
    "no learned peaks",
    SCHEMA,
    PeaksError,
    {Learned: {"fingerprint": "way", "fallback": "relief"}},
)


def fingerprint(argv: Sequence[str], kind: str) -> str:
    """Program and options of a command that decide how much memory it takes."""
    words = [os.path.basename(argv[0])]
    if kind == "compile":
        words += _compile_options(argv[1:])
    elif kind == "link":
        words += _link_options(argv[1:])
    return " ".join(words)


def _compile_options(words: Sequence[str]) -> List[str]:
    found: List[str] = []
    optimisation: List[str] = []
    debug: List[str] = []
    for index, word in enumerate(words):
        if not word.startswith(_COMPILE_OPTIONS) or word.startswith(_WITHOUT_WEIGHT):
            continue
        if word.startswith("-O"):
            optimisation = [word]
        elif word.startswith("-g"):
            # `-g -g0` is `-g0`, but -gsplit-dwarf stands beside -g.
            debug = [word] if word[2:3].isdigit() or word == "-g" else [*debug, word]
        elif word == "--param":
            found.append("--param={}".format("".join(words[index + 1 : index + 2])))
        else:
            found.append(word)
    return [*found, *optimisation, *debug]


def _link_options(words: Sequence[str]) -> List[str]:
    found = []
    for word in words:
        if word.startswith("-Wl,"):
            found += ["-Wl," + each for each in word[len("-Wl,") :].split(",") if _has_weight(each)]
        elif word in _LINK_OPTIONS or word.startswith((*tools.LINKER_OPTIONS, "-flto")):
            found.append(word)
    by_directory = tools.linker_of_directories(words)
    return [*found, "-B" + by_directory.program] if by_directory else found


def _has_weight(linker_option: str) -> bool:
    return linker_option in _STRIPPING or linker_option.startswith(_LINKER_OPTIONS)


def in_tree(name: str, directory: str, root: str) -> str:
    """A file as a command run in `directory` names it, relative to the build tree at `root`."""
    return os.path.relpath(os.path.join(root, directory, name), root)


def need_bytes(edge: Edge) -> Optional[int]:
    """The peak of anonymous memory and swap of an edge that ran; None when nothing was measured.

    What was sampled may miss the last moment; the largest resident set does not, but has file pages in it, and on a
    machine that swaps not all of the rest.
    """
    sampled = edge.peak_anonymous_swap_bytes
    if edge.peak_rss_bytes is None:
        return sampled
    resident = max(0, edge.peak_rss_bytes - (edge.peak_file_bytes or 0))
    return max(sampled or 0, resident)


def learned(edge: Edge, root: str, admission: Admission) -> Optional[Learned]:
    """What an edge of a build at `root` has shown; None: nothing."""
    need = need_bytes(edge)
    if need is None or not _is_whole(edge):
        return None
    ended_the_build = edge.failed and edge.output == admission.does_not_fit
    killed = bool(edge.run_again) or ended_the_build
    if edge.failed and not killed:
        return None  # how much it would have taken nobody knows
    does_not_fit = killed and (edge.alone or not edge.run_again)
    room = admission.budget_bytes + admission.swap_bytes
    return Learned(
        output=in_tree(edge.output, edge.directory, root),
        fingerprint=fingerprint_of(edge),
        kind=edge.kind,
        need_bytes=int(need * _GROWS_ON) if killed else need,
        seconds=_seconds(edge),
        inputs=tuple([in_tree(each, edge.directory, root) for each in edge.inputs]),
        inputs_bytes=edge.inputs_bytes,
        does_not_fit_bytes=room if does_not_fit else None,
        fallback=edge.fallback,
        killed=killed,
    )


def fingerprint_of(edge: Edge) -> str:
    """The fingerprint of an edge that ran; where its command was shortened the report has it."""
    return edge.fingerprint or fingerprint(edge.argv, edge.kind)


def _is_whole(edge: Edge) -> bool:
    """Whether it has ended, and is one of those that are found again."""
    return edge.kind in _KINDS and bool(edge.output) and edge.end_seconds is not None


def _seconds(edge: Edge) -> float:
    return edge.cpu_seconds if edge.cpu_seconds is not None else round(edge.wall_seconds or 0.0, 3)


def _merged(old: Optional[Learned], new: Learned) -> Learned:
    if old is None:
        return new
    faded = new.need_bytes if old.killed and not new.killed else int(old.need_bytes * _FADES)
    return new._replace(
        need_bytes=max(new.need_bytes, faded),
        seconds=max(old.seconds, new.seconds) if new.killed else new.seconds,
        inputs=new.inputs or old.inputs,
        inputs_bytes=new.inputs_bytes if new.inputs_bytes is not None else old.inputs_bytes,
    )


def rest_seconds(edges: Iterable[Learned]) -> Dict[Tuple[str, str], float]:
    """For each edge how long what must come after its start takes at least, itself included.

    What an edge is made of is known of links and archives alone; what a compile waits for is not.
    """
    by_output: Dict[str, List[Learned]] = {}
    users: Dict[str, List[str]] = {}
    for edge in edges:
        by_output.setdefault(edge.output, []).append(edge)
        for name in edge.inputs:
            users.setdefault(name, []).append(edge.output)
    found: Dict[str, float] = {}

    def behind(output: str) -> float:
        """Of an output; without recursion, for a graph may be deep."""
        waiting = [(output, False)]
        open_outputs = set()
        while waiting:
            name, is_ready = waiting.pop()
            if name in found:
                continue
            if is_ready:
                own = max((each.seconds for each in by_output.get(name, ())), default=0.0)
                found[name] = own + max((found.get(user, 0.0) for user in users.get(name, ())), default=0.0)
            elif name not in open_outputs:
                open_outputs.add(name)  # a graph with a circle in it ends here too
                waiting.append((name, True))
                waiting += [(user, False) for user in users.get(name, ()) if user not in found]
        return found[output]

    return {edge.key: behind(edge.output) for each in by_output.values() for edge in each}
