"""Advice where RAM and swap, or a cgroup's limit, were too small: what counts is anonymous memory."""

from __future__ import annotations

from collections.abc import Iterable

from arm_ci.diagnosis.advice import measured
from arm_ci.diagnosis.advice.measured import COMPILE, LINK, LINKS, STRIPPED, Linker
from arm_ci.diagnosis.advice.option import Option
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
    now = situation.linker
    if LINKS["lld"].anonymous < LINKS[now or "bfd"].anonymous:
        yield _other_linker(situation, now)
    if now == "gold" and situation.has("--no-map-whole-files"):
        before, after = measured.GOLD_SPARING.anonymous, LINKS["gold"].anonymous
        yield _estimated(
            situation,
            "Link without --no-map-whole-files and --no-mmap-output-file: they save addresses and cost RAM.",
            f"{LINK} gold took {before:,} MB of anonymous memory with them, {after:,} without",
            after / before,
        )
    if now is not None and not situation.has("-S") and not situation.has("-s"):
        words, cost = "-Wl,-S", STRIPPED[now]
        if now == "bfd" and not situation.has("--no-keep-memory"):
            words, cost = "-Wl,-S,--no-keep-memory,--reduce-memory-overheads", measured.BFD_SPARING
        yield _estimated(
            situation,
            f"Link without debug information: {words}.",
            f"{LINK} {now} took {cost.anonymous:,} instead of {LINKS[now].anonymous:,} MB of anonymous memory",
            cost.anonymous / LINKS[now].anonymous,
        )
    if now in measured.AGAINST_SHARED and situation.links_archives:
        yield Option(
            "Make a shared library of the largest static archive, so that each program links against it.",
            f"{LINK} {now} took {measured.AGAINST_SHARED[now].anonymous:,} instead of {LINKS[now].anonymous:,} MB of "
            "anonymous memory; linking the shared library itself takes as much as one such program, once.",
        )


def _other_linker(situation: Situation, now: Linker | None) -> Option:
    """lld, or mold; without debug information where their input would be read again and again."""
    cost, words = LINKS["lld"], ""
    measure = ", ".join(f"{name} {each.anonymous:,}" for name, each in LINKS.items())
    read = (situation.needed_whole or 0) * cost.resident / LINKS[now or "bfd"].anonymous
    if situation.ram and read > situation.ram:
        cost, words = STRIPPED["lld"], " -Wl,-S"
        measure += f", lld without debug information {cost.anonymous:,} ({measured.LLD_ON_A_SMALL_MACHINE})"
    also = "" if now == "mold" else ", or with mold"
    return _estimated(
        situation,
        f"Link with lld (-fuse-ld=lld{words}){also}.",
        f"{LINK} anonymous memory in MB was {measure}",
        cost.anonymous / LINKS[now].anonymous if now else None,
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
