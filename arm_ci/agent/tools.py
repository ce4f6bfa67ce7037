"""The one table of compilers, linkers and archivers: what each is called, how it is chosen, what it says and needs.

Agent, configuration, plan and diagnosis ask here, so that a new linker is one row. It runs and reads nothing, but for
the link that a directory of `-B` may hold. What linkers took for one large program is in diagnosis/advice/measured.py.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

TARGET = r"(?:[A-Za-z0-9_.]+-)*"
"""Pattern of what may stand before a program's name: `aarch64-linux-gnu-`."""
VERSION = r"(?:-[0-9]+(?:\.[0-9]+)*)?"
"""Pattern of what may stand behind it: `-12`."""
STRIP = "-S"
"""The option of every linker that leaves debug information out of the program."""
LINKER_DIRECTORY = "linkers"
"""Whoever puts a linker before a compiler as `ld` makes DIRECTORY/linkers/PROGRAM/ld: the path says which it is."""

# -- linkers --------------------------------------------------------------------------------------------------

_MEASURED = "anonymous memory for each byte of the 1,706 MB of objects and archives of mesos-execute 1.1.0"
_NOT_MEASURED = "not measured: as much as GNU ld takes, the most of those that were"
_LARGEST_FACTOR = 1.5


class Sparing(NamedTuple):
    """Options by which a linker takes less memory or fewer addresses, and changes nothing in the program."""

    options: Tuple[str, ...]
    since_major: int = 0
    """The first version that knows them."""


class Linker(NamedTuple):
    """A linker."""

    name: str
    """As -fuse-ld= has it."""
    programs: Tuple[str, ...]
    """What it is called in PATH; by the first of them reports and verdicts name it."""
    message_names: Tuple[str, ...] = ()
    """Other names with which its messages begin."""
    version_line: str = ""
    """Pattern of how the line begins by which it says its version."""
    gcc_since: Optional[str] = None
    """The first gcc that takes it by -fuse-ld=, empty: every one. None: it is chosen by a directory (-B) alone."""
    memory_factor: float = _LARGEST_FACTOR
    """Anonymous memory for each byte of objects and archives."""
    memory_source: str = _NOT_MEASURED
    """Where that number comes from."""
    sparing: Tuple[Sparing, ...] = ()
    """The newest first."""
    trial_options: Tuple[str, ...] = ()
    """Options without which a trial cannot measure it."""
    maps_output: bool = False
    """It writes its output through memory: a full disk is a SIGBUS, and the output must fit the addresses at once."""
    one_per_target: bool = False
    """Each target has a program of its own with the target's triplet before its name; otherwise one serves all."""
    more_packages: Tuple[str, ...] = ()
    """Debian packages that bring it on some releases only, in the form of bootstrap.sh."""

    @property
    def program(self) -> str:
        """The name by which reports and verdicts call it."""
        return self.programs[0]

    @property
    def is_measured(self) -> bool:
        """Whether it is known how much memory it takes."""
        return self.memory_source != _NOT_MEASURED

    @property
    def fuse_ld_program(self) -> str:
        """The program that a compiler looks for when it is told -fuse-ld=NAME."""
        return "ld." + self.name


