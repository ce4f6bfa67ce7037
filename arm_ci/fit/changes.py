"""What would make a build fit that does not, or spare it the paging: the cheapest first, with figures and their source.

In this order: configured fallbacks, another linker, another compiler, both, less debug info, with each of these, swap,
RAM. Linkers, compilers and debug info are known from the learned peaks of sibling variants: same project, board and
generator. So are fallbacks that take what such a sibling has; of others nothing is known before a build has tried them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from arm_ci.agent.admission.budget import reserve_bytes
from arm_ci.agent.admission.expectation import HISTORY_MARGIN
from arm_ci.agent.peaks import Learned, Peaks
from arm_ci.config.model import Variant
from arm_ci.diagnosis.figures import round_up
from arm_ci.fit.prediction import Board, Built, Prediction, predict

Kind = Literal["fallback", "linker", "compiler", "debug info", "several", "swap", "memory"]
_MORE_DEBUG_INFO = ("none", "line-tables", "split", "full")
_COSTS: dict[Kind, int] = {"linker": 1, "compiler": 2, "debug info": 4}

# Of the time of the build: less is not worth a change.
_MUCH_PAGING = 0.1


@dataclass(frozen=True)
class Sibling:
    """Another variant of the same project, board and generator, with what was learned of it."""

    variant: Variant
    peaks: Peaks


@dataclass(frozen=True)
class Fallback:
    """A fallback that is configured for the variant."""

    name: str
    covers: Callable[[Learned], bool]
    """Whether it is for an edge."""
    siblings: Mapping[str, Sibling]
    """For a kind of edge the learned sibling that has what the fallback takes instead, or at least no less."""


@dataclass(frozen=True)
class Change:
    """One change, and what it would bring."""

    kind: Kind
    what: str
    """`linker lld`, `swap 2.0 GB`: for people."""
    prediction: Prediction
    variant: str = ""
    """The sibling whose peaks were learned; empty: the figures are reckoned from the variant's own."""
    size_bytes: int | None = None
    """Of swap or RAM in all."""

    def to_json(self) -> dict[str, object]:
        """As an object."""
        return {
            "kind": self.kind,
            "what": self.what,
            "variant": self.variant,
            "size_bytes": self.size_bytes,
            "fits": self.prediction.fits,
            "largest_output": self.prediction.largest.output,
            "largest_need_bytes": self.prediction.largest.need_bytes,
            "too_large": len(self.prediction.too_large),
            "seconds": self.prediction.admission.to_json()["seconds"],
        }


def changes(
    variant: Variant,
    found: Prediction,
    peaks: Peaks,
    siblings: Sequence[Sibling],
    fallbacks: Sequence[Fallback],
    offered: int,
) -> list[Change]:
    """The cheapest first, also those that do not suffice; none where the build fits and pages little.

    Where it fits and pages much, those that make it faster.
    """
    if not found.too_large and not _pages_much(found):
        return []
    tried = [_of_sibling(variant, each, found.board, offered) for each in _cheapest_first(variant, siblings)]
    need = HISTORY_MARGIN * max(each.learned.need_bytes for each in found.too_large or found.paged or found.edges)
    if found.too_large:
        tried = [*_by_fallback(found, peaks, fallbacks, offered), *tried]
        return [*tried, _swap(found, peaks, need, offered), _memory(found, peaks, need, offered)]
    tried.append(_memory(found, peaks, need, offered))
    return [each for each in tried if _is_faster(each.prediction, found)]


def _cheapest_first(variant: Variant, siblings: Sequence[Sibling]) -> list[Sibling]:
    """Those of which a build is known and that are another, no dearer choice."""
    known = [(_cost(variant, each.variant), each) for each in siblings if each.peaks.edges]
    return [each for cost, each in sorted(known, key=lambda entry: entry[0]) if cost]


def untried(found: Prediction, fallbacks: Sequence[Fallback]) -> list[Fallback]:
    """Those for edges that do not fit, of which nothing is known before a build has tried them."""
    return [
        fallback
        for fallback in fallbacks
        if any(fallback.covers(each.asked) and each.asked.kind not in fallback.siblings for each in found.too_large)
    ]


