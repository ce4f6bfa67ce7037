"""Advice that fits the regime: what would have made this build fit, the cheapest that suffices first.

Two regimes ask for opposite things. Where RAM ran out, anonymous memory counts; where the address space ran out, every
mapped file counts, and neither swap nor fewer jobs help. Nothing that the evidence rules out is advised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from arm_ci.diagnosis.advice import address_space, memory
from arm_ci.diagnosis.advice.option import Option, ranked
from arm_ci.diagnosis.advice.situation import Situation
from arm_ci.diagnosis.figures import round_up, size
from arm_ci.diagnosis.verdict import Advice

_ASK_THE_MACHINE = (
    "ulimit -v; getconf LONG_BIT; cat /proc/sys/vm/overcommit_memory; grep -E 'Mem|Swap|Commit' /proc/meminfo"
)
_PLENTY = 2
"""So many times what a program held was free: it was not RAM that refused it more."""
_MOST = 6
_CLEAR = ("disk-full", "address-space", "overcommit")
"""Kinds that no better view would change."""
_UNCLEAR = ("unknown", "worker-lost", "alloc-failed")
_SMALL_BYTES = 64 << 20
"""So little free space is none: a file that did not fit was at least that large, or it would not have mattered."""


def advice(situation: Situation) -> tuple[Advice, ...]:
    """What to change, best first; empty where the verdict's kind leaves nothing to advise."""
    verdict = situation.verdict
    rule = _RULES.get(verdict.kind)
    if rule is None:
        return ()
    options = [*ranked(rule(situation))][:_MOST]
    if verdict.kind not in _CLEAR and (verdict.confidence != "certain" or verdict.kind in _UNCLEAR):
        options += _better_view(situation)
    return tuple(Advice(each.text, each.because) for each in options)


def _nothing(situation: Situation) -> Iterable[Option]:
    return ()


def _worker_lost(situation: Situation) -> Iterable[Option]:
    return memory.options(situation) if situation.ran_out else ()


def _better_view(situation: Situation) -> Iterable[Option]:
    """What would show the cause the next time."""
    unseen = [each for each in situation.report.visibility.unseen if each.cure] if situation.report else []
    if unseen:
        cures = "; ".join(f"{each.cure} ({each.what})" for each in unseen)
        whys = "; ".join(f"{each.what} ({each.why})" for each in unseen)
        yield Option(f"For a surer verdict the next time: {cures}.", f"Not to be seen here: {whys}.")
    elif situation.report is None and situation.verdict.kind in ("oom-kill", "alloc-failed", "unknown"):
        yield Option(
            "Build under the agent (`arm-ci build`, or a builder of arm_ci), and give its report with `--report`.",
            "A log alone says neither what the program held nor what there was.",
        )


def _alloc_failed(situation: Situation) -> Iterable[Option]:
    free = situation.least("memory_available_bytes")
    limits = situation.report.limits if situation.report else None
    unlimited = limits is not None and limits.rlimit_as_bytes is None and limits.overcommit_mode != 2
    if unlimited and free is not None and free > _PLENTY * (situation.needed or 0):
        yield Option(
            "Look for a limit that the build sets itself, such as a `ulimit -v` in its rules.",
            f"{situation.program or 'The program'} held {size(situation.needed or 0)}, and {size(free)} of RAM were "
            "free all the time; the command itself began without such a limit.",
        )
        yield from address_space.options_of_both_regimes(situation)
        return
    yield Option(
        f"Find out which limit it was, on the machine that built: `{_ASK_THE_MACHINE}`.",
        "A number from the first is a limit of addresses, 32 from the second a small address space, 2 from the third "
        "strict overcommit; otherwise RAM and swap, in the last lines, were too small for one request.",
    )
    yield from address_space.options_of_both_regimes(situation)


def _overcommit(situation: Situation) -> Iterable[Option]:
    if situation.report is None:
        yield Option(
            "Allow more to be promised: `sysctl vm.overcommit_memory=0`, or add swap, which counts in full.",
            "The log shows the refusal, not the figures.",
        )
        return
    limits = situation.report.limits
    wanted = situation.committed_most + (situation.verdict.bytes or 0)
    promised = f"{size(wanted)} were promised or asked for"
    if limits.overcommit_mode == 2 and limits.commit_limit_bytes:
        limit = limits.commit_limit_bytes
        missing = round_up(max(wanted * 1.1 - limit, 1))
        because = f"{promised}, the commit limit is {size(limit)} (vm.overcommit_memory=2)."
        yield Option("Set `sysctl vm.overcommit_memory=0`: memory is then refused when it is used up.", because, True)
        yield Option(f"Add {size(missing)} of swap: it counts in full towards the commit limit.", because, True)
        if limits.memory_bytes:
            percent = -int(-(wanted * 1.1 - limits.swap_bytes) * 100 // limits.memory_bytes)
            if 0 < percent <= 100:
                yield Option(f"Set `sysctl vm.overcommit_ratio={percent}`.", because, True)
    else:
        there = f"RAM and swap are {size(limits.memory_bytes + limits.swap_bytes)}"
        yield Option(
            "Set `sysctl vm.overcommit_memory=1`, so that a large request is granted and only its use counts.",
            f"{promised}; {there}, and one request beyond that is refused (vm.overcommit_memory=0).",
        )
    yield from address_space.options_of_both_regimes(situation)


def _disk_full(situation: Situation) -> Iterable[Option]:
    report = situation.report
    if report is None:
        yield Option(
            "Free disk where the build tree is and where TMPDIR points to: `df -h . ${TMPDIR:-/tmp}` there says which.",
            "The log shows that writing failed, not which file system is full.",
        )
        return
    if report.limits.rlimit_fsize_bytes is not None:
        limit = size(report.limits.rlimit_fsize_bytes)
        yield Option(
            "Lift the limit of a file's size: `ulimit -f unlimited`.", f"A file may have at most {limit} here."
        )
    tree, temporary = situation.least("free_disk_bytes"), situation.least("free_temporary_bytes")
    asked = f", and {size(situation.verdict.bytes)} more were to be written" if situation.verdict.bytes else ""
    if temporary is not None and temporary < _SMALL_BYTES and (tree is None or tree > temporary):
        tree_words = f", {size(tree)} where the build tree is" if tree is not None else ""
        yield Option(
            "Set TMPDIR to a directory with room, or compile with -pipe.",
            f"{size(temporary)} were left for temporary files{tree_words}{asked}.",
            True,
        )
    elif tree is not None:
        began = report.limits.free_disk_bytes
        used = f"; the build used {size(began - tree)} until then" if began and began > tree else ""
        yield Option(
            "Free disk where the build tree is, or move it.",
            f"{size(tree)} were left there{asked}{used}.",
            True,
        )
        yield Option(
            "Build with less debug information (-g1, -g0).",
            "A link of mesos-execute 1.1.0 reads 990 MB of files without it, and 2,046 MB with it.",
        )


_RULES: dict[str, Callable[[Situation], Iterable[Option]]] = {
    "oom-kill": memory.options,
    "thrashing": memory.options,
    "address-space": address_space.options,
    "alloc-failed": _alloc_failed,
    "overcommit": _overcommit,
    "disk-full": _disk_full,
    "worker-lost": _worker_lost,
    "killed-other": _nothing,
    "unknown": _nothing,
}
