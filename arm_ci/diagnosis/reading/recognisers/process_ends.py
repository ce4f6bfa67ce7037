"""How a process ended: by a signal, as its parent, its shell or a wrapper tells it, in any language."""

from __future__ import annotations

import re

from arm_ci.agent import tools
from arm_ci.diagnosis.reading.findings import Finding, Means
from arm_ci.diagnosis.reading.recognisers.recogniser import DRIVER, Recogniser, program_name
from arm_ci.diagnosis.reading.translations import SIGNALS, signal_of

_HELPER = tools.alternatives((*tools.COMPILE_HELPERS, tools.LTO_COMPILER, tools.ASSEMBLER, tools.ANY_LINKER))
# What collect2 and lto-wrapper start.
_STARTED = (tools.ANY_LINKER, *tools.compiler_of_family("gcc").drivers, tools.LTO_COMPILER, tools.LTO_DRIVER)
# gcc's driver of 4.4 and later. Since gcc 7 it says `fatal error` for SIGINT, SIGQUIT, SIGKILL and SIGTERM alone.
_GCC = re.compile(
    rf"^(?P<driver>{DRIVER}|\S+): (?P<kind>[^:]+): (?P<word>.+?) signal terminated program (?P<program>\S+)"
)
_GCC_OLD = re.compile(
    rf"^(?P<driver>{DRIVER}): (?P<kind>[^:]+): (?P<word>[^:()]+?)(?: \(core dumped\))? \(program (?P<program>\S+)\)"
)
# Translated as a whole: `gcc: erreur fatale: le signal Processus arrêté a terminé le programme cc1`.
_GCC_TRANSLATED = re.compile(
    rf"^(?P<driver>{DRIVER}): (?P<kind>[^:]+): (?P<words>.*\b[Ss]ign\w*.*?)\b(?P<program>{_HELPER})\b"
)
_COLLECT2 = re.compile(
    rf"^(?:\S*/)?(?P<driver>{tools.LINK_DRIVER}|{tools.LTO_DRIVER})(?:\.exe)?: (?:[^:]+: )?(?P<words>[^:]*?)\b"
    r"(?P<number>\d+) ?\[[^\]]*\]"
)
_CLANG = re.compile(rf"^(?P<driver>{DRIVER}): error: unable to execute command: (?P<word>[^:]+)$")
_CLANG_FRONTEND = re.compile(
    rf"^(?P<driver>{DRIVER}): error: clang frontend command failed (?:with exit code (?P<status>\d+)|due to signal)"
)
_JOB_WORDS = r"(?P<word>[^\W\d_][^\d:]*?(?: \([^)]*\))?)"
_SHELL_JOB = re.compile(
    rf"^(?:[^:]*: (?:line )?\d+: |\[\d+\]\s*[+-]?\s+)?\s*(?P<pid>\d+) {_JOB_WORDS}(?: {{2,}}|\t)(?P<command>\S.*)$"
)
_SHELL_LINE = re.compile(rf"^[^:]*: line \d+: +(?P<pid>\d+) {_JOB_WORDS} +(?P<command>[./\w(].*)$")
_ZSH = re.compile(
    r"^zsh: (?P<word>killed|terminated|segmentation fault|abort|bus error) +(?:\(core dumped\) +)?(?P<command>\S.*)$"
)
_ALONE = re.compile(r"^(?P<word>[^\W\d_][^:,.;=<>\"']{2,50}?(?:: 9)?)$")
_ENDED = r"(?:terminated|killed|failed|exited|died|stopped|crashed|received|caught|got)"
_BY_NUMBER = re.compile(
    rf"(?:^|(?<=\s))(?:(?P<program>[\w.+-]+):? (?:was )?)?{_ENDED} (?:(?:by|with|on|due to|from) )?(?:a )?"
    r"(?:signal:? ?\(?|<Signals\.|(?=SIG))(?P<signal>SIG[A-Z]+|\d{1,2}\b)"
    r"|\(signal: (?P<cargo>\d{1,2})\b|\bcode=(?:killed|dumped), status=(?P<systemd>\d{1,2})\b"
)
_NO_PROGRAMS = (
    "process",
    "child",
    "job",
    "command",
    "it",
    "subprocess",
    "error",
    "program",
    "task",
    "and",
    "has",
    "exit",
)
_NEGATIVE = re.compile(r"(?:exit (?:status|code)|returned|returncode|rc)[:= ]+-(?P<signal>\d{1,2})\b")
_STATUS = re.compile(
    r"\b(?:exit ?code|exit(?:ed)?|returned|status|code|rc|error|fehler|erreur)\b[\"']?"
    r"(?: (?:with|an?|non-?zero|exit|status|code|value|is|was)\b)*[\"']?\s*[:= ]\s*"
    r"\(?(?P<status>1(?:29|3[0-9]|43|53))\b(?!\.\d|%|,\d|:\d)",
    re.IGNORECASE,
)
_KERNEL = re.compile(r"\bKill(?:ed)? process \d+ \((?P<program>[^)]+)\)(?:.* total-vm:|.* score \d|, UID)")
_NAMES = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGABRT": 6,
    "SIGBUS": 7,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGSEGV": 11,
    "SIGPIPE": 13,
    "SIGTERM": 15,
    "SIGXFSZ": 25,
}


