"""Advice where RAM and swap, or a cgroup's limit, were too small: what counts is anonymous memory."""

from __future__ import annotations

from collections.abc import Iterable

from arm_ci.agent.tools import DEFAULT_LINKER, SPARING_LINKERS, STRIP
from arm_ci.diagnosis.advice import measured
from arm_ci.diagnosis.advice.measured import COMPILE, LINK, LINKERS, LinkCost, LinkerCosts
from arm_ci.diagnosis.advice.option import Option, for_linker, not_measured
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import count, round_up, size

_ZRAM_RATIO = 3
"""How far zram compresses what compilers hold: RAM has to suffice for this part of it."""
_NAMED = 4
_COLLECTING = "--param ggc-min-expand=10 --param ggc-min-heapsize=32768"


def options(situation: Situation) -> Iterable[Option]:
    """Everything: smaller programs, fewer of them, more memory; for a link its linker first."""
    if situation.stage == "link":
        yield from smaller_options(situation)
        yield from _fewer(situation)
    else:
        yield from _fewer(situation)
        yield from smaller_options(situation)
    yield from _more(situation)


def smaller_options(situation: Situation) -> Iterable[Option]:
    """What makes the program itself smaller."""
    if situation.stage == "link":
        return _link(situation)
    return _compile(situation) if situation.stage == "compile" else ()


# -- a smaller program --------------------------------------------------------------------------------------------


def _link(situation: Situation) -> Iterable[Option]:
    linker, costs = situation.linker, situation.costs
    best = min((name for name in SPARING_LINKERS if name in LINKERS), key=lambda name: LINKERS[name].plain.anonymous)
    if linker != best:
        yield _other_linker(situation, best)
    if linker is None:
        return
    if costs is not None:
        yield from _measured_options(situation, linker, costs)
    elif not _strips(situation):
        yield Option(f"Link without debug information: {for_linker(STRIP)}.", not_measured(linker))


def _measured_options(situation: Situation, linker: str, costs: LinkerCosts) -> Iterable[Option]:
    """What makes a link by this linker smaller, with what it took."""
    if costs.sparing is not None and costs.sparing.anonymous > costs.plain.anonymous:
        yield from _without_sparing(situation, costs.sparing, costs.plain)
    if not _strips(situation):
        yield _without_debug_info(situation, linker, costs)
    if costs.against_shared is not None and situation.links_archives:
        yield Option(
            "Make a shared library of the largest static archive, so that each program links against it.",
            f"{LINK} {linker} took {costs.against_shared.anonymous:,} instead of {costs.plain.anonymous:,} MB of "
            "anonymous memory; linking the shared library itself takes as much as one such program, once.",
        )


def _strips(situation: Situation) -> bool:
    return situation.has(STRIP) or situation.has("-s")


def _without_sparing(situation: Situation, cost: LinkCost, plain: LinkCost) -> Iterable[Option]:
    """Where a linker's memory options save addresses alone."""
    if situation.has(situation.sparing[0]):
        yield _estimated(
            situation,
            f"Link without {' and '.join(situation.sparing)}: they save addresses and cost RAM.",
            f"{LINK} {situation.linker} took {cost.anonymous:,} MB of anonymous memory with them, "
            f"{plain.anonymous:,} without",
            plain.anonymous / cost.anonymous,
        )


def _without_debug_info(situation: Situation, linker: str, costs: LinkerCosts) -> Option:
    """With the memory options as well where they save more."""
    words, cost = for_linker(STRIP), costs.stripped
    both = costs.sparing_stripped
    if both is not None and both.anonymous < cost.anonymous and not situation.has(situation.sparing[0]):
        words, cost = for_linker(STRIP, *situation.sparing), both
    return _estimated(
        situation,
        f"Link without debug information: {words}.",
        f"{LINK} {linker} took {cost.anonymous:,} instead of {costs.plain.anonymous:,} MB of anonymous memory",
        cost.anonymous / costs.plain.anonymous,
    )


