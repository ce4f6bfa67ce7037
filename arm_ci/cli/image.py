"""`arm-ci image`: what guests start from; making images from the recipes in workers/images, listing and removing them.

Importing a cloud image is image_import.py's.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from arm_ci.catalogue import catalogue
from arm_ci.cli import image_import
from arm_ci.cli.instance import state_of
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, USAGE, CommandError, add_site_option, aligned, site_directory
from arm_ci.guests import image_prerequisites, image_recipe, making
from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import Image, ImageStore

WORKERS = catalogue() / "workers"
DIRECTORY = "images"
"""Of the state directory."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `arm-ci image` and its actions."""
    parser = subparsers.add_parser("image", help="make, import, list or remove the images that guests start from")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    build = actions.add_parser(
        "build",
        help="make an image from a recipe",
        description="Make an image from a recipe, unless there is one that was made from the very same.",
    )
    build.add_argument("name", metavar="NAME", help=f"recipe: {', '.join(image_recipe.names(WORKERS / 'images'))}")
    build.add_argument("--recipes", type=Path, default=WORKERS / "images", metavar="DIR", help="directory of recipes")
    build.add_argument(
        "--again", action="store_true", help="make it even if the recipe is the same: Debian's packages may be newer"
    )
    build.set_defaults(run=run_build)
    image_import.add_parser(actions)
    everything = actions.add_parser("list", help="list images: size, when they were made, from what")
    everything.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="remove an image and its snapshots")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)
    for action in (build, everything, remove):
        add_site_option(action, needed=True)
        action.add_argument(
            "--state",
            type=Path,
            metavar="DIR",
            help="state directory (default: what the configuration's site.yaml says)",
        )


def run_build(arguments: argparse.Namespace) -> int:
    """Makes an image from a recipe; a line for each step."""
    store = _store(arguments)
    try:
        chosen = image_recipe.read(arguments.recipes, arguments.name)
    except ImageError as error:
        raise CommandError(str(error), USAGE) from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        image_prerequisites.check(chosen.architecture, emulator=chosen.inside == "systemd")
    except ImageError as error:
        raise CommandError(str(error), OUTSIDE) from None
    try:
        image, made = making.make_image(store, chosen, WORKERS / "guest", _say, arguments.again)
    except ImageError as error:
        raise CommandError(f"image `{arguments.name}`: {error}", FAILED) from None
    if made:
        print(f"{image.name}: made in {image.build_seconds:.0f} s, {_size(image)}: {image.directory}")
    else:
        print(f"{image.name}: made {_when(image)} from the very same recipe; nothing to do: {image.directory}")
    return DONE


def run_list(arguments: argparse.Namespace) -> int:
    """Lists images: size, when they were made, from what."""
    store = _store(arguments)
    rows = [
        (image.name, f"{image.architecture} {image.machine}", _size(image), _when(image), _from(image))
        for image in store.list()
    ]
    if not rows:
        print(f"no images in {store.directory}; `arm-ci image build NAME` makes one")
        return DONE
    rows.insert(0, ("image", "machine", "size", "made", "from"))
    print("\n".join(aligned(rows)))
    return DONE


def run_remove(arguments: argparse.Namespace) -> int:
    """Removes one image."""
    store = _store(arguments)
    try:
        store.remove(arguments.name)
    except ImageError as error:
        raise CommandError(str(error), USAGE) from None
    print(f"{arguments.name}: removed")
    return DONE


def _from(image: Image) -> str:
    """What it was made from, and whether that is another by now."""
    if image.origin != "recipe":
        return f"{image.origin}: {image.about.get('file', '')}"
    said = f"recipe: {image.about.get('suite', '')}, Linux {image.about.get('kernel', '')}"
    try:
        changed = making.key_of(image_recipe.read(WORKERS / "images", image.name), WORKERS / "guest") != image.key
    except ImageError:
        # Of another directory of recipes.
        return said
    return f"{said}; the recipe is another by now" if changed else said


def _store(arguments: argparse.Namespace) -> ImageStore:
    state = arguments.state or state_of(site_directory(arguments))
    store = ImageStore(Path(os.path.realpath(state)) / DIRECTORY)
    store.tidy()
    return store


def _say(line: str) -> None:
    print(line, flush=True)


def _size(image: Image) -> str:
    return f"{image.size_bytes() / (1 << 20):,.0f} MB"


def _when(image: Image) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(image.made_at))
