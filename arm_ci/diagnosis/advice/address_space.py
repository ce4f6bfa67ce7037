"""Advice where the address space was too small: 32 bits or RLIMIT_AS. Mapped files count, and swap is of no use."""

from __future__ import annotations

import re
from collections.abc import Iterable

from arm_ci.agent.tools import DEFAULT_LINKER, SPARING_LINKERS, STRIP
from arm_ci.diagnosis.advice import measured
from arm_ci.diagnosis.advice.measured import COMPILE, LINK, LINKERS, LinkCost
from arm_ci.diagnosis.advice.option import Option, for_linker, not_measured
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import round_up, size
from arm_ci.diagnosis.judging.failed_edge import addresses_seen

_FULL_TOP_BYTES = 0xF000_0000
"""A 32-bit process whose address space ends above this has all 4 GB: its kernel is a 64-bit one."""
_OUTPUT_REFUSED = re.compile(r"bytes for output file\b|failed to open .*: Cannot allocate memory|ftruncate failed")
"""What gold, lld and mold say when the whole of their output could not be mapped, or made."""


def options(situation: Situation) -> Iterable[Option]:
    """Lift RLIMIT_AS where that was it; fewer addresses; a larger address space."""
    limited = _rlimit(situation)
    if limited is not None:
        yield _raise_rlimit(situation, limited)
    if situation.stage == "link":
        yield from _link(situation)
    elif situation.stage == "compile":
        yield from _compile(situation)
    if limited is None:
        yield from _larger(situation)


def options_of_both_regimes(situation: Situation) -> Iterable[Option]:
    """What needs less RAM and less addresses, for a refusal whose cause is not known."""
    if situation.stage == "compile":
        yield from _compile(situation)
        return
    if situation.stage != "link" or situation.has(STRIP) or situation.has("-s"):
        return
    linker = situation.linker or DEFAULT_LINKER
    costs = LINKERS.get(linker)
    text = "Link without debug information, which helps whichever limit it was: {}."
    if costs is None:
        yield Option(text.format(for_linker(STRIP)), not_measured(linker))
        return
    words, cost = for_linker(STRIP), costs.stripped
    if costs.sparing_stripped is not None and situation.sparing:
        words, cost = for_linker(STRIP, *situation.sparing), costs.sparing_stripped
    yield Option(
        text.format(words),
        f"{LINK} {linker} took {cost.anonymous:,} instead of {costs.plain.anonymous:,} MB of anonymous "
        f"memory and {cost.virtual:,} instead of {costs.plain.virtual:,} MB of addresses.",
    )


def _rlimit(situation: Situation) -> int | None:
    """RLIMIT_AS, where it and not the size of a pointer was the limit."""
    if situation.report is None:
        return None
    limits = situation.report.limits
    limit = limits.rlimit_as_bytes
    if limit is None or (situation.address_bits == 32 and limit >= (limits.address_top_bytes or 1 << 32)):
        return None
    return limit


def _raise_rlimit(situation: Situation, limit: int) -> Option:
    wanted = max(situation.addresses or 0, limit)
    asked = f" and asked for {size(situation.verdict.bytes)} more" if situation.verdict.bytes else ""
    had = situation.verdict.used_bytes or addresses_seen(situation.edge)
    used = f"; {situation.program or 'the program'} had {size(had)}{asked}" if had else ""
    kilobytes = round_up(wanted * 1.25) // 1024
    return Option(
        f"Lift the limit of addresses (`ulimit -v unlimited`), or raise it to at least `ulimit -v {kilobytes}`.",
        f"RLIMIT_AS allows {size(limit)}{used}.",
        True,
    )


def _link(situation: Situation) -> Iterable[Option]:
    if _output_too_large(situation):
        yield from _smaller_output(situation)
        return
    yield from _with_options(situation)
    for other in SPARING_LINKERS:
        costs = LINKERS.get(other)
        if costs and situation.costs and costs.plain.virtual < situation.costs.plain.virtual:
            yield _estimated(situation, f"Link with {other}: -fuse-ld={other}.", costs.plain)
    if situation.links_archives:
        bfd = LINKERS["bfd"]
        cost = bfd.against_shared or bfd.plain
        yield Option(
            "Make a shared library of the largest static archive and link against it; the library itself has to be "
            "linked once, with the same options.",
            f"{LINK} bfd took {cost.virtual:,} instead of {bfd.plain.virtual:,} MB of addresses.",
        )
    lld, mold = LINKERS["lld"], LINKERS["mold"]
    yield Option(
        "Compile with less debug information: -g1 or -g0.",
        f"Linkers map their input: {LINK[0].lower()}{LINK[1:]} without debug information lld took "
        f"{lld.stripped.virtual:,} instead of {lld.plain.virtual:,} MB of addresses, mold "
        f"{mold.stripped.virtual:,} instead of {mold.plain.virtual:,}.",
    )