def _other_linker(situation: Situation, best: str) -> Option:
    """The one that takes least; without debug information where its input would be read again and again."""
    now = LINKERS.get(situation.linker or DEFAULT_LINKER)
    cost, words = LINKERS[best].plain, ""
    measure = ", ".join(f"{name} {each.plain.anonymous:,}" for name, each in LINKERS.items())
    read = (situation.needed_whole or 0) * cost.resident / now.plain.anonymous if now else 0
    if situation.ram and read > situation.ram:
        cost, words = LINKERS[best].stripped, f" {for_linker(STRIP)}"
        measure += f", {best} without debug information {cost.anonymous:,} ({measured.LLD_ON_A_SMALL_MACHINE})"
    also = "".join(f", or with {name}" for name in SPARING_LINKERS if name not in (best, situation.linker))
    return _estimated(
        situation,
        f"Link with {best} (-fuse-ld={best}{words}){also}.",
        f"{LINK} anonymous memory in MB was {measure}",
        cost.anonymous / situation.costs.plain.anonymous if situation.costs else None,
    )


def _compile(situation: Situation) -> Iterable[Option]:
    gcc = situation.compiler == "gcc"
    if gcc:
        yield _estimated(
            situation,
            "Compile the largest sources with clang.",
            f"{COMPILE} clang took {measured.CLANG_FOR_GCC:.2f} of gcc's memory",
            measured.CLANG_FOR_GCC,
        )
    if situation.keeps_debug:
        yield _estimated(
            situation,
            "Compile it with less debug information: -g1 or -g0.",
            f"{COMPILE} gcc took {measured.GCC_NO_DEBUG:.2f} of the memory with -g0",
            measured.GCC_NO_DEBUG if gcc else None,
        )
    if not gcc:
        return
    collecting = _estimated(
        situation,
        f"Have gcc collect its garbage earlier: {_COLLECTING}.",
        f"{COMPILE} it took {measured.GCC_COLLECTING:.2f} of the memory and 1.8 times as long",
        measured.GCC_COLLECTING,
    )
    yield collecting
    if situation.keeps_debug and not collecting.fits:
        yield _estimated(
            situation,
            f"Both of these: -g0 {_COLLECTING}.",
            f"{COMPILE} it took {measured.GCC_COLLECTING_NO_DEBUG:.2f} of the memory",
            measured.GCC_COLLECTING_NO_DEBUG,
        )
    if situation.argv and not any(word.startswith("-O") and word != "-O0" for word in situation.argv):
        yield _estimated(
            situation,
            "Compile it with -Os.",
            f"{COMPILE} it took {measured.GCC_OPTIMISED:.2f} of the memory, and objects were 14 times smaller",
            measured.GCC_OPTIMISED,
        )


def _estimated(situation: Situation, text: str, measure: str, ratio: float | None) -> Option:
    """An option that makes the culprit `ratio` times as large; fits when there is room for it beside what ran then."""
    needed, whole, budget = situation.needed, situation.needed_whole, situation.budget
    if ratio is None or needed is None or whole is None or budget is None:
        return Option(text, f"{measure}.")
    beside = f", beside {size(situation.beside)} of other edges" if situation.beside else ""
    killed = "" if situation.verdict.kind == "thrashing" else " when it was killed"
    return Option(
        text,
        f"{measure}: here {size(needed * ratio)} or more instead of the {size(needed)} that "
        f"{situation.program or 'it'} held{killed}{beside}; there were {_there(situation)}.",
        whole * ratio + situation.beside <= budget,
    )


# -- fewer at once ------------------------------------------------------------------------------------------------


def _fewer(situation: Situation) -> Iterable[Option]:
    if situation.report is not None:
        yield from _as_many_as_fit(situation)
    elif situation.stage != "link":
        yield Option(
            "Build with fewer edges at once (a smaller -jN).",
            "The log does not say how many ran and what they held.",
        )


