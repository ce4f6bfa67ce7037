"""`arm-ci image`: what guests start from. Each action has a file of its own."""

from __future__ import annotations

import argparse

from arm_ci.cli import image_import


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci image` with its actions."""
    parser = subparsers.add_parser("image", help="import an image that guests start from")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    image_import.add_parser(actions)