LINKERS = (
    Linker(
        name="lld",
        # `lld` itself refuses to link: it is what the name says by which it is called.
        programs=("ld.lld",),
        message_names=("lld",),
        version_line=r"(?:\S+ )?LLD \d",
        gcc_since="9",
        memory_factor=0.25,
        memory_source=_MEASURED,
        sparing=(Sparing(("--threads=1",), since_major=11), Sparing(("--no-threads",))),
        maps_output=True,
    ),
    Linker(
        name="mold",
        programs=("mold", "ld.mold"),
        version_line=r"mold \d",
        gcc_since="12.1",
        memory_factor=0.4,
        memory_source=_MEASURED,
        sparing=(Sparing(("--thread-count=1",)),),
        # It leaves its work to a process that nobody waits for.
        trial_options=("--no-fork",),
        maps_output=True,
    ),
    Linker(
        name="gold",
        programs=("ld.gold",),
        message_names=("gold",),
        version_line="GNU gold ",
        gcc_since="",
        memory_factor=1.0,
        memory_source=_MEASURED,
        # Fewer addresses, and more memory.
        sparing=(Sparing(("--no-map-whole-files", "--no-mmap-output-file")),),
        maps_output=True,
        one_per_target=True,
        # Debian 13 has it in a package of its own; elsewhere there is none of that name.
        more_packages=("binutils-gold?",),
    ),
    Linker(
        name="bfd",
        programs=("ld.bfd",),
        version_line="GNU ld ",
        gcc_since="",
        memory_factor=_LARGEST_FACTOR,
        memory_source=_MEASURED,
        sparing=(Sparing(("--no-keep-memory", "--reduce-memory-overheads")),),
        one_per_target=True,
    ),
    Linker(
        name="mclinker",
        programs=("ld.mcld",),
        version_line="(?i:mclinker) ",
        maps_output=True,
    ),
    Linker(
        name="wild",
        programs=("wild", "ld.wild"),
        version_line=r"Wild (?:version )?\d",
        gcc_since="16.1",
        sparing=(Sparing(("--threads=1",)),),
        # As mold.
        trial_options=("--no-fork",),
        maps_output=True,
    ),
)
"""In the order in which a trial takes them: those that most often fit first."""
DEFAULT_LINKER = "bfd"
"""What Debian's `ld` is."""
LINKER_OPTIONS = ("-fuse-ld=", "--ld-path=")
"""By which a compiler is told its linker, besides a directory with an `ld` (-B)."""
ANY_LINKER = "ld"
"""What a log calls a linker when it does not say which."""
LINKERS_OF_OTHER_SYSTEMS = ("ld64.lld", "wasm-ld")
"""Seen in logs only."""


def alternatives(names: Iterable[str]) -> str:
    """A pattern of names; the longest first, for one may begin with another."""
    return "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))


_BY_NAME = {linker.name: linker for linker in LINKERS}
_BY_PROGRAM = {name: linker for linker in LINKERS for name in (linker.name, *linker.programs, *linker.message_names)}
_LINKER_PROGRAM = re.compile("{}({}){}".format(TARGET, alternatives(_BY_PROGRAM), VERSION))
_UNKNOWN_LINKER = re.compile(r"{}(ld\.\w+){}".format(TARGET, VERSION))
_ANY_LINKER = re.compile(TARGET + ANY_LINKER + VERSION)
PROGRAM_NAMES = {name: each.program for each in LINKERS for name in (*each.programs, *each.message_names)}
"""By which reports and verdicts call a linker, for each name of it."""
LINKER_NAMES = (ANY_LINKER, *PROGRAM_NAMES)
"""What messages of linkers begin with."""
CALLED_LINKERS = (ANY_LINKER, *(name for each in LINKERS for name in each.programs if name.startswith("ld.")))
"""Linkers as a build that uses no compiler's driver calls them."""
SPARING_LINKERS = tuple(linker.name for linker in LINKERS if linker.memory_factor < 1)
"""Those that are known to take less memory than their inputs have bytes."""


def linker_named(name: str) -> Linker:
    """The linker of a name of this table, or one that it does not know, of which nothing was measured."""
    return _BY_NAME.get(name) or Linker(name, (name,))


def linker_of_program(path: str) -> Optional[Linker]:
    """The linker that a program is, by its name; None: it is none, or `ld`, which may be any."""
    name = os.path.basename(path)
    match = _LINKER_PROGRAM.fullmatch(name)
    if match:
        return _BY_PROGRAM[match.group(1)]
    match = _UNKNOWN_LINKER.fullmatch(name)
    return linker_named(match.group(1)) if match else None


