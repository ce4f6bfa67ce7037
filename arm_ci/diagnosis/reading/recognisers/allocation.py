"""A request for memory that was refused, or a program that could not be loaded, in the words of the tool that
asked."""

from __future__ import annotations

import re

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import DRIVER, LINKER, Recogniser, program_name

_GOLD, _MOLD = tools.linker_named("gold"), tools.linker_named("mold")
_REFUSED = (
    r"(?:out of memory|[Mm]emory exhausted|virtual memory exhausted|[Cc]annot allocate memory|[Nn]ot enough memory"
    r"|[Oo]ut [Oo]f [Mm]emory|[Ii]nsufficient memory|std::bad_alloc)"
)
_ALLOCATING = re.compile(r"^(?:\S+: )??(?P<program>[^\s:]+): out of memory allocating (?P<bytes>\d+) bytes")
_VIRTUAL_MEMORY_EXHAUSTED = re.compile(
    r"^(?:(?P<program>[^\s:]+): )?(?:fatal error: )?virtual memory exhausted(?:: +Cannot allocate memory)?$"
)
_GOLD_OUTPUT = re.compile(
    rf"^(?P<program>{LINKER}): fatal error: (?P<output>[^\s:]+): .*?failed to allocate (?P<bytes>\d+) bytes"
)
_LLD_OUTPUT = re.compile(
    rf"^(?P<program>{LINKER}): error: (?:failed to open|cannot open output file"
    rf"|failed to write(?: to)?(?: the)?(?: output file)?) "
    rf"(?P<output>\S+?): [Cc]annot allocate memory"
)
_TOO_LARGE = re.compile(
    rf"^(?P<program>{LINKER}): error: (?P<output>\S+?)\([^)]+\) is too large \((?P<bytes>0x[0-9a-f]+) bytes\)"
)
_MOLD_TRUNCATE = re.compile(
    rf"^(?P<program>{tools.alternatives(_MOLD.programs)}): fatal: ftruncate failed: Invalid argument"
)
_LINKER = re.compile(rf"^(?P<program>{LINKER}): (?:.*: )?{_REFUSED}$")
_LLVM = re.compile(
    r"^(?:LLVM ERROR: |fatal error: error in backend: ).*?(?:out of memory|Allocation failed"
    r"|[Cc]annot allocate memory)"
)
_MIMALLOC = re.compile(r"^mimalloc: error: .*?unable to allocate memory \((?P<bytes>\d+) bytes\)")
_BAD_ALLOC = re.compile(
    r"^(?:terminate called .* instance of '(?:std::bad_alloc|St9bad_alloc)'|\s*what\(\): +std::bad_alloc)"
)
_RUST = re.compile(r"^memory allocation of (?P<bytes>\d+) bytes failed")
_JAVA = re.compile(
    r"java\.lang\.OutOfMemoryError|There is insufficient memory for the Java Runtime|JavaScript heap out of memory"
    r"|Fatal javascript OOM"
    r"|core\.exception\.OutOfMemoryError|^heap exhausted|^MemoryError(?::|$)"
    r"|^(?:fatal error: )?runtime: (?:out of memory|cannot allocate)"
)
_JAVA_BYTES = re.compile(r"failed to (?:map|allocate) (?P<bytes>\d+) bytes")
# What starts processes, and has no memory for one more.
_FORK = re.compile(
    r"^(?!.*\btests?\b)(?:(?P<program>[\w./+-]+)(?:\[\d+\])?: )?"
    r".{0,120}?(?:\b(?:v?fork|posix_spawn|clone|spawn|create process|exec\w{0,4})\b|Cannot run program ).{0,160}?"
    r"(?:Cannot allocate memory|error=12\b|errno[= ]12\b|not enough memory|out of memory)",
    re.IGNORECASE,
)
_LOADER = re.compile(
    r"^(?P<program>[^\s:]+): error while loading shared libraries: (?P<library>[^\s:]+): "
    r"(?!.*(?:Operation not permitted|Permission denied))(?:failed to map segment"
    r"|cannot (?:create|allocate|map|apply|change|enable|make)|.*Cannot allocate memory)"
)
_PARTS = tools.alternatives(
    (
        *tools.COMPILE_HELPERS,
        tools.LTO_COMPILER,
        tools.LTO_DRIVER,
        *tools.OTHER_HELPERS,
        *tools.BINUTILS,
        *_GOLD.message_names,
    )
)
_TOOLS = (
    rf"{tools.TARGET}(?:{_PARTS}|dwz|ghc|go|compile|link"
    r"|ccache|distcc|ninja|make|gmake|cmake|git|tar|xz|dpkg|dpkg-deb|apt|apt-get|python3?|perl|node|java|javac"
    r"|protoc|swig"
    r"|cudafe\+\+|dmd|ldc2|gdc|sh|bash|[\w-]+\.exe)"
)
_TOOL = re.compile(
    rf"^(?:\S*/)?(?P<program>{_TOOLS}|{DRIVER})(?:-[\d.]+)?(?:\[\d+\])?: (?:.*?[: ])??{_REFUSED}(?:$|[.:]|\s\()"
)
_ANY_TOOL = re.compile(r"^(?P<program>[\w./+-]*[\w+-]): [Cc]annot allocate memory$")
_COMPILER = re.compile(rf"^(?P<source>[^\s:]+):(?:\d+:)* (?:fatal )?error: (?!.*assert)(?:.*: )?{_REFUSED}$")
_PYTHON = re.compile(r"^OSError: \[Errno 12\] Cannot allocate memory")
_ASSEMBLER = re.compile(rf"^(?:\{{[^}}]*\}}|\S+): (?:Fatal error|Error): (?:.*: )?{_REFUSED}")