def means_of(signal: int) -> Means:
    """What a process's end by that signal means. Number 0 is a signal whose name we do not know."""
    if signal in (0, 9):
        return "killed"
    if signal in (1, 2, 3, 13, 14, 15, 24):
        return "terminated"
    return "file-limit" if signal == 25 else "crashed"


def _end(signal: int, program: str = "", command: str = "", status: int | None = None) -> Finding:
    return Finding(
        means_of(signal),
        program=program_name(program) if program else "",
        signal=signal,
        command=command,
        status=status,
    )


def _gcc(match: re.Match[str]) -> Finding:
    signal = signal_of(match["word"])
    if signal is None:
        signal = 0
    return _end(signal, match["program"])


def _gcc_old(match: re.Match[str]) -> Finding | None:
    signal = signal_of(match["word"])
    return None if signal is None else _end(signal, match["program"])


def _gcc_translated(match: re.Match[str]) -> Finding | None:
    signal = _signal_within(match["words"])
    return None if signal is None else _end(signal, match["program"])


def _signal_within(words: str) -> int | None:
    parts = words.split()
    for length in range(min(4, len(parts)), 0, -1):
        for start in range(len(parts) - length + 1):
            signal = signal_of(" ".join(parts[start : start + length]).strip("«»\"'[]„“"))
            if signal is not None:
                return signal
    return None


def _collect2(match: re.Match[str]) -> Finding:
    words = match["words"].split()
    program = next((word for word in words if word in _STARTED), "")
    if not program:
        program = tools.ANY_LINKER if match["driver"] == tools.LINK_DRIVER else "".join(words[:1])
    return _end(int(match["number"]), program)


def _clang(match: re.Match[str]) -> Finding | None:
    signal = signal_of(match["word"])
    # The driver tells of the linker and of cc1 with the same words; the next line says which.
    return None if signal is None else _end(signal)


def _clang_frontend(match: re.Match[str]) -> Finding:
    status = int(match["status"]) if match["status"] else None
    signal = status - 128 if status and status > 128 else None
    if signal is None:
        return Finding("crashed", program=program_name(match["driver"]))
    return _end(signal, match["driver"], status=status)


def _shell(match: re.Match[str]) -> Finding | None:
    signal = signal_of(match["word"])
    return None if signal is None else _end(signal, command=match["command"])


def _zsh(match: re.Match[str]) -> Finding | None:
    signal = {"killed": 9, "terminated": 15, "abort": 6, "segmentation fault": 11, "bus error": 7}[match["word"]]
    return _end(signal, command=match["command"])


def _kernel(match: re.Match[str]) -> Finding:
    return Finding("kernel-kill", program=match["program"], signal=9)


def _alone(match: re.Match[str]) -> Finding | None:
    word = match["word"].removesuffix(": 9")
    signal = signal_of(word)
    if signal in (2, 15) and word not in SIGNALS:
        # In many languages the word for SIGTERM also says that something is done.
        return None
    return None if signal is None else _end(signal)


def _by_number(match: re.Match[str]) -> Finding | None:
    groups = match.groupdict()
    name = next(each for each in (groups["signal"], groups.get("cargo"), groups.get("systemd")) if each)
    signal = _NAMES.get(name) if name.startswith("SIG") else int(name)
    if signal is None or not 0 < signal < 65:
        return None
    program = groups.get("program") or ""
    return _end(signal, "" if program.lower() in _NO_PROGRAMS else program)


def _status(match: re.Match[str]) -> Finding | None:
    status = int(match["status"])
    if status - 128 not in (1, 2, 4, 6, 7, 9, 11, 15, 25):
        return None
    return _end(status - 128, status=status)


RECOGNISERS = (
    Recogniser((" process ",), _KERNEL, _kernel),
    Recogniser(("signal terminated program",), _GCC, _gcc),
    Recogniser((" (program ",), _GCC_OLD, _gcc_old),
    Recogniser(("sign",), _GCC_TRANSLATED, _gcc_translated),
    Recogniser((tools.LINK_DRIVER, tools.LTO_DRIVER), _COLLECT2, _collect2),
    Recogniser(("unable to execute command",), _CLANG, _clang),
    Recogniser(("frontend command failed",), _CLANG_FRONTEND, _clang_frontend),
    Recogniser((": line ",), _SHELL_LINE, _shell),
    Recogniser(("  ", "\t"), _SHELL_JOB, _shell),
    Recogniser(("zsh: ",), _ZSH, _zsh),
    Recogniser(("",), _ALONE, _alone),
    Recogniser(
        ("signal", "status=", "killed", "terminated by", "terminated with", "died with", "sigkill"),
        _BY_NUMBER,
        _by_number,
    ),
    Recogniser((" -", "=-", ":-"), _NEGATIVE, _by_number),
    Recogniser(("13", "129", "143", "153"), _STATUS, _status),
)