def is_linker(path: str) -> bool:
    """Whether a program is a linker, by its name."""
    return _ANY_LINKER.fullmatch(os.path.basename(path)) is not None or linker_of_program(path) is not None


def linker_called(program: str) -> Linker:
    """The linker that a program is said to be: `ld` is Debian's, and one that the table does not have is itself."""
    name = os.path.basename(program)
    return linker_of_program(name) or linker_named(DEFAULT_LINKER if name == ANY_LINKER else name)


def linker_of_version(line: str) -> Optional[Linker]:
    """Which linker says this of itself."""
    return next((each for each in LINKERS if each.version_line and re.match(each.version_line, line)), None)


def linker_of_directory(path: str) -> Optional[Linker]:
    """The linker that is `ld` in a directory of `-B`, as far as the path says which."""
    parts = path.rstrip("/").split("/")
    if LINKER_DIRECTORY in parts[-2:-1]:
        return linker_called(parts[-1])
    # Debian has /usr/libexec/mold for this.
    return _BY_NAME.get(parts[-1])


def _directories(words: Sequence[str]) -> List[str]:
    """Where a command lets its driver look for programs first."""
    return [
        word[2:] or "".join(words[index + 1 : index + 2]) for index, word in enumerate(words) if word.startswith("-B")
    ]


def linker_of_directories(words: Sequence[str]) -> Optional[Linker]:
    """The linker that a command has its driver find in a directory of `-B`, as far as their names say which."""
    return next(filter(None, map(linker_of_directory, _directories(words))), None)


def asked_linker(words: Sequence[str]) -> Optional[Linker]:
    """The linker that a command asks for: the one that it runs, or the one that it gives to a compiler's driver.

    None: the compiler's own. One that the table does not have goes by the name that is asked for.
    """
    ran = linker_of_program(words[0]) if words else None
    if ran is not None:
        return ran
    named = [os.path.basename(word.partition("=")[2]) for word in words if word.startswith(LINKER_OPTIONS)]
    if named and named[-1] != ANY_LINKER:
        return linker_called(named[-1])
    return linker_of_directories(words)


def linker_here(words: Sequence[str], directory: str) -> Linker:
    """The linker that a command run in `directory` takes on this machine: here a directory of `-B` can be looked at."""
    found = asked_linker(words)
    for place in _directories(words) if found is None else ():
        program = os.path.join(directory, place, ANY_LINKER)
        found = found or (linker_of_program(os.path.realpath(program)) if os.path.exists(program) else None)
    return found or linker_named(DEFAULT_LINKER)


def sparing_options(linker: Linker, version_line: str) -> Tuple[str, ...]:
    """The memory options that a linker of this version knows."""
    match = re.search(r"(\d+)\.\d", version_line)
    major = int(match.group(1)) if match else 0
    return next((each.options for each in linker.sparing if each.since_major <= major), ())


def _stem(option: str) -> str:
    return re.sub(r"^--(?:no-)?|=.*$", "", option)


SPARING_OPTIONS = tuple(option for each in LINKERS for sparing in each.sparing for option in sparing.options)
"""Every option by which some linker takes less memory; `-S`, which changes the program, is not among them."""
MEMORY_OPTION = re.compile(
    "--?(?:no-)?(?:{})(?:=\\d+)?".format(
        alternatives(map(_stem, (*SPARING_OPTIONS, *(option for each in LINKERS for option in each.trial_options))))
    )
)
"""Pattern of the options that only one linker understands and that a program is the same without: these, what undoes
them, and those for a trial."""

# -- compilers ------------------------------------------------------------------------------------------------


