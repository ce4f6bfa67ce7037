"""What a link trial says: the table of what fitted and what did not, the advice drawn from it, the settings for it."""

from __future__ import annotations

from collections.abc import Sequence

from arm_ci.agent.link_trial.trial_result import (
    BROKEN,
    FAILED,
    FITS,
    REFUSED,
    TOO_SLOW,
    TrialLimits,
    TrialResult,
    TrialRow,
)
from arm_ci.agent.tools import SPARING_LINKERS, STRIP, linker_called
from arm_ci.diagnosis.advice.measured import LINK, LINKERS
from arm_ci.diagnosis.figures import count, duration, size
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import MEMORY_KINDS, Advice, Kind, Verdict

_ORDER = (FITS, TOO_SLOW, FAILED, BROKEN, REFUSED)
_ADDRESSES: tuple[Kind, ...] = ("address-space",)
# An option that saves less is not worth another line in the configuration.
_WORTHWHILE = 0.95
# With debug information left out the program cannot be debugged: that must save more.
_WORTH_STRIPPING = 0.85
_HEAD = ("linker", "options", "result", "anonymous + swap", "RSS", "addresses", "time")


def trial_verdict(row: TrialRow) -> Verdict:
    """What a link that did not fit died of."""
    scanner = LogScanner()
    scanner.feed(row.log.encode("utf-8", "replace"))
    return judge(scanner.finish(), row.report, (), Ended(row.exit_status, row.signal))


def result_words(row: TrialRow) -> str:
    """How a row ended, in few words: `fits`, the verdict's kind, `too slow`."""
    if row.ended == FAILED:
        return trial_verdict(row).kind
    if row.ended == TOO_SLOW and trial_verdict(row).kind == "thrashing":
        return "too slow (thrashing)"
    return row.ended


def _by_addresses(result: TrialResult) -> bool:
    """Whether addresses were what ran out: then the largest address space decides, otherwise anonymous memory."""
    kinds = [trial_verdict(row).kind for row in result.rows if row.ended == FAILED]
    return any(kind in _ADDRESSES for kind in kinds) and "oom-kill" not in kinds


def _need(row: TrialRow, by_addresses: bool) -> int | None:
    return row.peak_virtual_bytes if by_addresses else row.peak_anonymous_swap_bytes


def sorted_rows(result: TrialResult) -> list[TrialRow]:
    """What fits first, the least need first; then what did not, in the order in which it was tried."""
    by_addresses = _by_addresses(result)

    def key(row: TrialRow) -> tuple[int, float, float]:
        place = _ORDER.index(row.ended)
        if row.ended != FITS:
            return place, 0.0, 0.0
        need = _need(row, by_addresses)
        return place, float("inf") if need is None else need, row.seconds or 0.0

    return sorted(result.rows, key=key)


def limits_words(limits: TrialLimits) -> str:
    """What every link had: `334 MB of memory (cgroup), no swap, 1.0 GB of addresses (ulimit -v)`."""
    parts = []
    if limits.memory_bytes is not None:
        parts.append(f"{size(limits.memory_bytes)} of memory" + (" (cgroup)" if limits.in_cgroup else ""))
    if limits.swap_bytes is not None:
        parts.append(f"{size(limits.swap_bytes)} of swap" if limits.swap_bytes else "no swap")
    if limits.rlimit_as_bytes is not None:
        parts.append(f"{size(limits.rlimit_as_bytes)} of addresses (ulimit -v)")
    if limits.address_bits == 32:
        parts.append("32-bit programs")
    return ", ".join(parts)