def _named(match: re.Match[str]) -> Finding:
    groups = match.groupdict()
    asked = groups.get("bytes")
    return Finding(
        "refused",
        program=program_name(groups.get("program") or ""),
        output=groups.get("output") or "",
        source=groups.get("source") or "",
        bytes=int(asked) if asked else None,
    )


def _gold(match: re.Match[str]) -> Finding:
    # gold's own words, under whichever name it was started.
    return Finding("refused", program=_GOLD.program, output=match["output"], bytes=int(match["bytes"]))


def _too_large(match: re.Match[str]) -> Finding:
    program = program_name(match["program"])
    # Only bfd says so, under whichever name it was started.
    return Finding(
        "too-large",
        program=tools.linker_called(program).program,
        output=match["output"],
        bytes=int(match["bytes"], 16),
    )


def _mold_truncate(match: re.Match[str]) -> Finding:
    # ftruncate refuses a negative length: more than 2 GB in the 32-bit off_t of a 32-bit program.
    return Finding("too-large", program=program_name(match["program"]))


def _mimalloc(match: re.Match[str]) -> Finding:
    # The allocator of mold.
    return Finding("refused", program=_MOLD.program, bytes=int(match["bytes"]))


def _unnamed(match: re.Match[str]) -> Finding:
    return Finding("refused")


def _fork(match: re.Match[str]) -> Finding:
    name = match["program"] or ""
    known = (
        name
        and re.fullmatch(rf"(?:\S*/)?(?:{_TOOLS}|{DRIVER}|[\w-]+)(?:-[\d.]+)?", name)
        and name.lower() not in ("error", "fatal", "oserror")
    )
    return Finding("fork-refused", program=program_name(name) if known else "")


def _python(match: re.Match[str]) -> Finding:
    return Finding("fork-refused", program="python3")


def _loader(match: re.Match[str]) -> Finding:
    return Finding("not-loaded", program=program_name(match["program"]))


def _assembler(match: re.Match[str]) -> Finding:
    return Finding("refused", program=tools.ASSEMBLER)


RECOGNISERS = (
    Recogniser(("out of memory allocating",), _ALLOCATING, _named),
    Recogniser(("is too large (0x",), _TOO_LARGE, _too_large),
    Recogniser(("ftruncate failed",), _MOLD_TRUNCATE, _mold_truncate),
    Recogniser(("loading shared libraries",), _LOADER, _loader),
    Recogniser(("virtual memory exhausted",), _VIRTUAL_MEMORY_EXHAUSTED, _named),
    Recogniser(("failed to allocate",), _GOLD_OUTPUT, _gold),
    Recogniser(("cannot allocate memory",), _LLD_OUTPUT, _named),
    Recogniser(("fork", "spawn", "cannot run program", "clone", "create process", "exec"), _FORK, _fork),
    Recogniser(("memory",), _LINKER, _named),
    Recogniser(("llvm error: ", "error in backend"), _LLVM, _unnamed),
    Recogniser(("mimalloc: error",), _MIMALLOC, _mimalloc),
    Recogniser(("bad_alloc",), _BAD_ALLOC, _unnamed),
    Recogniser(("memory allocation of",), _RUST, _named),
    Recogniser(("failed to map", "failed to allocate"), _JAVA_BYTES, _named),
    Recogniser(("memory", "heap", "oom in"), _JAVA, _unnamed),
    Recogniser(("memory",), _ASSEMBLER, _assembler),
    Recogniser(("memory",), _COMPILER, _named),
    Recogniser(("errno 12",), _PYTHON, _python),
    Recogniser(("memory",), _TOOL, _named),
    Recogniser(("cannot allocate memory",), _ANY_TOOL, _named),
)
