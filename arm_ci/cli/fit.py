"""`arm-ci fit`: will a variant's build fit into so much memory, how long does it take, and what would make it fit.

From what earlier builds of it have shown; nothing is built.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from arm_ci.agent.peaks import Learned, Peaks, PeaksError
from arm_ci.cli.options import DONE, FAILED, CommandError, add_site_option, find_variant, load_config
from arm_ci.config import Config, Variant, variants
from arm_ci.config.matrix import axes_of_variant, matcher
from arm_ci.config.project import Fallback as ConfiguredFallback
from arm_ci.config.scalars import EXPECTED, parse_bytes
from arm_ci.fit.changes import Change, Fallback, Sibling, changes, untried
from arm_ci.fit.prediction import Board, Prediction, predict
from arm_ci.fit.words import in_words
from arm_ci.plan.choices import offered

_MOST_CORES = 1000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "fit",
        help="predict whether a variant's build fits into memory, how long it takes, and what would make it fit",
        description="Predicts a build from what earlier builds of the variant have shown: which edges do not fit, the "
        "time with each -j and with admission, and the cheapest changes that make it fit. Exit status 1 when it does "
        "not fit, or nothing was learned.",
    )
    add_site_option(parser)
    parser.add_argument("--variant", required=True, metavar="NAME", help="the variant (`arm-ci matrix` lists them)")
    parser.add_argument(
        "--memory",
        required=True,
        metavar="SIZE",
        type=_size,
        help="RAM that is free for the build, such as 925M: what the system leaves (MemAvailable), or the limit of a "
        "cgroup; like the agent, 5 %% of it (at least 32 MB) are kept for file pages",
    )
    parser.add_argument("--cores", required=True, metavar="N", type=_cores, help="edges at once at most")
    parser.add_argument("--swap", default=0, metavar="SIZE", type=_size, help="free swap, such as 4G (default: none)")
    parser.add_argument(
        "--peaks",
        type=Path,
        metavar="FILE",
        help="learned peaks (default: those that the master keeps: peaks/VARIANT.json in its state directory)",
    )
    parser.add_argument("--json", action="store_true", help="the figures as a JSON object (docs/will-it-fit.md)")
    parser.set_defaults(run=run)


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        more = f": {error}" if str(error) else ""
        raise argparse.ArgumentTypeError(f"`{text}`{more}; expected {EXPECTED['bytes']}") from None


def _cores(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_CORES:
        return int(text)
    raise argparse.ArgumentTypeError(f"`{text}`; expected a whole number from 1 to {_MOST_CORES}")


def run(arguments: argparse.Namespace) -> int:
    """Prints the prediction. Raises CommandError."""
    config = load_config(arguments)
    variant = find_variant(config, arguments.variant)
    board = Board(arguments.memory, arguments.cores, arguments.swap)
    if board.budget_bytes <= 0:
        raise CommandError("--memory: file pages take at least 32 MB; that leaves nothing for edges")
    path = arguments.peaks or peaks_path(config, variant)
    peaks = read_peaks(path)
    if not peaks.edges:
        raise CommandError(
            f"{variant.name}: nothing was learned yet ({path}); one build of the variant is enough, also one that "
            "fails late",
            FAILED,
        )
    jobs = offered(board.cores)
    found = predict(peaks, board, jobs)
    others, unknown = _siblings(config, variant)
    fallbacks = _fallbacks(config, variant, others)
    better = changes(variant, found, peaks, others, fallbacks, jobs)
    if arguments.json:
        print(json.dumps(as_json(variant, found, better, untried(found, fallbacks), str(path)), indent=1))
    else:
        print("\n".join(in_words(variant.name, found, better, _notes(found, fallbacks, unknown))))
    return FAILED if found.too_large else DONE


def peaks_path(config: Config, variant: Variant) -> Path:
    """Where the master keeps what it learned of a variant."""
    return config.path(config.site.state) / "peaks" / f"{variant.name}.json"


def read_peaks(path: Path) -> Peaks:
    """The learned peaks of a file; none when there is no file. Raises CommandError."""
    try:
        return Peaks.from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Peaks()
    except (UnicodeDecodeError, PeaksError) as error:
        raise CommandError(f"{path}: {error}") from None


def _siblings(config: Config, variant: Variant) -> tuple[list[Sibling], int]:
    """Those with learned peaks, and the number of those without."""
    found = []
    unknown = 0
    for other in variants(config):
        same = (other.project, other.board, other.generator) == (variant.project, variant.board, variant.generator)
        if not same or other.name == variant.name:
            continue
        peaks = read_peaks(peaks_path(config, other))
        if peaks.edges:
            found.append(Sibling(other, peaks))
        else:
            unknown += 1
    return found, unknown


def _fallbacks(config: Config, variant: Variant, siblings: Sequence[Sibling]) -> list[Fallback]:
    """Those that are configured for the variant, in the order of trial."""
    known = {each.variant.name: each for each in siblings}
    axes = axes_of_variant(variant)
    found = []
    for each in config.projects[variant.project].fallback:
        if not matcher(each.match)(axes):
            continue
        # Options change needs in ways that no sibling shows.
        instead = {} if each.add or each.remove else _instead(each, variant)
        learned = {kind: known[name] for kind, name in instead.items() if name in known}
        found.append(Fallback(each.name, partial(_covers, each), learned))
    return found


def _instead(fallback: ConfiguredFallback, variant: Variant) -> dict[str, str]:
    """By kind the variant that makes an edge as a fallback does; debug info left out of a link makes it smaller."""
    compiler, debug_info = fallback.compiler or variant.compiler, fallback.debug_info or variant.debug_info
    return {
        "compile": replace(variant, compiler=compiler, debug_info=debug_info).name,
        "link": replace(variant, linker=fallback.linker or variant.linker).name,
    }


def _covers(fallback: ConfiguredFallback, edge: Learned) -> bool:
    of_output = not fallback.edges or any(fnmatchcase(edge.output, pattern) for pattern in fallback.edges)
    is_for_links = not (fallback.compiler or fallback.debug_info or fallback.add or fallback.remove)
    return of_output and edge.kind in fallback.kinds and (edge.kind == "link" or not is_for_links)


def _notes(found: Prediction, fallbacks: Sequence[Fallback], unknown: int) -> list[str]:
    lines = [
        f"fallback `{each.name}` is configured for some of these edges: the next build shows what it brings."
        for each in untried(found, fallbacks)
    ]
    if found.too_large and unknown:
        are = "1 sibling variant has" if unknown == 1 else f"{unknown} sibling variants have"
        lines.append(f"{are} not been built yet; other linkers, compilers or debug info may fit as well.")
    return lines


def as_json(
    variant: Variant, found: Prediction, better: Sequence[Change], open_fallbacks: Sequence[Fallback], source: str
) -> dict[str, object]:
    """The figures as docs/will-it-fit.md has them."""
    board = found.board
    room = board.memory_bytes + board.swap_bytes
    return {
        "variant": variant.name,
        "peaks": source,
        "toolchain": found.toolchain,
        "memory_bytes": board.memory_bytes,
        "budget_bytes": board.budget_bytes,
        "swap_bytes": board.swap_bytes,
        "cores": board.cores,
        "fits": found.fits,
        "edges": len(found.edges),
        "too_large": [
            {
                "output": each.learned.output,
                "kind": each.learned.kind,
                "need_bytes": each.learned.need_bytes,
                "is_guess": each.learned.killed,
                "too_much_bytes": max(0, each.learned.need_bytes - room),
            }
            for each in found.too_large
        ],
        "guessed": [each.learned.output for each in found.guessed],
        "built_differently": [
            {"output": each.learned.output, "fallback": each.learned.fallback} for each in found.relieved
        ],
        "beyond_budget": [each.learned.output for each in found.paged],
        "ways": [way.to_json() for way in found.ways],
        "untried_fallbacks": [each.name for each in open_fallbacks],
        "changes": [each.to_json() for each in better],
    }
