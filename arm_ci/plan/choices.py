"""What people choose for one build of a variant, how they type it, and the command that repeats it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from arm_ci.config.model import Variant

_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]*", re.ASCII)
_JOBS = re.compile(r"[0-9]{1,4}", re.ASCII)
_MOST_JOBS = 1000
# Where the agent lets edges in, build tools offer it more than may run, so that it can choose: the one with the most
# behind it, or one that fits beside a large one. Each that waits costs about 3 MB.
_LEAST_OFFERED = 4
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*", re.ASCII)


@dataclass(frozen=True)
class Choices:
    """What may differ from build to build of one variant."""

    jobs: int
    targets: tuple[str, ...] = ()
    """Targets asked for; empty: the project's."""
    upstream_version: str = ""
    """As read from the source tree; empty: unknown."""


def offered(jobs: int) -> int:
    """How many edges a build tool starts where `jobs` may run at once and the agent lets them in."""
    return jobs + max(_LEAST_OFFERED, 2 * jobs)


def parse_targets(text: str) -> tuple[str, ...]:
    """Targets as people type them, apart by spaces. Raises ValueError with the sentence for them."""
    targets = tuple(text.split())
    for target in targets:
        # A word that begins with `-` would be an option of the build tool, one with `=` a make variable.
        if not _TARGET.fullmatch(target):
            raise ValueError(
                f"`{target}` is not a target: letters, digits, `.`, `_`, `/`, `+` and `-` were expected, "
                "starting with a letter, digit or `_`"
            )
    return targets


def parse_jobs(text: str) -> int:
    """How many edges at once, as people type it; 0 is the board's. Raises ValueError with the sentence for them."""
    jobs = text.strip()
    if not _JOBS.fullmatch(jobs) or int(jobs) > _MOST_JOBS:
        raise ValueError(f"`{jobs[:40]}` is not a number of edges at once: 0 to {_MOST_JOBS} was expected")
    return int(jobs)


def parse_reference(text: str) -> str:
    """A branch, tag or revision as people type it; empty stays empty. Raises ValueError with the sentence for them."""
    reference = text.strip()
    # A word that begins with `-` would be an option of git, and some of those run commands.
    if reference and not _REFERENCE.fullmatch(reference):
        raise ValueError(
            f"`{reference}` is not a branch, tag or revision: letters, digits, `.`, `_`, `/`, `+`, `@` and `-` were "
            "expected, starting with a letter, digit or `_`"
        )
    return reference


def repeat_command(variant: Variant, choices: Choices, patch_strip: int | None = None) -> str:
    """The one command that repeats a build of a source tree without a master.

    `patch_strip` is the strip level of the build's forced patch, which FILE is then; None: it had none.
    """
    targets = f" --targets {shlex.quote(' '.join(choices.targets))}" if choices.targets else ""
    patch = "" if patch_strip is None else f" --patch FILE --strip {patch_strip}"
    return f"arm-ci build --variant {variant.name} --source DIR --jobs {choices.jobs}{targets}{patch}"