def trial_table(result: TrialResult) -> str:
    """The trial as text, with its figures and what there is to know about them."""
    fitting = sum(row.ended == FITS for row in result.rows)
    fit = {0: "none fits", 1: "1 fits"}.get(fitting, f"{fitting} fit")
    lines = [
        f"Link of {result.link.output}: {count(len(result.rows), 'way')} tried, {fit}.",
        f"Each alone, with {limits_words(result.limits)}, at most {duration(result.limits.seconds)}.",
        "",
        *_aligned([_HEAD, *(_cells(row) for row in sorted_rows(result))]),
    ]
    more = [f"{row.linker} {' '.join(row.options)}".rstrip() + f": {row.why}" for row in result.rows if row.why]
    more += [
        f"{row.linker} is used by a directory (-B): this compiler has no -fuse-ld= for it." for row in _directed(result)
    ]
    more += [f"Not on this machine: {', '.join(result.absent)}."] if result.absent else []
    more += result.notes
    more += [] if result.complete else ["The trial was stopped before its end."]
    return "\n".join([*lines, *([""] if more else []), *more]) + "\n"


def _directed(result: TrialResult) -> list[TrialRow]:
    first = {row.linker: row for row in reversed(result.rows) if row.by_directory}
    return list(first.values())


def _cells(row: TrialRow) -> tuple[str, ...]:
    options = " ".join(row.options)
    if row.as_built:
        options = f"{options} (as in the build)".lstrip()
    figures = (row.peak_anonymous_swap_bytes, row.peak_rss_bytes, row.peak_virtual_bytes)
    return (
        row.linker or "?",
        options,
        result_words(row),
        *("" if figure is None else size(figure) for figure in figures),
        "" if row.seconds is None else duration(row.seconds),
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        # Words to the left, figures to the right.
        cells = [
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


# -- advice -------------------------------------------------------------------------------------------------------


def best_rows(result: TrialResult) -> list[TrialRow]:
    """What is worth changing to, best first: with the debug information, and without where that saves much."""
    by_addresses = _by_addresses(result)
    fitting = _measured_others(result, by_addresses)
    whole = _least([row for row in fitting if STRIP not in row.options], by_addresses)
    stripped = _least([row for row in fitting if STRIP in row.options], by_addresses)
    if whole and stripped and not _saves(stripped, whole, by_addresses, _WORTH_STRIPPING):
        stripped = None
    return [row for row in (whole, stripped) if row]


def _measured_others(result: TrialResult, by_addresses: bool) -> list[TrialRow]:
    """What fits and is not the link as it was built."""
    fitting = [row for row in result.rows if row.ended == FITS and _need(row, by_addresses) is not None]
    return [row for row in fitting if row.linker and not row.as_built]


def _saves(row: TrialRow, other: TrialRow, by_addresses: bool, part: float) -> bool:
    return (_need(row, by_addresses) or 0) < (_need(other, by_addresses) or 0) * part


def _least(rows: Sequence[TrialRow], by_addresses: bool) -> TrialRow | None:
    """The least need, with as few options as cost next to nothing."""
    best: TrialRow | None = None
    for row in sorted(rows, key=lambda each: (len(each.options), _need(each, by_addresses) or 0)):
        if best is None or _saves(row, best, by_addresses, _WORTHWHILE):
            best = row
    return best


def trial_advice(result: TrialResult) -> tuple[Advice, ...]:
    """What to change so that this link fits, best first."""
    built = next((row for row in result.rows if row.as_built), None)
    best = best_rows(result)
    found = []
    if built is not None and built.ended == FITS:
        text = f"Run nothing beside the link of {result.link.output}: as it was in the build it fits alone."
        found.append(Advice(text, f"{_took(built)}; {_there(result)}."))
    for row in best:
        without = " The program is then without debug information." if STRIP in row.options else ""
        found.append(Advice(f"Link {result.link.output} with {how_words(row)}.{without}", _because(result, row, built)))
    if not found:
        found.append(_none_fits(result))
    return (*found, *_not_tried(result, best))


def _not_tried(result: TrialResult, best: Sequence[TrialRow]) -> list[Advice]:
    """Linkers that take little and are not on the machine, where none like them fits."""
    lacking = [name for name in SPARING_LINKERS if name in result.absent]
    if not lacking or any(row.linker.startswith(SPARING_LINKERS) for row in best):
        return []
    measured = ", ".join(f"{name} {costs.plain.anonymous:,} MB" for name, costs in LINKERS.items())
    return [
        Advice(
            f"Install {' and '.join(lacking)} on the worker and repeat the trial.",
            f"Not tried, for want of the program. {LINK} the linkers took so much anonymous memory: {measured}.",
        )
    ]


def how_words(row: TrialRow) -> str:
    """`lld and -Wl,-S`."""
    options = " ".join(f"-Wl,{option}" for option in row.options)
    return f"{row.linker} and {options}" if options else row.linker


def _took(row: TrialRow) -> str:
    parts = []
    if row.peak_anonymous_swap_bytes is not None:
        parts.append(f"{size(row.peak_anonymous_swap_bytes)} of anonymous memory")
    if row.peak_virtual_bytes is not None:
        parts.append(f"{size(row.peak_virtual_bytes)} of addresses")
    figures = " and ".join(parts) or "memory that was not seen"
    return f"It fits with {figures}" + ("" if row.seconds is None else f", in {duration(row.seconds)}")


def _there(result: TrialResult) -> str:
    return f"there were {limits_words(result.limits)}"


def _because(result: TrialResult, row: TrialRow, built: TrialRow | None) -> str:
    sentence = f"{_took(row)}; {_there(result)}."
    if built is None or built.ended == FITS:
        return sentence
    need = _need(built, _by_addresses(result))
    at = "" if need is None else f" at {size(need)}"
    linker = f" ({built.linker})" if built.linker else ""
    return f"{sentence} As in the build{linker} it ended as {result_words(built)}{at}."


def _died_of_memory(row: TrialRow) -> bool:
    return row.ended == FAILED and trial_verdict(row).kind in MEMORY_KINDS


def _none_fits(result: TrialResult) -> Advice:
    by_addresses = _by_addresses(result)
    died = [row for row in result.rows if row.ended == TOO_SLOW or _died_of_memory(row)]
    if not died:
        words = sorted({result_words(row) for row in result.rows})
        return Advice(
            f"Repair the link of {result.link.output}: memory is not what it fails for.",
            f"{count(len(result.rows), 'way')} tried: {', '.join(words)}.",
        )
    text = (
        f"Give the link of {result.link.output} more memory, or less to link: no linker on this machine makes it fit."
    )
    if by_addresses:
        text = f"Build on a 64-bit system, or link less into {result.link.output}: no linker here makes it fit."
    tried = f"{count(len(result.rows), 'way')} tried; {_there(result)}."
    return Advice(text, tried + _least_that_died(died, by_addresses))


def _least_that_died(died: Sequence[TrialRow], by_addresses: bool) -> str:
    ran = [row for row in died if _need(row, by_addresses)]
    if not ran:
        return ""
    least = min(ran, key=lambda row: _need(row, by_addresses) or 0)
    name = " ".join((least.linker or "its own linker", *least.options))
    return f" The least had {name}: {size(_need(least, by_addresses) or 0)} when it ended as {result_words(least)}."


# -- settings -----------------------------------------------------------------------------------------------------


def linker_flags(row: TrialRow) -> str:
    """What to give to the compiler: `-fuse-ld=lld -Wl,-S`."""
    selection = f"-BDIRECTORY-WITH-{row.program}-AS-ld" if row.by_directory else f"-fuse-ld={row.linker}"
    return " ".join([selection, *(f"-Wl,{option}" for option in row.options)])


def toolchain_entry(row: TrialRow) -> str:
    """The linker as an entry of `linkers:` in toolchains.yaml."""
    linker = linker_called(row.linker)
    words = [row.linker, *(option.lstrip("-").lower().replace("=", "-") for option in row.options)]
    program = row.program if row.by_directory else linker.fuse_ld_program
    minimum = f">={linker.gcc_since}" if linker.gcc_since and not row.by_directory else ""
    lines = [
        f"  {'-'.join(words)}:",
        f"    program: {program}",
        f"    selection: {'directory' if row.by_directory else 'fuse-ld'}",
        f"    compilers: {{gcc: '{minimum}', clang: ''}}",
    ]
    if row.options:
        lines.append(f"    options: [{', '.join(row.options)}]")
    return "\n".join(lines) + "\n"
