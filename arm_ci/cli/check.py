"""`arm-ci check`: every mistake in the configuration and its patch sets, or a line that says what it holds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arm_ci.cli.options import DONE, USAGE, add_site_option, site_of
from arm_ci.config import Config, ConfigError, load, variants
from arm_ci.config.problems import count
from arm_ci.plan.patching import patch_set_problems


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "check",
        help="check the configuration",
        description="Reads the configuration and reports every mistake as FILE:LINE:COLUMN: what is wrong.",
    )
    add_site_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the mistakes (status 2) or what was read (status 0)."""
    site = site_of(arguments)
    try:
        config = load(site)
        problems = patch_set_problems(config)
    except ConfigError as error:
        problems = tuple(str(problem) for problem in error.problems)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(count(len(problems), "mistake"), file=sys.stderr)
        return USAGE
    print(summary(config, site))
    return DONE


def summary(config: Config, site: Path | None) -> str:
    """What a site without mistakes holds, or the catalogue alone, in one line."""
    chosen = variants(config)
    toolchains = {(variant.compiler, variant.linker) for variant in chosen}
    parts = (
        count(len(config.boards), "board"),
        count(len(toolchains), "toolchain"),
        count(len(config.projects), "project"),
        count(len(chosen), "variant"),
        *((count(len(config.workers), "worker"),) if site else ()),
    )
    return f"{site.resolve() if site else 'the catalogue'}: {', '.join(parts)}: no mistakes"
