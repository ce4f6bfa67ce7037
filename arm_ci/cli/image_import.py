"""`arm-ci image import`: a cloud image for guests. The work is arm_ci.guests.importing's."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from pathlib import Path

from arm_ci.cli.instance import state_of
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, USAGE, CommandError, add_site_option, site_directory
from arm_ci.guests.errors import ImageError, MissingToolError
from arm_ci.guests.first_start import LOGIN
from arm_ci.guests.image import NAME, Image, ImageStore
from arm_ci.guests.importing import DISK_BYTES, KINDS, PRIVATE_KEY, Wanted, import_image
from arm_ci.guests.own_user_data import checked_cloud_config, checked_ignition
from arm_ci.guests.ssh_keys import read_public_key

_PROGRESS_SECONDS = 5.0
_UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def add_parser(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the action `import`."""
    parser = actions.add_parser(
        "import",
        help="take a cloud image of Debian, Ubuntu, Fedora or Fedora CoreOS",
        description="Takes a cloud image for arm64 or armhf: a disk image (qcow2 or raw, also packed with xz or gzip) "
        "that starts through UEFI firmware.",
    )
    parser.add_argument("name", metavar="NAME", help="what boards call it: small letters, digits, `.` and `-`")
    parser.add_argument("file", type=Path, metavar="FILE", help="the file as it was downloaded")
    parser.add_argument(
        "--kind", choices=KINDS, default=KINDS[0], help="what sets it up; Fedora CoreOS: ignition (default: cloud-init)"
    )
    parser.add_argument(
        "--ssh-key", type=Path, metavar="FILE.pub", help="public key that may log in (default: a pair is made)"
    )
    parser.add_argument(
        "--user-data",
        type=Path,
        metavar="FILE",
        help="of your own, in addition: cloud-config, for ignition its JSON; for a proxy, a certificate, ...",
    )
    parser.add_argument(
        "--disk", metavar="SIZE", default="", help="what its disk is grown to, for example 64G (default: 32G)"
    )
    add_site_option(parser, needed=True)
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="state directory (default: what the configuration's site.yaml says)"
    )
    parser.set_defaults(run=run_import)


def run_import(arguments: argparse.Namespace) -> int:
    """Imports the image and says what it is and how to log in to a guest of it."""
    if not arguments.file.is_file():
        raise CommandError(f"{arguments.file}: there is no such file")
    wanted = Wanted(
        name=arguments.name,
        file=arguments.file,
        kind=arguments.kind,
        public_key=_public_key(arguments.ssh_key),
        own=_own(arguments.user_data, arguments.kind),
        disk_bytes=_size(arguments.disk),
    )
    state = arguments.state or state_of(site_directory(arguments))
    store = ImageStore(Path(os.path.realpath(state)) / "images")
    store.tidy()
    # A stop is an interruption like the terminal's: what is half made goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        image, new = import_image(store, wanted, _Progress())
    except MissingToolError as error:
        raise CommandError(str(error), OUTSIDE) from None
    except ImageError as error:
        raise CommandError(str(error), FAILED if NAME.fullmatch(wanted.name) else USAGE) from None
    print(_summary(image, new))
    return DONE


def _public_key(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return read_public_key(file)
    except ImageError as error:
        raise CommandError(f"--ssh-key: {error}") from None


def _own(file: Path | None, kind: str) -> str:
    if file is None:
        return ""
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        if kind == "ignition":
            checked_ignition(text)
        else:
            checked_cloud_config(text)
    except ImageError as error:
        raise CommandError("\n".join(f"--user-data: {file}: {line}" for line in str(error).splitlines())) from None
    return text


def _size(text: str) -> int:
    if not text:
        return DISK_BYTES
    if not re.fullmatch(r"[1-9][0-9]{0,6}[MGT]", text):
        raise CommandError(f"--disk: a size such as 64G was expected, not `{text}`")
    return int(text[:-1]) * _UNITS[text[-1]]


def _summary(image: Image, new: bool) -> str:
    how = f"imported in {image.build_seconds:.0f} s" if new else "there already"
    lines = [
        f"image {image.name}: {how}, {image.architecture}, {image.origin}, {image.size_bytes() / 1e6:.0f} MB",
        f"  sha256 of {image.about['file']}: {image.about['sha256']}",
    ]
    key = image.path(PRIVATE_KEY)
    which = f"key {key}" if key.is_file() else "with your key"
    return "\n".join([*lines, f"  ssh: user {LOGIN}, {which}"])


class _Progress:
    """A line for each thing that is done, and one every few seconds while it lasts."""

    def __init__(self) -> None:
        self._action = ""
        self._said_at = 0.0

    def __call__(self, action: str, done: float) -> None:
        now = time.monotonic()
        if action == self._action and now - self._said_at < _PROGRESS_SECONDS:
            return
        percent = f": {done:.0%}" if action == self._action else ""
        print(f"  {action}{percent}", file=sys.stderr, flush=True)
        self._action, self._said_at = action, now
