"""What link trials found to fit, in a file for each variant: fallbacks of single links for its next builds.

The file lies beside the variant's learned peaks, and has the form of the agent's `--fallback`.
"""

from __future__ import annotations

from pathlib import Path

from arm_ci.agent.fallback.fallbacks_file import Fallback, FallbackError, fallbacks_of_text, text_of_fallbacks
from arm_ci.agent.link_trial.trial_result import FITS, TrialResult, TrialRow
from arm_ci.agent.peaks import in_tree
from arm_ci.agent.tools import linker_of_program
from arm_ci.agent.whole_file import write_whole

NAME = "link-trial"
"""Name of such a fallback."""
_SUFFIX = "-fallback.json"
_FORMER_SUFFIX = "-relief.json"


def fallback_file(peaks_file: Path) -> Path:
    """The file for the variant whose learned peaks are in `peaks_file`."""
    return peaks_file.with_name(f"{peaks_file.stem}{_SUFFIX}")


def fallback_of(result: TrialResult, root: str) -> Fallback | None:
    """The fastest row that fitted, for that link of the build tree at `root`; None: nothing but the build's own did."""
    fitting = [row for row in result.rows if row.ended == FITS and row.linker and not row.as_built]
    if not fitting:
        return None
    row = min(fitting, key=lambda each: each.seconds or 0.0)
    return Fallback(
        name=NAME,
        # A name is no pattern.
        edges=(_escaped(in_tree(result.link.output, result.link.directory, root)),),
        kinds=("link",),
        linker=() if row.by_directory else (f"-fuse-ld={row.linker}",),
        linker_program=row.program,
        by_directory=row.by_directory,
        add=tuple(f"-Wl,{option}" for option in (*row.options, *_needed(row))),
    )


def _needed(row: TrialRow) -> tuple[str, ...]:
    """Options that the trial gave the linker although they save nothing."""
    linker = linker_of_program(row.linker)
    return linker.trial_options if linker else ()


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def known_fallbacks(path: Path) -> tuple[Fallback, ...]:
    """What trials have found. Raises OSError and FallbackError when the file is there and cannot be read."""
    for place in (path, _former_file(path)):
        try:
            return fallbacks_of_text(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except UnicodeDecodeError as error:
            raise FallbackError(str(error)) from None
    return ()


def _former_file(path: Path) -> Path:
    """Where these were kept when they were called reliefs."""
    return path.with_name(f"{path.name.removesuffix(_SUFFIX)}{_FORMER_SUFFIX}")


def learn_fallback(path: Path, fallback: Fallback) -> None:
    """Keeps what a trial found, in place of what an earlier one found for that link. Raises OSError."""
    try:
        of_other_links = [each for each in known_fallbacks(path) if each.edges != fallback.edges]
    except FallbackError:
        of_other_links = []  # what the file held could not be used either
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), text_of_fallbacks([*of_other_links, fallback]).encode("utf-8"))
