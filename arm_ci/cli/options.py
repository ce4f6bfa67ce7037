"""What several commands share: where the configuration is, and how a mistake of the caller is said.

Nothing here prints or exits; `arm_ci.cli.main` turns a CommandError into one line and an exit status.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

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


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--config DIR`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="DIR",
        help="directory with site.yaml, boards.yaml, ... (default: $ARM_CI_CONFIG, ./config, or the one shipped)",
    )


def config_directory(arguments: argparse.Namespace) -> Path:
    """The directory named by --config or $ARM_CI_CONFIG, else ./config, else the one beside the package."""
    if arguments.config is not None:
        return Path(arguments.config)
    if from_environment := os.environ.get("ARM_CI_CONFIG"):
        return Path(from_environment)
    here = Path("config")
    if (here / "projects.yaml").is_file():
        return here
    shipped = catalogue() / "config"
    return shipped if shipped.is_dir() else here


def load_config(arguments: argparse.Namespace) -> Config:
    """The checked configuration; raises ConfigError with every mistake."""
    return load(config_directory(arguments))


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
