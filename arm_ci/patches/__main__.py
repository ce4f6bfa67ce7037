"""`python3 patches.pyz check | apply | forced`: the patch engine for a machine that has nothing but Python (>= 3.7).

    python3 patches.pyz check|apply --source DIR --bundle bundle.json [--architecture arm64 ...]
    python3 patches.pyz forced --source DIR --patch FILE --strip 1

prints JSON on stdout. Exit status: 0 done, 1 a patch conflicts, 2 usage, bundle or patch file error, 3 the tree cannot
be read or written. From a checkout of arm_ci it is `python3 -m arm_ci.patches`.
"""

# ruff: noqa: PTH112, PTH123

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from . import engine, forced
from .diffs import BundleError
from .transaction import SourceError


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="patches.pyz", description="Check or apply patches on a source tree.")
    commands = parser.add_subparsers(dest="command", metavar="check|apply|forced", required=True)
    for name in ("check", "apply"):
        command = commands.add_parser(name, description=f"{name.capitalize()} a patch set.")
        command.add_argument("--source", required=True, metavar="DIR", help="source tree")
        command.add_argument(
            "--bundle", required=True, metavar="FILE", help="JSON bundle of the patch set; - reads stdin"
        )
        command.add_argument("--upstream-version", metavar="VERSION", help="default: read from the tree")
        for axis in ("architecture", "compiler", "compiler-version", "generator", "os"):
            command.add_argument("--" + axis, metavar="NAME", help="default: every condition on it counts as met")
    command = commands.add_parser("forced", description="Apply a patch of a person, the whole of it or nothing.")
    command.add_argument("--source", required=True, metavar="DIR", help="source tree")
    command.add_argument("--patch", required=True, metavar="FILE", help="the patch, a unified diff")
    command.add_argument("--strip", type=_strip, default=1, metavar="N", help="leading parts of paths to leave out")
    return parser.parse_args(arguments)


def _strip(text: str) -> int:
    try:
        return forced.parse_strip(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = _arguments(arguments)
    try:
        return _run_forced(options) if options.command == "forced" else _run_series(options)
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 3 if os.path.isdir(options.source) else 2


def _run_series(options: argparse.Namespace) -> int:
    try:
        if options.bundle == "-":
            bundle = json.loads(sys.stdin.buffer.read().decode())
        else:
            with open(options.bundle, encoding="utf-8") as file:
                bundle = json.load(file)
        series = engine.load_bundle(bundle)
    except (OSError, ValueError, RecursionError, BundleError) as error:
        sys.stderr.write(f"{options.bundle}: {getattr(error, 'strerror', None) or error}\n")
        return 2
    context = engine.Context(
        options.upstream_version,
        options.architecture,
        options.compiler,
        options.compiler_version,
        options.generator,
        options.os,
    )
    states = (engine.apply if options.command == "apply" else engine.check)(series, options.source, context)
    version = context.version or engine.read_version(options.source, series.version)
    done = engine.applied(states) if options.command == "apply" else []
    _print(engine.document(version, states, done))
    return 1 if any(state.state == engine.CONFLICTS for state in states) else 0


def _run_forced(options: argparse.Namespace) -> int:
    try:
        with open(options.patch, "rb") as file:
            text = file.read()
    except OSError as error:
        sys.stderr.write(f"{options.patch}: {error.strerror or error}\n")
        return 2
    try:
        applied = forced.apply(text, options.strip, options.source)
    except forced.ForcedPatchError as error:
        _print(forced.document((), error.problems, str(error)))
        return 1
    _print(forced.document(applied, (), forced.sentence(applied)))
    return 0


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