class Compiler(NamedTuple):
    """A family of compilers that builds are made with."""

    family: str
    c: str
    """The driver for C."""
    cxx: str
    """The driver for C++."""
    package: str
    """The Debian package of the C++ compiler, without version."""
    debug_info: Dict[str, Tuple[str, ...]]
    """Its flags for each value of the axis `debug_info`."""
    c_helper: str = ""
    """The program that its driver starts to compile C; empty where it does that itself."""
    cxx_helper: str = ""
    """The same for C++."""
    other_helpers: Tuple[str, ...] = ()
    compiles_in_process: bool = False
    """The driver compiles in its own process: that is what memory kills, and nobody is left to say so."""
    one_per_target: bool = False
    """Each target has a program of its own with the target's triplet before its name; otherwise `--target=` says it."""
    quiet_flags: Tuple[str, ...] = ()
    """Flags by which it says nothing of options that a command does not need."""

    @property
    def drivers(self) -> Tuple[str, ...]:
        """The names by which it is called."""
        return (self.c, self.cxx)

    @property
    def helpers(self) -> Tuple[str, ...]:
        """The programs that compile for it."""
        return tuple(name for name in (self.c_helper, self.cxx_helper, *self.other_helpers) if name)


COMPILERS = (
    Compiler(
        family="gcc",
        c="gcc",
        cxx="g++",
        package="g++",
        debug_info={"full": ("-g",), "line-tables": ("-g1",), "split": ("-g", "-gsplit-dwarf"), "none": ("-g0",)},
        c_helper="cc1",
        cxx_helper="cc1plus",
        other_helpers=("cc1obj",),
        one_per_target=True,
    ),
    Compiler(
        family="clang",
        c="clang",
        cxx="clang++",
        package="clang",
        debug_info={
            "full": ("-g",),
            "line-tables": ("-gline-tables-only",),
            "split": ("-g", "-gsplit-dwarf"),
            "none": ("-g0",),
        },
        compiles_in_process=True,
        quiet_flags=("-Qunused-arguments",),
    ),
)
SYSTEM_DRIVERS = ("cc", "c++")
"""Whichever compiler the system has."""
DRIVERS = (*SYSTEM_DRIVERS, *(name for each in COMPILERS for name in each.drivers), "gfortran")
COMPILE_HELPERS = (*(name for each in COMPILERS for name in each.helpers), "f951")
LINK_DRIVER = "collect2"
"""What gcc starts to link, which starts the linker."""
LTO_COMPILER = "lto1"
LTO_DRIVER = "lto-wrapper"
LINK_HELPERS = (LINK_DRIVER, LTO_DRIVER, LTO_COMPILER)
ASSEMBLER = "as"
OTHER_COMPILERS = ("icc", "icpc", "nvcc")
"""Drivers that are seen in logs only."""
OTHER_HELPERS = ("ptxas", "cicc", "rustc")
_DRIVER = re.compile("{}({}){}".format(TARGET, alternatives(DRIVERS), VERSION))


def compiler_of_family(family: str) -> Compiler:
    """The compilers of a family. Raises KeyError."""
    return {each.family: each for each in COMPILERS}[family]


def is_driver(name: str) -> bool:
    """Whether a program is a compiler's driver."""
    return _DRIVER.fullmatch(name) is not None


def compiler_of_program(path: str) -> Optional[Compiler]:
    """The family that a driver or its helper belongs to; None: it is none, or the system's, which may be any."""
    name = os.path.basename(path)
    match = _DRIVER.fullmatch(name)
    called = match.group(1) if match else name
    return next((each for each in COMPILERS if called in (*each.drivers, *each.helpers)), None)


# -- archivers ------------------------------------------------------------------------------------------------

ARCHIVERS = ("ar", "gcc-ar", "llvm-ar")
ARCHIVE_MEMORY_FACTOR = 0.3
"""Memory of an archiver for each byte of its members: the symbol table of what it holds."""
BINUTILS = ("as", "ar", "ranlib", "strip", "objcopy", "nm")
"""Programs that a cross build calls with the target's triplet before their names."""
_ARCHIVER = re.compile("{}(?:{}){}".format(TARGET, alternatives(ARCHIVERS), VERSION))


def is_archiver(name: str) -> bool:
    """Whether a program is an archiver."""
    return _ARCHIVER.fullmatch(name) is not None
