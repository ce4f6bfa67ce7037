"""`arm-ci init`: makes a site directory, which holds what is a site's own; everything else is the catalogue's."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from arm_ci.cli.options import DONE, CommandError

_FILES = {
    "site.yaml": """\
# This master. Every key has a default; docs/configuration.md explains each.
title: arm_ci
# The web UI and the workers of this machine. Boards connect with TLS: `tls: {}` opens port 9990 for them.
web:
  port: 8010
workers:
  port: 9989
""",
    "projects.yaml": """\
# What is built. A project that ships is named, and built as it ships; what you write below its name counts instead.
# `arm-ci matrix` shows the variants that come of it.

# A small project that shows everything in two minutes. Take it out when yours are here.
sample:
""",
    "workers.yaml": """\
# The machines that build. `arm-ci worker add NAME --board BOARD` adds one and says what to do there.

# Builds run inside the master, on this machine.
local:
  board: local
  local: true
""",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci init`."""
    parser = subparsers.add_parser(
        "init",
        help="make a site directory: a master's own configuration",
        description="Make a site directory with the few files that are a master's own. Boards, toolchains, projects "
        "and patch sets that ship are used by name. Nothing that is there is overwritten.",
    )
    parser.add_argument("directory", metavar="DIR", help="made when it is not there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes the files and says what comes next."""
    if not arguments.directory:
        raise CommandError("DIR: a directory was expected, not an empty text")
    directory = Path(arguments.directory)
    for name in _FILES:
        if (directory / name).is_symlink() or (directory / name).exists():
            raise CommandError(f"{directory / name} is there already, and a site is not overwritten")
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (directory / name).write_text(text, encoding="utf-8")
        print(f"made: {directory / name}")
    site = "" if directory.resolve() == Path.cwd() else f" --site {shlex.quote(str(directory))}"
    print(f"\n`arm-ci run{site}` starts the master and builds the sample project; `arm-ci stop{site}` stops it.")
    return DONE
