"""What several commands share: where the site is, and how a mistake of the caller is said.

Nothing here prints or exits; `arm_ci.cli.main` turns a CommandError into one line and an exit status.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from arm_ci.catalogue import catalogue
from arm_ci.config import Config, Variant, Worker, load, variants
from arm_ci.config.problems import nearest, suggestion

DONE = 0
FAILED = 1
USAGE = 2
OUTSIDE = 3


class CommandError(Exception):
    """A message for the person at the terminal, and the exit status that goes with it."""

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status


def add_site_option(parser: argparse.ArgumentParser, needed: bool = False) -> None:
    """Adds `--site DIR`, and `--catalogue` unless a site is needed; says what became of `--config DIR`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--site",
        type=Path,
        metavar="DIR",
        help="site directory: site.yaml and whatever else is your own (default: $ARM_CI_SITE, the current directory if "
        "it has a site.yaml, or the site of this checkout)",
    )
    if not needed:
        which.add_argument("--catalogue", action="store_true", help="no site: all that ships")
    parser.add_argument("--config", action=_OldName, help=argparse.SUPPRESS)


class _OldName(argparse.Action):
    """Ends the command with a message that names the option of today."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error("--config is called --site now, and DIR holds a site's own files only (docs/configuration.md)")


def site_of(arguments: argparse.Namespace) -> Path | None:
    """The site directory: that of --site, of $ARM_CI_SITE, the current directory, or a checkout's own; None: none.

    Only a directory with a site.yaml counts as one that was not named.
    """
    if getattr(arguments, "catalogue", False):
        return None
    if arguments.site is not None:
        return Path(arguments.site)
    if from_environment := os.environ.get("ARM_CI_SITE"):
        return Path(from_environment)
    if "ARM_CI_CONFIG" in os.environ:
        raise CommandError(
            "ARM_CI_CONFIG is called ARM_CI_SITE now, and names a site directory (docs/configuration.md)"
        )
    for directory in (Path(), catalogue() / "state" / "site"):
        if (directory / "site.yaml").is_file():
            return directory
    return None


def site_directory(arguments: argparse.Namespace) -> Path:
    """The site directory of a command that cannot do without one. Raises CommandError when there is none."""
    if (site := site_of(arguments)) is None:
        raise CommandError("there is no site here: `arm-ci init DIR` makes one, and --site DIR or ARM_CI_SITE names it")
    return site


def load_config(arguments: argparse.Namespace) -> Config:
    """The checked configuration of the site, or of the catalogue alone; raises ConfigError with every mistake."""
    return load(site_of(arguments))


def load_site(arguments: argparse.Namespace) -> Config:
    """The checked configuration of the site. Raises CommandError without one, ConfigError with every mistake."""
    return load(site_directory(arguments))


def find_variant(config: Config, name: str) -> Variant:
    """The variant of that name; raises CommandError naming the nearest one."""
    known = {variant.name: variant for variant in variants(config)}
    if name in known:
        return known[name]
    close = nearest(name, known)
    hint = f"; did you mean `{close}`?" if close else ""
    raise CommandError(f"--variant: there is no variant `{name}`{hint} (`arm-ci matrix` lists them)")


def find_worker(config: Config, name: str) -> Worker:
    """The worker of that name; raises CommandError naming the nearest one."""
    if name in config.workers:
        return config.workers[name]
    raise CommandError(f"NAME: unknown worker `{name}`" + suggestion(name, config.workers, "there are"))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