def _as_many_as_fit(situation: Situation) -> Iterable[Option]:
    running, fitting = situation.at_the_end, situation.fitting_jobs
    # Where swap was there and too slow, one that needs a little of it is still better off alone.
    alone_helps = situation.verdict.kind == "thrashing"
    if len(running) < 2 or (fitting == 0 and not alone_helps):
        return
    named = ", ".join(f"{edge.output or edge.program} {size(situation.held(edge))}" for edge in running[:_NAMED])
    rest = f" and {len(running) - _NAMED} more" if len(running) > _NAMED else ""
    because = (
        f"{count(len(running), 'edge')} ran then and held at most {size(situation.together)} together "
        f"({named}{rest}); there were {_there(situation)}"
    )
    if fitting == len(running):
        # Their peaks would have fitted, so what was not sampled decided.
        yield Option(f"Build with at most {count(fitting - 1, 'edge')} at once: -j{fitting - 1}.", f"{because}.")
        return
    kept = sum(map(situation.held, running[: max(fitting, 1)]))
    how = f"Build with at most {fitting} edges at once: -j{fitting}."
    if fitting <= 1:
        how = "Build one edge at a time: -j1, or in ninja a pool of depth 1 for the largest ones."
    largest = "the largest alone has" if fitting <= 1 else f"the {fitting} largest have"
    yield Option(how, f"{because}; {largest} {size(kept)}.", True if fitting else None)


# -- more memory --------------------------------------------------------------------------------------------------


def _more(situation: Situation) -> Iterable[Option]:
    wanted, budget, ram = situation.wanted_together, situation.budget, situation.ram
    if wanted is None or budget is None or ram is None:
        return
    # What was sampled may fit where the whole did not: a quarter of it is missing at least.
    missing = max(wanted - budget, wanted / 4)
    because = f"{_held_together(situation)}; there were {_there(situation)}."
    if situation.in_cgroup:
        if situation.verdict.kind != "thrashing" or ram + missing <= _machine(situation):
            yield _higher_limit(situation, missing, because)
        return
    if situation.verdict.kind != "thrashing":
        now = f" (now {size(situation.swap)})" if situation.swap else ""
        yield Option(f"Add at least {size(round_up(missing))} of swap{now}.", because, True)
    # Compressed pages stand in RAM too: what does not fit needs half as much again in zram.
    amount = round_up(missing * _ZRAM_RATIO / (_ZRAM_RATIO - 1))
    if situation.report is not None and not situation.report.limits.zram_bytes and amount <= ram:
        taken = f"it takes {size(amount / _ZRAM_RATIO)} of {size(ram)} of RAM, if memory compresses {_ZRAM_RATIO} times"
        yield Option(f"Add at least {size(amount)} of zram, which is faster than swap on a card.", f"Full, {taken}.")


def _machine(situation: Situation) -> int:
    """RAM of the whole machine; 0: not known."""
    return situation.report.limits.memory_bytes if situation.report else 0


def _higher_limit(situation: Situation, missing: float, because: str) -> Option:
    limit = (situation.ram or 0) + missing
    name = f"cgroup `{situation.cgroup}`" if situation.cgroup else "the cgroup"
    machine = _machine(situation)
    if not machine or limit <= machine:
        return Option(f"Raise the memory limit of {name} to at least {size(round_up(limit))}.", because, True)
    there = situation.report.limits.swap_bytes if situation.report else 0
    if situation.swap + missing <= there:
        return Option(f"Let {name} use at least {size(situation.swap + missing)} of swap.", because, True)
    return Option(
        f"Raise the memory limit of {name}, and add at least {size(round_up(limit - machine))} of swap to the machine.",
        f"{because[:-1]}, and the machine has {size(machine)} of RAM.",
        True,
    )


def _held_words(situation: Situation) -> str:
    held = f"{situation.program or 'The program'} held {size(situation.needed or 0)}"
    return held if situation.verdict.kind == "thrashing" else f"{held} when it was killed, and would have grown on"


def _held_together(situation: Situation) -> str:
    running = len(situation.at_the_end)
    if running < 2 or not situation.beside:
        return _held_words(situation)
    return f"{count(running, 'edge')} held {size(situation.together)} together, and would have grown on"


def _there(situation: Situation) -> str:
    """`850 MB of RAM and no swap`, `a limit of 900 MB and 512 MB of swap`."""
    ram = size(situation.ram or 0)
    first = f"{ram} of the cgroup's limit" if situation.in_cgroup else f"{ram} of RAM"
    if situation.report is None:
        return first
    if situation.verdict.kind == "thrashing":
        return f"{first}, and what is in swap beyond that is slow"
    return f"{first} and {size(situation.swap)} of swap" if situation.swap else f"{first} and no swap"
