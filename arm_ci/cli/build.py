"""`arm-ci build`: a variant's build on this machine, without a master, from the same recipe.

Here is what the caller may say; local_build.py runs it.
"""

from __future__ import annotations

import argparse
import signal

from arm_ci.cli import place
from arm_ci.cli.local_build import LocalBuild
from arm_ci.cli.options import CommandError, add_site_option, find_variant, load_config
from arm_ci.cli.patch_option import add_patch_options, given_patch
from arm_ci.plan import Choices, Recipe
from arm_ci.plan.choices import parse_targets


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci build`."""
    parser = subparsers.add_parser(
        "build",
        help="build a variant on this machine, without a master",
        description="Builds a variant from a source tree on this machine with the commands that the master's steps "
        "run. The patch set, and before it a patch of your own, are applied to the source tree.",
    )
    add_site_option(parser)
    parser.add_argument("--variant", required=True, metavar="NAME", help="builder name, as `arm-ci matrix` prints it")
    parser.add_argument("--source", required=True, metavar="DIR", help="source tree (it gets the patches)")
    parser.add_argument("--directory", metavar="DIR", help="where to build (default: beside the source tree)")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="edges at once at most (default: the board's)")
    parser.add_argument("--targets", default="", metavar="'A B'", help="targets to build (default: the project's)")
    add_patch_options(parser)
    parser.add_argument("--keep", action="store_true", help="keep what an earlier build left in the build tree")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the build, stage by stage."""
    config = load_config(arguments)
    variant = find_variant(config, arguments.variant)
    if arguments.jobs < 0:
        raise CommandError(f"--jobs: a number of edges at once was expected, not {arguments.jobs}")
    try:
        targets = parse_targets(arguments.targets)
    except ValueError as error:
        raise CommandError(f"--targets: {error}") from error
    patch = given_patch(arguments)
    places = place.choose(arguments.source, arguments.directory, variant.name)
    recipe = Recipe(config, variant)
    # Whoever stops us any other way than with Ctrl-C wants the compilers stopped too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    choices = Choices(arguments.jobs or recipe.default_jobs(), targets)
    return LocalBuild(recipe, places, choices, arguments.keep, patch).run()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
