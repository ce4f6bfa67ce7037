"""`arm-ci matrix`: the variants of the configuration, or why a combination is in or out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from arm_ci.cli.options import DONE, CommandError, add_site_option, aligned, load_config
from arm_ci.config import Config, Variant, variants
from arm_ci.config.keys import AXES, Tier
from arm_ci.config.problems import count, suggestion
from arm_ci.config.shapes import shape_of
from arm_ci.config.why import UnknownCombination, axis_values, why

FILTERS = (*AXES, "tier")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "matrix",
        help="show the variants, or why a combination is in or out",
        description="Shows the variants that the configuration makes. A filter may be given several times: any of "
        "its values matches; different filters must all match.",
    )
    add_site_option(parser)
    for axis in FILTERS:
        parser.add_argument(
            f"--{axis.replace('_', '-')}",
            dest=axis,
            action="append",
            default=[],
            metavar="NAME",
            help=f"only this {axis}",
        )
    parser.add_argument("--json", action="store_true", help="a list of objects, a key an axis")
    parser.add_argument(
        "--why",
        metavar="TEXT",
        help="why a combination is in or out: a builder's name, or words such as 'board=rpi4 linker=lld'",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table, the JSON or the explanation."""
    config = load_config(arguments)
    wanted = {axis: tuple(getattr(arguments, axis)) for axis in FILTERS if getattr(arguments, axis)}
    if arguments.why is not None:
        if wanted or arguments.json:
            raise CommandError("--why takes the whole combination as its text; leave --json and the filters out")
        try:
            print(why(config, arguments.why))
        except UnknownCombination as error:
            raise CommandError(f"--why: {error}") from None
        return DONE
    chosen = select(config, wanted)
    print(as_json(chosen) if arguments.json else table(chosen))
    return DONE


def select(config: Config, wanted: Mapping[str, Sequence[str]]) -> list[Variant]:
    """The variants that match every filter. Raises CommandError for a value that the configuration does not know."""
    known = {**axis_values(config), "tier": shape_of(Tier).choices}
    for axis, values in wanted.items():
        for value in values:
            if value not in known[axis]:
                shown = axis.replace("_", "-")
                raise CommandError(f"--{shown}: unknown `{value}`" + suggestion(value, known[axis], "there are"))
    return [
        variant
        for variant in variants(config)
        if all(getattr(variant, axis) in values for axis, values in wanted.items())
    ]


def as_json(chosen: Sequence[Variant]) -> str:
    """A list of objects with `name`, the axes, `tier` and `distcc`."""
    keys = ("name", *FILTERS, "distcc")
    return json.dumps([{key: getattr(variant, key) for key in keys} for variant in chosen], indent=1)


def table(chosen: Sequence[Variant]) -> str:
    """The variants in aligned columns, and their number."""
    columns = ("name", *FILTERS)
    rows = [tuple(column.replace("_", " ") for column in columns)]
    rows += [tuple(getattr(variant, column) for column in columns) for variant in chosen]
    return "\n".join([*(aligned(rows) if chosen else []), count(len(chosen), "variant")])
