"""A prediction for people: the sentence, the edges that do not fit, the times, and what makes the build fit."""

from __future__ import annotations

from collections.abc import Sequence

from arm_ci.diagnosis.figures import count, duration, size
from arm_ci.fit.changes import Change
from arm_ci.fit.prediction import Built, Prediction, Way

_SHOWN = 8
_MEGABYTE = 1 << 20


def in_words(name: str, found: Prediction, changes: Sequence[Change], notes: Sequence[str]) -> list[str]:
    """The lines of the report on a variant. `notes` are further sentences at the end."""
    return [
        f"{name} on {_board(found)}: {_verdict(found)}",
        _learned(found),
        *_too_large(found.too_large, found),
        *_others(found),
        "",
        "expected time",
        *(f"  {way.name:<10} {_time(way):>11}  {_memory(way, len(found.edges))}".rstrip() for way in found.ways),
        *_changes(changes, found),
        "",
        *notes,
        "Times are the learned processor seconds, of the machine that built; on another their ratios hold. Compiles,",
        "archives and links are counted, other commands are not.",
    ]


def _board(found: Prediction) -> str:
    board = found.board
    swap = f"{size(board.swap_bytes)} swap" if board.swap_bytes else "no swap"
    return f"{count(board.cores, 'core')}, {size(board.memory_bytes)}, {swap}"


def _verdict(found: Prediction) -> str:
    if found.fits == "no":
        return f"does not fit; {len(found.too_large):,} of {count(len(found.edges), 'edge')} too large alone"
    if found.fits == "with second tries":
        return "fits, perhaps with second tries"
    return "fits"


def _learned(found: Prediction) -> str:
    work = sum(each.asked.seconds for each in found.edges)
    largest = found.largest
    return (
        f"learned: {count(len(found.edges), 'edge')}, {duration(work)} of work, most {size(largest.need_bytes)} "
        f"({largest.kind} {largest.output}); {found.toolchain or 'toolchain unknown'}"
    )


def _too_large(edges: Sequence[Built], found: Prediction) -> list[str]:
    if not edges:
        return []
    room = found.board.memory_bytes + found.board.swap_bytes
    lines = ["", f"too large alone, of {size(room)} RAM and swap"]
    for each in edges[:_SHOWN]:
        edge = each.learned
        need = f"{edge.need_bytes / _MEGABYTE:,.0f} MB"
        over = edge.need_bytes - room
        much = f"{over / _MEGABYTE:,.0f} MB too much" if over > 0 else "memory killed it when it ran alone"
        guess = "at least " if edge.killed else ""
        lines.append(f"  {guess + need:>17}  {much:<22}  {edge.kind} {edge.output}")
    return [*lines, *_and_more(edges)]


def _and_more(edges: Sequence[Built]) -> list[str]:
    return [f"  and {len(edges) - _SHOWN:,} more"] if len(edges) > _SHOWN else []


def _others(found: Prediction) -> list[str]:
    lines = []
    if found.relieved:
        lines += ["", "built differently, as learned"]
        lines += [f"  {each.learned.output}: {each.learned.fallback}" for each in found.relieved[:_SHOWN]]
        lines += _and_more(found.relieved)
    if found.guessed:
        lines += ["", "memory killed these before their peak: what they need is a guess"]
        lines += [f"  {size(each.learned.need_bytes):>8}  {each.learned.output}" for each in found.guessed[:_SHOWN]]
        lines += _and_more(found.guessed)
    if found.paged:
        most = found.paged[0].learned
        lines += [
            "",
            f"{count(len(found.paged), 'edge')} beyond the {size(found.board.budget_bytes)} of RAM for edges: alone, "
            f"{'partly in swap' if found.board.swap_bytes else 'at the cost of file pages'}; most "
            f"{size(most.need_bytes)} ({most.output})",
        ]
    return lines


def _time(way: Way) -> str:
    return "fails" if way.seconds is None else duration(way.seconds)


def _memory(way: Way, edges: int) -> str:
    if way.name == "admission" and way.killed:
        return f"{way.killed:,} of {count(edges, 'edge')} too large alone"
    if way.killed:
        return f"memory kills {way.killed:,} of {count(edges, 'edge')}"
    return f"{duration(way.paging_seconds)} of it for paging" if way.paging_seconds >= 1 else ""


def _changes(changes: Sequence[Change], found: Prediction) -> list[str]:
    enough = [each for each in changes if not each.prediction.too_large]
    lines = []
    if enough:
        lines += ["", f"what makes it {'fit' if found.too_large else 'faster'}, cheapest first"]
    for number, each in enumerate(enough, 1):
        what = each.what if each.size_bytes is None else f"{size(each.size_bytes)} {each.what}"
        lines += [f"  {number}. {what}: {_time(each.prediction.admission)} with admission, {_most(each)}"]
        lines += [f"     {_source(each)}"]
    others = [each for each in changes if each.prediction.too_large]
    if others:
        lines += ["", "what does not suffice"]
    for each in others:
        too_large = count(len(each.prediction.too_large), "edge")
        lines += [f"  {each.what}: {too_large} too large alone, {_most(each)}", f"     {_source(each)}"]
    return lines


def _most(change: Change) -> str:
    largest = change.prediction.largest
    return f"most {size(largest.need_bytes)} ({largest.output})"


def _source(change: Change) -> str:
    if change.variant:
        toolchain = "" if change.kind == "fallback" else f", {change.prediction.toolchain or 'toolchain unknown'}"
        return f"learned of {change.variant}{toolchain}"
    return "reckoned from this variant's own peaks"