def _with_options(situation: Situation) -> Iterable[Option]:
    """The linker's own options: those that save memory, and the one that leaves debug information out."""
    linker, costs, sparing = situation.linker, situation.costs, situation.sparing
    is_sparing = bool(sparing) and situation.has(sparing[0])
    text = "Link without debug information: {}."
    if linker is None:
        return
    if costs is None:
        if not situation.has(STRIP):
            yield Option(text.format(for_linker(STRIP)), not_measured(linker))
        return
    if costs.sparing is not None:
        if not is_sparing:
            yield _estimated(situation, f"Link with {linker}'s {for_linker(*sparing)}.", costs.sparing)
            same = f"The same and no debug information: {for_linker(*sparing, STRIP)}."
            yield _estimated(situation, same, costs.sparing_stripped or costs.sparing)
    elif costs.sparing_stripped is not None and not is_sparing:
        yield _estimated(situation, text.format(for_linker(STRIP, *sparing)), costs.sparing_stripped)
    elif not situation.has(STRIP):
        yield _estimated(situation, text.format(for_linker(STRIP)), costs.stripped)


def _output_too_large(situation: Situation) -> bool:
    """Whether the output of a 32-bit linker is too large for one map of it: other maps hardly matter then."""
    if situation.address_bits != 32:
        return False
    asked, limit = situation.verdict.bytes, situation.address_limit
    if asked is not None and limit is not None and asked <= limit / 2:
        return False
    return any(each.source == "log" and _OUTPUT_REFUSED.search(each.text) for each in situation.verdict.evidence)


def _smaller_output(situation: Situation) -> Iterable[Option]:
    """Tried with 32-bit gold, lld and mold: none has an option, and none is a way out, while the output is as large."""
    asked = situation.verdict.bytes
    which = f"Its output of {size(asked)}" if asked else "Its output"
    because = (
        f"{which} did not fit in one piece, and gold (with --no-mmap-output-file too), lld and mold all need that."
    )
    if not situation.has(STRIP) and not situation.has("-s"):
        yield Option(f"Link without debug information: {for_linker(STRIP)}.", because)
    yield Option("Compile with less debug information: -g1 or -g0.", because)
    if situation.links_archives:
        yield Option("Make a shared library of the largest static archive and link against it.", because)


def _estimated(situation: Situation, text: str, cost: LinkCost) -> Option:
    """An option that makes a link take `cost` instead of what its linker takes."""
    had, limit = situation.addresses, situation.address_limit
    if situation.costs is None:
        return Option(text, f"{LINK} it took {cost.virtual:,} MB of addresses.")
    before = situation.costs.plain.virtual
    measure = f"{LINK} it took {cost.virtual:,} instead of {situation.linker}'s {before:,} MB of addresses"
    if had is None or limit is None:
        return Option(text, f"{measure}.")
    estimate = had * cost.virtual / before
    return Option(
        text,
        f"{measure}: here {size(estimate)} or more instead of the {size(had)} that {situation.program or 'it'} had or "
        f"asked for; there are {size(limit)}.",
        estimate <= limit,
    )


def _compile(situation: Situation) -> Iterable[Option]:
    if situation.compiler == "gcc":
        yield Option(
            "Compile the largest sources with clang.",
            f"{COMPILE} clang took {measured.CLANG_FOR_GCC:.2f} of gcc's memory.",
        )
    if situation.keeps_debug:
        yield Option(
            "Compile it with less debug information: -g1 or -g0.",
            f"{COMPILE} gcc took {measured.GCC_NO_DEBUG:.2f} of the memory with -g0.",
        )


def _larger(situation: Situation) -> Iterable[Option]:
    """A 32-bit process can have up to 4 GB, a 64-bit one as much as there is memory."""
    if situation.address_bits == 64:
        return
    top = situation.address_limit
    model = str(situation.report.host.get("model", "")) if situation.report else ""
    there = f"A program of this userland has {size(top)} of addresses" if top else "A 32-bit program has at most 4 GB"
    if (not model or "Raspberry Pi" in model) and (top is None or top < _FULL_TOP_BYTES):
        yield Option(
            "On a Raspberry Pi set arm_64bit=1 in config.txt: a 64-bit kernel gives 32-bit programs about 4 GB.",
            f"{there}; the 32-bit kernel keeps the rest for itself.",
            None if situation.addresses is None else situation.addresses < _FULL_TOP_BYTES,
        )
    yield Option(
        "Use a 64-bit OS, or cross-build on one: it has no such limit.",
        f"{there}; RAM and swap were not the limit, so more of them changes nothing.",
        True,
    )