def _by_fallback(found: Prediction, peaks: Peaks, fallbacks: Sequence[Fallback], offered: int) -> list[Change]:
    instead: dict[str, Learned] = {}
    used: list[tuple[str, str]] = []
    for each in found.too_large:
        first = next(_fitting(found, each, fallbacks), None)
        if first:
            fallback, sibling, known = first
            instead[known.output] = known._replace(fallback=fallback.name)
            used.append((fallback.name, sibling.variant.name))
    if not instead:
        return []
    edges = tuple(edge for edge in peaks.edges if edge.output not in instead)
    prediction = predict(peaks._replace(edges=(*edges, *instead.values())), found.board, offered)
    names = ", ".join(dict.fromkeys(name for name, _ in used))
    variants = ", ".join(dict.fromkeys(variant for _, variant in used))
    return [Change("fallback", f"fallback {names}, as configured", prediction, variants)]


def _fitting(
    found: Prediction, edge: Built, fallbacks: Sequence[Fallback]
) -> Iterator[tuple[Fallback, Sibling, Learned]]:
    """Fallbacks with which an edge fits, each with the variant that showed it and what the edge took there."""
    for fallback in fallbacks:
        sibling = fallback.siblings.get(edge.asked.kind) if fallback.covers(edge.asked) else None
        known = _of_output(sibling, edge.asked.output) if sibling else None
        if sibling and known and found.board.fits(known):
            yield fallback, sibling, known


def _of_output(sibling: Sibling, output: str) -> Learned | None:
    return next((edge for edge in sibling.peaks.edges if edge.output == output), None)


def _pages_much(found: Prediction) -> bool:
    seconds = found.admission.seconds
    return seconds is not None and found.admission.paging_seconds > _MUCH_PAGING * seconds


def _is_faster(other: Prediction, than: Prediction) -> bool:
    seconds, before = other.admission.seconds, than.admission.seconds
    return seconds is not None and before is not None and seconds < (1 - _MUCH_PAGING) * before


def differences(variant: Variant, other: Variant) -> dict[Kind, str]:
    """Linker, compiler and debug info of another variant where they are not the same."""
    axes: dict[Kind, str] = {"linker": other.linker, "compiler": other.compiler, "debug info": other.debug_info}
    mine: dict[Kind, str] = {"linker": variant.linker, "compiler": variant.compiler, "debug info": variant.debug_info}
    return {axis: value for axis, value in axes.items() if value != mine[axis]}


def _cost(variant: Variant, other: Variant) -> int:
    """0: it is no change, or one for more debug info."""
    more = _MORE_DEBUG_INFO.index(other.debug_info) > _MORE_DEBUG_INFO.index(variant.debug_info)
    return 0 if more else sum(_COSTS[axis] for axis in differences(variant, other))


def _of_sibling(variant: Variant, sibling: Sibling, board: Board, offered: int) -> Change:
    different = differences(variant, sibling.variant)
    kind: Kind = next(iter(different)) if len(different) == 1 else "several"
    what = ", ".join(f"{axis} {value}" for axis, value in different.items())
    return Change(kind, what, predict(sibling.peaks, board, offered), sibling.variant.name)


def _swap(found: Prediction, peaks: Peaks, need_bytes: float, offered: int) -> Change:
    size = round_up(max(need_bytes - found.board.memory_bytes, _beyond_what_was_seen(found) - found.board.budget_bytes))
    board = replace(found.board, swap_bytes=size)
    return Change("swap", "swap", predict(peaks, board, offered), size_bytes=size)


def _memory(found: Prediction, peaks: Peaks, need_bytes: float, offered: int) -> Change:
    need = max(need_bytes, _beyond_what_was_seen(found))
    size = round_up(need + reserve_bytes(int(need / 0.95)))
    board = replace(found.board, memory_bytes=size)
    return Change("memory", "RAM", predict(peaks, board, offered), size_bytes=size)


def _beyond_what_was_seen(found: Prediction) -> int:
    """More than what was not enough in a build."""
    return max((each.learned.does_not_fit_bytes or 0 for each in found.too_large), default=0) + 1
